import type { ReactNode } from "react";
import { useMemo } from "react";
import { ChartCard } from "../../charts/ChartCard";
import "../../charts/charts.css";
import type { ChartSettings } from "../../charts/settings";
import { command, count, moment, number, plain } from "../../format";
import { Ago, Took } from "../../parts/Ago";
import { Grade, Verdict } from "../../parts/Badge";
import { Command } from "../../parts/Copy";
import { Link } from "../../parts/Link";
import type { Document } from "../../schema";
import { useChartRun } from "./Run";

const mostCharts = 4;

export function Overview({ run }: { run: Document }) {
  return (
    <div className="overview">
      <div className="column">
        <Facts run={run} />
        <Reproduce run={run} />
        <Trust run={run} />
      </div>
      <div className="column">
        <FirstCharts run={run} />
        <Results run={run} />
      </div>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Facts({ run }: { run: Document }) {
  const commit = plain(run.code.commit);
  return (
    <section className="card" aria-label="What it is">
      <h2>
        What ran <span>{run.by}</span>
      </h2>
      <dl className="facts">
        <Fact name="command">
          <code>{command(run.argv?.length ? run.command : run.command) || "–"}</code>
        </Fact>
        <Fact name="who">
          {run.user ?? "–"} on {run.host ?? "–"}
        </Fact>
        <Fact name="when">
          {moment(run.created)} (<Ago time={run.created} worded />)
        </Fact>
        <Fact name="took">
          <Took seconds={run.duration_s} since={run.status === "running" ? run.created : undefined} />
          {run.exit_code ? `, exit code ${run.exit_code}` : ""}
        </Fact>
        {run.error ? <Fact name="error">{<code className="bad">{plain(run.error)}</code>}</Fact> : null}
        <Fact name="code">{commit ? <code>{commit.slice(0, 12)}</code> : count(Number(run.code.files ?? 0), "file")}</Fact>
        <Fact name="on">
          {plain(run.environment.implementation) || "Python"} {plain(run.environment.python)}, {count(Object.keys((run.environment.packages as object) ?? {}).length, "package")}, {plain(run.hardware.cpu)}
        </Fact>
        {run.reproduction_of && (
          <Fact name="reproduces">
            <Link href={`/runs/${run.reproduction_of}`} className="text">
              {run.reproduction_of}
            </Link>
          </Fact>
        )}
        {Object.entries(run.tags).map(([name, value]) => (
          <Fact key={name} name={name}>
            {plain(value)}
          </Fact>
        ))}
        {run.notes && <Fact name="notes">{<span className="notes">{run.notes}</span>}</Fact>}
      </dl>
    </section>
  );
}

function Reproduce({ run }: { run: Document }) {
  const last = run.verdicts.at(-1);
  return (
    <section className="card" aria-label="Reproductions">
      <h2>
        Run anew <span>{run.verdicts.length ? count(run.verdicts.length, "time") : "never yet"}</span>
      </h2>
      <div className="inside">
        <Command text={`anew reproduce ${run.id}`} />
        {run.verdicts.toReversed().map((one) => (
          <div key={one.seq} className="line">
            <Verdict verdict={one.verdict} />
            <span className="muted">
              {one.compared !== undefined && `${one.equal ?? 0} of ${one.compared} results the same`}
              {one.actor && `, by ${one.actor}`}, <Ago time={one.time} />
            </span>
            {one.reproduction && (
              <Link href={`/runs/${one.reproduction}`} className="text">
                {one.reproduction}
              </Link>
            )}
          </div>
        ))}
        {last?.causes?.map((cause) => (
          <p key={`${cause.factor} ${cause.what}`}>
            <b>{cause.factor}</b> {cause.what}
          </p>
        ))}
      </div>
    </section>
  );
}

function Trust({ run }: { run: Document }) {
  const missing = run.grade.missing ?? [];
  return (
    <section className="card" aria-label="Grade">
      <h2>
        How far it can be run again <Grade letter={run.grade.letter} />
      </h2>
      <div className="inside">
        <p className="muted">{run.grade.means ?? "Not judged: the run was not captured by Anew."}</p>
        {missing.map((gap) => (
          <div key={gap.what} className="gap">
            <b>{gap.what}</b>
            <span>{gap.why}</span>
            <em>{gap.mend}</em>
          </div>
        ))}
      </div>
    </section>
  );
}

const still: ChartSettings = { x: "step", smooth: 0, log: false, clip: false, zoom: null, setZoom: () => undefined };

/** The first metrics, by name as they come; the charts tab has all. */
function FirstCharts({ run }: { run: Document }) {
  const runs = useChartRun(run);
  const drawn = Object.entries(run.metric_stats).filter(([, of]) => of.count > 1);
  const metrics = useMemo(() => drawn.slice(0, mostCharts).map(([name]) => name), [drawn.length]);
  if (!metrics.length) return null;
  return (
    <div className="charts size-m">
      {metrics.map((metric) => (
        <ChartCard key={metric} metric={metric} runs={runs} settings={still} height={150} />
      ))}
    </div>
  );
}

function Results({ run }: { run: Document }) {
  const rows = Object.entries(run.metric_stats);
  if (!rows.length) return null;
  const show = (value: unknown) => (typeof value === "number" ? number(value) : plain(value));
  return (
    <section className="card" aria-label="Results">
      <h2>
        Results <span>{count(rows.length, "metric")}</span>
      </h2>
      <table className="results">
        <thead>
          <tr>
            <th scope="col">metric</th>
            <th scope="col">last</th>
            <th scope="col">least</th>
            <th scope="col">greatest</th>
            <th scope="col">points</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, of]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{show(of.last)}</td>
              <td>{show(of.min)}</td>
              <td>{show(of.max)}</td>
              <td>{of.count.toLocaleString("en")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
