/** One run: what it is, how far it can be trusted, and everything it logged, printed and wrote. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { ask } from "../../api";
import type { ChartRun } from "../../charts/lines";
import { Panels } from "../../charts/Panels";
import { chartDefaults } from "../../charts/settings";
import { colourOf, colourVar } from "../../colour";
import { Status, Verdict } from "../../parts/Badge";
import { Copy } from "../../parts/Copy";
import { Link } from "../../parts/Link";
import { Empty, Failed, Skeleton } from "../../parts/States";
import type { Document } from "../../schema";
import { useView } from "../../url";
import { Config } from "./Config";
import { Console } from "./Console";
import { Files } from "./Files";
import { Overview } from "./Overview";
import "./run.css";

const runDefaults = { ...chartDefaults, tab: "overview", find: "" };
export type RunView = typeof runDefaults;

const tabs = ["overview", "charts", "config", "console", "files"] as const;

export default function Run({ id }: { id: string }) {
  const [view, change] = useView(runDefaults);
  const { data, error, refetch } = useQuery({
    queryKey: ["run", id],
    queryFn: ({ signal }) => ask("GET /api/v1/runs/{id}", { path: { id } }, signal),
    meta: { runs: [id] },
  });
  useEffect(() => {
    if (data) document.title = `${data.name ?? id} · Anew`;
  }, [data, id]);
  if (error) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton rows={10} />;
  return (
    <article className="run">
      <Title run={data} />
      <nav className="tabs" aria-label="Parts of the run">
        {tabs.map((tab) => (
          <button key={tab} type="button" aria-current={view.tab === tab ? "page" : undefined} onClick={() => change({ tab })}>
            {tab} <Amount run={data} tab={tab} />
          </button>
        ))}
      </nav>
      {view.tab === "overview" && <Overview run={data} />}
      {view.tab === "charts" && <Charts run={data} view={view} change={change} />}
      {view.tab === "config" && <Config run={data} />}
      {view.tab === "console" && <Console run={data} find={view.find} setFind={(find) => change({ find }, "replace")} />}
      {view.tab === "files" && <Files run={data} />}
    </article>
  );
}

function Title({ run }: { run: Document }) {
  return (
    <header className="run-title">
      <i className="swatch" style={{ background: colourVar(colourOf(run.id, run.tags["anew.colour"])) }} />
      <h1>{run.name ?? run.id}</h1>
      {!run.reproduction_of && <Verdict verdict={run.verdict} large />}
      {run.status !== "finished" && <Status status={run.status} worded />}
      <span className="grow" />
      {run.project && (
        <Link href={`/runs?project=${encodeURIComponent(run.project)}`} className="muted">
          {run.project}
        </Link>
      )}
      <code className="muted">{run.id}</code>
      <Copy text={run.id} what="the id" />
    </header>
  );
}

function Amount({ run, tab }: { run: Document; tab: (typeof tabs)[number] }) {
  const many = { overview: 0, charts: Object.keys(run.metrics).length, config: Object.keys(run.config).length, console: 0, files: run.outputs.length }[tab];
  return many ? <small>{many}</small> : null;
}

/** The run as its own charts show it. */
export function useChartRun(run: Document): ChartRun[] {
  const { id, name, created } = run;
  const colour = colourOf(id, run.tags["anew.colour"]);
  return useMemo(() => [{ id, name: name ?? id, colour, dash: [], created }], [id, name, colour, created]);
}

function Charts({ run, view, change }: { run: Document; view: RunView; change: (changes: Partial<RunView>) => void }) {
  const runs = useChartRun(run);
  const names = [...Object.keys(run.metric_stats), ...Object.keys(run.system).map((name) => `system/${name}`)].join("\n");
  const metrics = useMemo(() => names.split("\n").filter(Boolean), [names]);
  if (!metrics.length) return <Empty title="No metrics">{<p>This run logged no numbers over time.</p>}</Empty>;
  return <Panels metrics={metrics} runs={runs} view={view} change={change} />;
}
