import type { ReactNode } from "react";
import { useMemo } from "react";
import { ChartCard } from "../../charts/ChartCard";
import type { ChartSettings } from "../../charts/settings";
import { command, count, moment, number, plain } from "../../format";
import { Ago, Took } from "../../parts/Ago";
import { coloured } from "../../parts/Ansi";
import { Grade, Verdict } from "../../parts/Badge";
import { Command, Copy } from "../../parts/Copy";
import { Heads } from "../../parts/Heads";
import { Link } from "../../parts/Link";
import type { Document } from "../../schema";
import { Said } from "./About";
import { useEnd } from "./Console";
import type { Printed } from "./printed";
import { type PartProps, useChartRun } from "./Run";

const mostCharts = 4;

export function Overview({ run }: PartProps) {
  return (
    <div className="overview">
      <div className="column">
        <Problems run={run} />
        <Facts run={run} />
        <Said run={run} />
        <Reproduce run={run} />
        <Trust run={run} />
      </div>
      <div className="column">
        {endedBadly(run) && <LastWords run={run} />}
        <FirstCharts run={run} />
        <Results run={run} />
      </div>
    </div>
  );
}

const [lastLines, fewLines] = [24, 8];

/** The last lines; behind them the last on stderr where that had been written down before. */
function endOf(lines: Printed["lines"]): Printed["lines"] {
  const last = lines.slice(-lastLines);
  const errors = lines.filter((line) => line.stream === "stderr").slice(-lastLines);
  return last.some((line) => line.stream === "stderr") ? last : [...last.slice(errors.length ? -fewLines : 0), ...errors];
}

function endedBadly(run: Document): boolean {
  return Boolean(run.error || run.exit_code) || ["failed", "crashed"].includes(run.status);
}

function LastWords({ run }: { run: Document }) {
  const { data: lines } = useEnd(run.id);
  if (!lines?.length) return null;
  return (
    <section className="card" aria-label="The last it printed">
      <h2>
        The last it printed
        <Link href={`/runs/${run.id}?tab=console`} className="text">
          all of it
        </Link>
      </h2>
      <pre className="last-words" tabIndex={0}>
        {endOf(lines).map((line, at) => (
          <div key={at} className={line.stream}>
            {coloured(line.text)}
          </div>
        ))}
      </pre>
    </section>
  );
}

/** What went wrong, in the run or in its record. */
function Problems({ run }: { run: Document }) {
  const problems = [...(run.incomplete ? [`The record is incomplete: ${run.incomplete}`] : []), ...run.problems.map(plain)];
  const lost = run.error ? plain(run.error) : run.exit_code ? `It ended with exit code ${run.exit_code}.` : "";
  if (!problems.length && !lost) return null;
  return (
    <section className="card problems" aria-label="Problems">
      <h2>{lost ? "It did not end well" : "The record has gaps"}</h2>
      <div className="inside">
        {lost && <pre>{lost}</pre>}
        {problems.map((problem, at) => (
          <p key={at}>{problem}</p>
        ))}
      </div>
    </section>
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
          <span className="line">
            <code>{command(run.command) || "–"}</code>
            {run.argv?.length ? <Copy text={command(run.argv)} what="the command as it ran" /> : null}
          </span>
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
        <Fact name="code">
          <Link href={`/runs/${run.id}?tab=code`} className="text">
            {commit ? <code>{commit.slice(0, 12)}</code> : count(Number(run.code.files ?? 0), "file")}
          </Link>
          {run.code.dirty === true && ", and what had not been committed"}
        </Fact>
        <Fact name="data">
          <Link href={`/runs/${run.id}?tab=data`} className="text">
            {run.inputs.length} read, {run.outputs.length} written
          </Link>
        </Fact>
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
            <Link href={`/reproductions/${run.id}/${one.seq}`} title="What the verdict rests on">
              <Verdict verdict={one.verdict} />
            </Link>
            <span className="muted">
              {one.compared !== undefined && `${one.equal ?? 0} of ${one.compared} results the same`}
              {one.actor && `, by ${one.actor}`}, <Ago time={one.time} worded />
            </span>
            {one.reproduction && (
              <Link href={`/runs/${one.reproduction}`} className="text" title={one.reproduction}>
                its run
              </Link>
            )}
            <Link href={`/reproductions/${run.id}/${one.seq}`} className="text">
              evidence
            </Link>
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
        <Heads names={["metric", "last", "least", "greatest", "points"]} />
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
