/** Some runs beside each other: what differs, their curves, what moves a metric, what they drew. */
import { Suspense, useEffect } from "react";
import { colourOf, colourVar } from "../../colour";
import { lazily } from "../../lazily";
import { Copy } from "../../parts/Copy";
import { Icon } from "../../parts/Icon";
import { Link } from "../../parts/Link";
import { Failed, Skeleton, Start } from "../../parts/States";
import { Tabs } from "../../parts/Tabs";
import { Views } from "../../parts/Views";
import { type SetView, useView } from "../../url";
import { AddRun } from "./AddRun";
import "./compare.css";
import { type ComparedRun, useAround, useChosen, useComparison } from "./data";
import { Differences } from "./Differences";
import { type CompareView, compareDefaults } from "./view";

const Curves = lazily(() => import("./Curves"));
const Parallel = lazily(() => import("./Parallel"));
const Scatter = lazily(() => import("./Scatter"));
const Importance = lazily(() => import("./Importance"));
const Media = lazily(() => import("./Media"));

const parts = { charts: Curves, parallel: Parallel, scatter: Scatter, importance: Importance, media: Media };
const tabs = (["differences", "charts", "parallel", "scatter", "importance", "media"] as const).map((name) => ({ name }));

export default function Compare() {
  const [view, change] = useView(compareDefaults);
  const { ids, named, error } = useChosen(view);
  const comparison = useComparison(ids);
  const runs = comparison.data?.runs ?? [];
  const around = useAround(view, runs);
  useEffect(() => {
    document.title = `${named ? `${ids.length} runs` : "Compare"} · Anew`;
  }, [named, ids.length]);
  useEffect(() => {
    for (const part of Object.values(parts)) void part.load();
  }, []);
  if (error || comparison.error) return <Failed error={error ?? comparison.error} retry={() => void comparison.refetch()} />;
  if (!comparison.data) return ids.length === 0 && !named ? <Begin /> : <Skeleton rows={10} />;
  const common = { runs, around, view, change };
  return (
    <article className="compare">
      <h1 className="unseen">Compare</h1>
      <Chosen runs={runs} named={named} view={view} change={change} />
      <Tabs label="Parts of the comparison" tabs={tabs} current={view.tab} choose={(tab) => change({ tab })} />
      <Suspense fallback={<Skeleton rows={10} />}>
        {view.tab === "charts" && <Curves {...common} />}
        {view.tab === "parallel" && <Parallel {...common} />}
        {view.tab === "scatter" && <Scatter {...common} />}
        {view.tab === "importance" && <Importance {...common} />}
        {view.tab === "media" && <Media {...common} />}
        {view.tab === "differences" && <Differences {...common} comparison={comparison.data} />}
      </Suspense>
    </article>
  );
}

function Begin() {
  return <Start />;
}

interface ChosenProps {
  runs: ComparedRun[];
  named: boolean;
  view: CompareView;
  change: SetView<CompareView>;
}

/** The runs that are compared; the first is what the others are held against. */
function Chosen({ runs, named, change }: ChosenProps) {
  const ids = runs.map((run) => run.id);
  return (
    <header className="chosen">
      <ul aria-label="Compared runs">
        {runs.map((run) => (
          <li key={run.id} className="chip">
            <i className="swatch" style={{ background: colourVar(colourOf(run.id, run.tags["anew.colour"])) }} />
            <Link href={`/runs/${run.id}`} title={run.id}>
              {run.name ?? run.id}
            </Link>
            {runs.length > 2 && (
              <button type="button" className="quiet" aria-label={`Leave out ${run.name ?? run.id}`} onClick={() => change({ run: ids.filter((id) => id !== run.id) })}>
                <Icon name="close" size={11} />
              </button>
            )}
          </li>
        ))}
        <li>
          <AddRun taken={ids} add={(id) => change({ run: [...ids, id] })} />
        </li>
      </ul>
      {!named && <span className="muted">the newest runs; choose others in the table of runs</span>}
      <span className="grow" />
      <Views path="/compare" />
      <Copy text={() => location.href} what="a link to this view">
        Link
      </Copy>
    </header>
  );
}
