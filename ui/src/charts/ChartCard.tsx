import { useCallback, useMemo, useRef, useState } from "react";
import { colourVar } from "../colour";
import { number } from "../format";
import { useBox } from "../parts/box";
import { Dialog } from "../parts/Dialog";
import { Heads } from "../parts/Heads";
import { Icon } from "../parts/Icon";
import { FigureMenu, Item, type Then } from "../parts/FigureMenu";
import { css } from "../theme";
import { Chart } from "./Chart";
import type { Frame, Mark } from "./frame";
import { columns, type Panel } from "./layout";
import { type ChartRun, clockOf, extent, type Line, makeLines, meanLines } from "./lines";
import { useMeans, useSeries } from "./series";
import type { ChartSettings } from "./settings";
import { svgOf } from "./svg";

interface Props {
  metric: string;
  runs: ChartRun[];
  settings: ChartSettings;
  height: number;
  mark?: Mark | undefined;
  /** Its place among others, where it has one. */
  panel?: Panel;
}

export function ChartCard(props: Props) {
  const { metric, settings } = props;
  const [full, setFull] = useState(false);
  return (
    <>
      <Card {...props} onFull={() => setFull(true)} />
      {full && (
        <Dialog title={metric} onClose={() => setFull(false)} className="full">
          <Card {...props} height={Math.max(240, window.innerHeight - 110)} settings={settings} onFull={() => setFull(false)} />
        </Dialog>
      )}
    </>
  );
}

function Card({ metric, runs, settings, height, mark, panel, onFull }: Props & { onFull: () => void }) {
  const box = useRef<HTMLElement>(null);
  const { width, seen } = useBox(box);
  const { x, zoom, log, clip, setZoom } = settings;
  const { lines, all, ready, isFetching, error } = useLines(metric, runs, width, settings, seen);
  const [asTable, setAsTable] = useState(false);
  const frame = useRef<() => Frame | null>(() => null);
  const hold = useCallback((found: () => Frame | null) => {
    frame.current = found;
  }, []);
  const common = { title: metric, lines, whole: all, axis: x, zoom, log, clip, width, height, mark, onZoom: setZoom };
  return (
    <figure
      className="chart card"
      ref={box}
      aria-busy={isFetching}
      onDragOver={(event) => panel && dragged && event.preventDefault()}
      onDrop={() => panel?.put(dragged, metric)}
    >
      <figcaption>
        <h3 draggable={panel !== undefined} onDragStart={() => (dragged = metric)} onDragEnd={() => (dragged = "")}>
          {metric}
        </h3>
        <CardMenu metric={metric} lines={lines} axis={x} frame={() => frame.current()} asTable={asTable} setAsTable={setAsTable} panel={panel} />
        <button type="button" className="quiet" onClick={onFull} aria-label={`${metric}: full screen, or back`} title="Full screen">
          <Icon name="expand" />
        </button>
      </figcaption>
      {asTable ? (
        <LinesTable lines={all} height={height} />
      ) : width > 0 && seen && ready ? (
        lines.length ? <Chart {...common} hold={hold} /> : <Note height={height} text="None of these runs logged it." />
      ) : (
        <Note height={height} text={error ? error.message : ""} />
      )}
    </figure>
  );
}

/** The chart that is being dragged: what a drop carries can only be read when it lands. */
let dragged = "";

/** What is drawn, and `all` of it unzoomed: a line for each run, or for each group of runs. */
function useLines(metric: string, runs: ChartRun[], width: number, { x, smooth, zoom }: ChartSettings, seen: boolean) {
  const grouped = runs.some((run) => run.group !== undefined) && !clockOf(x);
  const { series, whole, clocks, ...state } = useSeries(metric, runs, width, x, zoom, seen && !grouped);
  const { groups, ...of } = useMeans(metric, runs, width, x, zoom, seen && grouped);
  return useMemo(() => {
    const draw = (points: typeof series, means: typeof of.means) =>
      grouped ? meanLines(means ?? [], groups, smooth) : makeLines(points ?? [], runs, x, smooth, clocks);
    const lines = draw(series, of.means);
    const [now, unzoomed] = grouped ? [of.means, of.whole] : [series, whole];
    const { isFetching, error } = grouped ? of : state;
    return { lines, all: unzoomed === now ? lines : draw(whole, of.whole), ready: now !== undefined, isFetching, error };
  }, [series, whole, of.means, of.whole, grouped, groups, runs, x, smooth, clocks, of.isFetching, state.isFetching, of.error, state.error]);
}

function Note({ height, text }: { height: number; text: string }) {
  return (
    <p className="note" style={{ height }}>
      {text}
    </p>
  );
}

interface MenuProps {
  metric: string;
  lines: Line[];
  axis: string;
  frame: () => Frame | null;
  asTable: boolean;
  setAsTable: (on: boolean) => void;
  panel: Panel | undefined;
}

function CardMenu({ metric, lines, axis, frame, asTable, setAsTable, panel }: MenuProps) {
  const rows = () => [
    ["run", axis, "value", "drawn"],
    ...lines.flatMap((line) => line.xs.map((x, row) => [line.name, x, (line.raw ?? line.ys)[row] ?? "", line.ys[row] ?? ""])),
  ];
  const svg = () => {
    const found = frame();
    return found && svgOf(found.shown, metric, css);
  };
  return <FigureMenu title={metric} rows={rows} svg={svg} table={[asTable, setAsTable]} more={(then) => panel && <PanelItems metric={metric} panel={panel} then={then} />} />;
}

function PanelItems({ metric, panel, then }: { metric: string; panel: Panel; then: Then }) {
  const { before, behind, extent } = panel;
  return (
    <>
      <Item off={!before} act={then(() => before && panel.put(metric, before))}>
        Move before {before ?? "others"}
      </Item>
      <Item off={!behind} act={then(() => behind && panel.put(metric, behind))}>
        Move behind {behind ?? "others"}
      </Item>
      {extent && <Item act={then(() => panel.resize(null))}>As large as the others</Item>}
      {extent?.span !== columns && <Item act={then(() => panel.resize({ span: columns, height: extent?.height ?? wideHeight }))}>As wide as the row</Item>}
      <Item act={then(panel.hide)}>Take off</Item>
    </>
  );
}

const wideHeight = 280;

function LinesTable({ lines, height }: { lines: Line[]; height: number }) {
  return (
    <div className="lines" style={{ height }} tabIndex={0} role="region" aria-label="values">
      <table>
        <Heads names={["run", "last", "least", "greatest"]} />
        <tbody>
          {lines.map((line) => {
            const values = line.raw ?? line.ys;
            const [low, high] = extent(values) ?? [Number.NaN, Number.NaN];
            return (
              <tr key={line.id}>
                <th scope="row">
                  <i className="swatch" style={{ background: colourVar(line.colour) }} />
                  {line.name}
                </th>
                <td>{number(values.findLast((value) => value !== null) ?? Number.NaN)}</td>
                <td>{number(low)}</td>
                <td>{number(high)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
