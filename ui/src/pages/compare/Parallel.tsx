/** Each run a line over axes of settings and results; what is brushed on them is left of the runs. */
import { useMemo, useState } from "react";
import { count, number, plain } from "../../format";
import { Link } from "../../parts/Link";
import { Skeleton } from "../../parts/States";
import { WideTable } from "../../parts/WideTable";
import type { Column } from "../../schema";
import type { SetView } from "../../url";
import { quote } from "../runs/data";
import { AxisChooser, Scope, TintChooser } from "./Choosers";
import { type Axis, axisOf, type Brush, readBrushes, takes, tellsNothing, writeBrush } from "./axes";
import { type Around, type ComparedRun, mostRuns, type Point, targetOf, usePoints, useVarying } from "./data";
import { ParallelPlot } from "./ParallelPlot";
import type { CompareView } from "./view";

export interface PartProps {
  runs: ComparedRun[];
  around: Around;
  view: CompareView;
  change: SetView<CompareView>;
}

const usualSettings = 6;
const mostOwnColours = 12;

export default function Parallel({ runs, around, view, change }: PartProps) {
  const ids = useMemo(() => (view.all ? null : runs.map((run) => run.id)), [view.all, runs]);
  const columns = useVarying(around, ids);
  const target = targetOf(view, columns ?? []);
  const likely = useMemo(() => likelyAxes(view.axis, columns ?? [], target), [view.axis, columns, target]);
  const asked = useMemo(() => [...new Set([...likely, ...(view.tint ? [view.tint] : []), target].filter(Boolean))], [likely, view.tint, target]);
  const found = usePoints(around, ids, asked);
  const axes = useMemo(() => axesOf(likely, found?.points ?? [], view), [likely, found, view]);
  const names = axes.map((axis) => axis.name);
  const [draft, setDraft] = useState<Brush | null>(null);
  const brushes = useMemo(() => readBrushes(view.brush).filter((one) => one.column !== draft?.column).concat(draft ?? []), [view.brush, draft]);
  const taken = useMemo(() => takenOf(found?.points ?? [], brushes), [found, brushes]);
  if (!columns || !found) return <Skeleton rows={10} />;
  const byTarget = view.tint || (found.points.length > mostOwnColours ? target : "");
  const tint = byTarget ? axisOf(byTarget, valuesOf(found.points, byTarget), view.scale.includes(byTarget)) : null;
  const brush = (column: string, made: Brush | null) => {
    setDraft(null);
    change({ brush: [...readBrushes(view.brush).filter((one) => one.column !== column), ...(made ? [made] : [])].map(writeBrush) });
  };
  return (
    <div className="column">
      <div className="parts-bar">
        <Scope runs={runs.length} around={around} all={view.all === "1"} change={change} />
        <AxisChooser columns={columns} chosen={names} choose={(axis) => change({ axis })} />
        <TintChooser columns={columns} tint={byTarget} choose={(name) => change({ tint: name })} />
        <Outcome taken={taken} total={found.points.length} brushed={brushes.length > 0} clear={() => change({ brush: [] })} />
      </div>
      <section className="card plot-card" aria-label="Parallel coordinates">
        {axes.length > 1 ? (
          <ParallelPlot axes={axes} points={found.points} taken={taken} tint={tint} brushes={brushes} draft={setDraft} brush={brush} view={view} change={change} names={names} />
        ) : (
          <p className="note">These runs differ in too little: choose two axes at least.</p>
        )}
      </section>
      <TakenTable axes={axes} points={found.points.filter((point) => taken.has(point.id))} />
    </div>
  );
}

export function valuesOf(points: Point[] | undefined, name: string) {
  return (points ?? []).map((point) => point.cells.get(name) ?? null);
}

/** The chosen axes, or settings that most runs have, and behind them the metric that is asked about. */
function likelyAxes(chosen: string[], columns: Column[], target: string): string[] {
  if (chosen.length) return chosen;
  const settings = columns.filter((one) => one.space === "config").toSorted((one, other) => Number(other.number) - Number(one.number) || other.runs - one.runs);
  return [...settings.slice(0, 2 * usualSettings).map((one) => one.name), target].filter(Boolean);
}

function axesOf(likely: string[], points: Point[], { axis, scale }: CompareView): Axis[] {
  const made = likely.map((name) => axisOf(name, valuesOf(points, name), scale.includes(name)));
  if (axis.length) return made;
  const useful = made.slice(0, -1).filter((one) => !tellsNothing(one, points.length));
  return [...useful.slice(0, usualSettings), ...made.slice(-1)];
}

function takenOf(points: Point[], brushes: Brush[]): Set<string> {
  return new Set(points.filter((point) => brushes.every((brush) => takes(brush, point.cells.get(brush.column) ?? null))).map((point) => point.id));
}

interface OutcomeProps {
  taken: Set<string>;
  total: number;
  brushed: boolean;
  clear: () => void;
}

function Outcome({ taken, total, brushed, clear }: OutcomeProps) {
  const ids = [...taken];
  return (
    <div className="line outcome">
      <span role="status">{brushed ? `${taken.size} of ${count(total, "run")}` : count(total, "run")}</span>
      {brushed && (
        <button type="button" className="button small" onClick={clear}>
          Clear
        </button>
      )}
      {brushed && ids.length >= 2 && ids.length <= mostRuns && (
        <Link className="button small" href={`/compare?${ids.map((id) => `run=${id}`).join("&")}`}>
          Compare these
        </Link>
      )}
      {brushed && ids.length > 0 && ids.length <= mostRuns && (
        <Link className="button small" href={`/runs?q=${encodeURIComponent(`id in (${ids.map(quote).join(", ")})`)}`}>
          Open in Runs
        </Link>
      )}
    </div>
  );
}

const mostListed = 50;

/** The same in figures: the runs that are left, and their values on the axes. */
function TakenTable({ axes, points }: { axes: Axis[]; points: Point[] }) {
  return (
    <section className="card" aria-label="Runs on the axes">
      <WideTable label="Runs on the axes" className="">
        <thead>
          <tr>
            <th scope="col">run</th>
            {axes.map((axis) => (
              <th key={axis.name} scope="col">
                {axis.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {points.slice(0, mostListed).map((point) => (
            <tr key={point.id}>
              <th scope="row">
                <i className="swatch" style={{ background: `var(--run${point.colour})` }} /> <Link href={`/runs/${point.id}`}>{point.name}</Link>
              </th>
              {axes.map((axis) => {
                const value = point.cells.get(axis.name) ?? null;
                return <td key={axis.name}>{typeof value === "number" && axis.name.startsWith("metrics.") ? number(value) : plain(value)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </WideTable>
      {points.length > mostListed && <p className="note">and {count(points.length - mostListed, "run")} more</p>}
    </section>
  );
}
