/** One run: what it is, how far it can be trusted, and everything it logged, printed, read and wrote. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { ask } from "../../api";
import "../../charts/charts.css";
import type { ChartRun } from "../../charts/lines";
import { Panels } from "../../charts/Panels";
import { chartDefaults } from "../../charts/settings";
import { colourOf, colourVar } from "../../colour";
import { Status, Verdict } from "../../parts/Badge";
import { Copy } from "../../parts/Copy";
import { Icon } from "../../parts/Icon";
import { Link } from "../../parts/Link";
import { Empty, Failed, Skeleton } from "../../parts/States";
import { Tabs } from "../../parts/Tabs";
import type { Document } from "../../schema";
import { type SetView, useView } from "../../url";
import { Code } from "./Code";
import { Config } from "./Config";
import { Console } from "./Console";
import { Data } from "./Data";
import { Environment, packagesOf } from "./Environment";
import { Media } from "./Media";
import { mediaOf } from "./media";
import { Overview } from "./Overview";
import "./run.css";

const runDefaults = { ...chartDefaults, tab: "overview", find: "", file: "", diff: "", with: "", at: "" };
export type RunView = typeof runDefaults;
export interface PartProps {
  run: Document;
  view: RunView;
  change: SetView<RunView>;
}

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
  const { Shown } = parts.find(({ name }) => name === view.tab) ?? overview;
  return (
    <article className="run">
      <Title run={data} />
      <Tabs
        label="Parts of the run"
        tabs={parts.map(({ name, amount }) => ({ name, amount: amount(data) }))}
        current={view.tab}
        choose={(tab) => change({ tab, find: "", file: "", diff: "", with: "", metric: "" })}
      >
        <Link href={`/lineage?of=run:${data.id}`}>
          lineage <Icon name="right" size={11} />
        </Link>
      </Tabs>
      <Shown run={data} view={view} change={change} />
    </article>
  );
}

interface RunPart {
  name: string;
  amount: (run: Document) => number;
  Shown: (props: PartProps) => React.ReactNode;
}

const overview: RunPart = { name: "overview", amount: () => 0, Shown: Overview };
const parts: RunPart[] = [
  overview,
  { name: "charts", amount: (run) => Object.keys(run.metric_stats).length, Shown: (props) => <Charts {...props} metrics={Object.keys(props.run.metric_stats)} none="This run logged no numbers over time." /> },
  { name: "media", amount: (run) => mediaOf(run).length, Shown: Media },
  { name: "config", amount: (run) => Object.keys(run.config).length, Shown: Config },
  { name: "code", amount: () => 0, Shown: Code },
  { name: "data", amount: (run) => run.inputs.length + run.outputs.length, Shown: Data },
  { name: "environment", amount: (run) => packagesOf(run).length, Shown: Environment },
  { name: "system", amount: (run) => Object.keys(run.system).length, Shown: (props) => <Charts {...props} metrics={Object.keys(props.run.system).map((name) => `system/${name}`)} none="Nothing was measured of the machine: the run was too short, or not under anew run." /> },
  { name: "console", amount: () => 0, Shown: Console },
];

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

/** The run as its own charts show it. */
export function useChartRun(run: Document): ChartRun[] {
  const { id, name, created } = run;
  const colour = colourOf(id, run.tags["anew.colour"]);
  return useMemo(() => [{ id, name: name ?? id, colour, dash: [], created }], [id, name, colour, created]);
}

function Charts({ run, view, change, metrics, none }: PartProps & { metrics: string[]; none: string }) {
  const runs = useChartRun(run);
  const key = metrics.join("\n");
  const names = useMemo(() => key.split("\n").filter(Boolean), [key]);
  if (!names.length) return <Empty title="No metrics">{<p>{none}</p>}</Empty>;
  return <Panels metrics={names} runs={runs} view={view} change={change} />;
}
