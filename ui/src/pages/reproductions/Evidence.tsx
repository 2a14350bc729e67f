/** One verdict and what it rests on: why, factor by factor, output by output, and the curves on top of each other. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ask } from "../../api";
import { ChartCard } from "../../charts/ChartCard";
import "../../charts/charts.css";
import type { ChartRun } from "../../charts/lines";
import { chartDefaults, useSettings } from "../../charts/settings";
import { colourOf } from "../../colour";
import { count, number, plain, span } from "../../format";
import { Ago } from "../../parts/Ago";
import { Verdict } from "../../parts/Badge";
import { Command } from "../../parts/Copy";
import { Link } from "../../parts/Link";
import { Failed, Skeleton } from "../../parts/States";
import type { Cause, Compared, Document, Evidence as Found } from "../../schema";
import { useView } from "../../url";
import { Factors } from "./Factors";
import { Outputs } from "./Outputs";
import "./reproductions.css";

const mostCurves = 4;

export default function Evidence({ id, seq }: { id: string; seq: string }) {
  const run = useQuery({
    queryKey: ["run", id],
    queryFn: ({ signal }) => ask("GET /api/v1/runs/{id}", { path: { id } }, signal),
    meta: { runs: [id] },
  });
  const kept = useQuery({
    queryKey: ["evidence", id, seq],
    queryFn: ({ signal }) => ask("GET /api/v1/runs/{id}/evidence/{seq}", { path: { id, seq } }, signal),
  });
  const error = run.error ?? kept.error;
  if (error) return <Failed error={error} retry={() => void kept.refetch()} />;
  if (!run.data || !kept.data) return <Skeleton rows={10} />;
  const compared = Array.isArray(kept.data.compared) ? (kept.data.compared as Compared[]) : [];
  return (
    <article className="evidence">
      <Hero run={run.data} evidence={kept.data} compared={compared} />
      <Command text={`anew reproduce ${id}`} />
      <div className="two">
        <div className="column">
          <Factors evidence={kept.data} />
          <Tests evidence={kept.data} />
        </div>
        <div className="column">
          <Curves run={run.data} evidence={kept.data} compared={compared} />
          <Outputs compared={compared} />
        </div>
      </div>
    </article>
  );
}

function Hero({ run, evidence, compared }: { run: Document; evidence: Found; compared: Compared[] }) {
  const equal = compared.filter((one) => one.equal).length;
  return (
    <header className="card hero">
      <div>
        <h1>
          <Verdict verdict={evidence.verdict} large />
        </h1>
        <p className="muted">
          <Link href={`/runs/${run.id}`} className="text">
            {run.name ?? run.id}
          </Link>
          , run anew {times(evidence.reproductions?.length ?? 1)} <Ago time={evidence.time} worded />
          {evidence.actor && ` by ${evidence.actor}`}
          {evidence.duration_s !== undefined && `, in ${span(evidence.duration_s)}`}
        </p>
      </div>
      <div className="why">
        {evidence.causes?.map((cause) => <Reason key={`${cause.factor} ${cause.what}`} cause={cause} />)}
        {evidence.error && <p className="bad">{evidence.error}</p>}
        {evidence.note && <p className="muted">{evidence.note}</p>}
        {!evidence.causes?.length && !evidence.error && (
          <p>
            {equal} of {count(compared.length, "output")} are the same{equal === compared.length ? ", to the last bit or by a rule that is named." : "."}
          </p>
        )}
      </div>
    </header>
  );
}

function times(many: number): string {
  return many === 1 ? "once" : count(many, "time");
}

function Reason({ cause }: { cause: Cause }) {
  const [before, after] = [plain(cause.before), plain(cause.after)];
  const short = before.length < 60 && after.length < 60 && (before || after);
  return (
    <div className="reason">
      <p>
        <b>Cause: {cause.factor}.</b> <code>{cause.what}</code>{" "}
        {short && (
          <span>
            {before || "nothing"} → {after || "nothing"}
          </span>
        )}
      </p>
      {cause.detail && <pre className="code">{cause.detail}</pre>}
    </div>
  );
}

/** What was tried to tell the causes apart. */
function Tests({ evidence }: { evidence: Found }) {
  if (!evidence.tests?.length) return null;
  return (
    <section className="card" aria-label="Tests of causes">
      <h2>
        Tried to find out why <span>{count(evidence.tests.length, "experiment")}</span>
      </h2>
      <ul className="factors">
        {evidence.tests.map((test, at) => (
          <li key={at}>
            <b className={test.agree ? "ok" : "bad"}>{test.agree ? "=" : "≠"}</b>
            <span>
              {test.held === "nothing" ? "nothing held still" : test.held.startsWith("the clock at") ? test.held : `${test.held.replace(/ held still$/, "")} held still`}
            </span>
            <span className="muted">{test.agree === null ? test.why : `${count(test.trials ?? 1, "trial")} ${test.agree ? "agree" : "differ"}`}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The record and its reproduction in one chart, the first step where they part marked. */
function Curves({ run, evidence, compared }: { run: Document; evidence: Found; compared: Compared[] }) {
  const [view, change] = useView(chartDefaults);
  const settings = useSettings(useMemo(() => ({ ...view, smooth: "0" }), [view]), change);
  const again = evidence.reproduction ?? "";
  const runs = useMemo<ChartRun[]>(() => {
    const colour = colourOf(run.id, run.tags["anew.colour"]);
    const record = { id: run.id, name: "recorded", colour, dash: [], created: run.created };
    return [record, { id: again, name: "run anew", colour: (colour + 1) % 12, dash: [6, 4], created: run.created }];
  }, [run.id, run.created, again]);
  const metrics = compared.filter((one) => one.kind === "metric" && (one.points ?? 0) > 1);
  const shown = [...metrics].sort((one, other) => Number(one.equal) - Number(other.equal)).slice(0, mostCurves);
  if (!shown.length || !again) return null;
  return (
    <div className={`charts ${shown.length > 1 ? "size-m" : "size-l"}`}>
      {shown.map((one) => (
        <ChartCard
          key={one.name}
          metric={one.name}
          runs={runs}
          settings={settings}
          height={190}
          mark={one.equal || one.step === undefined ? undefined : { x: one.step, text: `first difference: step ${number(one.step, 8)}` }}
        />
      ))}
    </div>
  );
}
