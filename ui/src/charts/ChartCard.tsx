import { useCallback, useMemo, useRef, useState } from "react";
import { colourVar } from "../colour";
import { number } from "../format";
import { useBox } from "../parts/box";
import { Dialog } from "../parts/Dialog";
import { Icon } from "../parts/Icon";
import { Popover } from "../parts/Popover";
import { save, toCsv } from "../save";
import { css } from "../theme";
import { Chart } from "./Chart";
import type { Frame, Mark } from "./frame";
import { type ChartRun, extent, type Line, makeLines } from "./lines";
import { useSeries } from "./series";
import type { ChartSettings } from "./settings";
import { svgOf } from "./svg";

interface Props {
  metric: string;
  runs: ChartRun[];
  settings: ChartSettings;
  height: number;
  mark?: Mark | undefined;
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

function Card({ metric, runs, settings, height, mark, onFull }: Props & { onFull: () => void }) {
  const box = useRef<HTMLElement>(null);
  const { width, seen } = useBox(box);
  const { x, smooth, zoom, log, clip, setZoom } = settings;
  const { series, whole, clocks, isFetching, error } = useSeries(metric, runs, width, x, zoom, seen);
  const lines = useMemo(() => makeLines(series ?? [], runs, x, smooth, clocks), [series, runs, x, smooth, clocks]);
  const all = useMemo(() => (whole === series ? lines : makeLines(whole ?? [], runs, x, smooth, clocks)), [whole, series, lines, runs, x, smooth, clocks]);
  const [asTable, setAsTable] = useState(false);
  const frame = useRef<() => Frame | null>(() => null);
  const hold = useCallback((found: () => Frame | null) => {
    frame.current = found;
  }, []);
  const common = { title: metric, lines, whole: all, axis: x, zoom, log, clip, width, height, mark, onZoom: setZoom };
  return (
    <figure className="chart card" ref={box} aria-busy={isFetching}>
      <figcaption>
        <h3>{metric}</h3>
        <CardMenu metric={metric} lines={lines} axis={x} frame={() => frame.current()} asTable={asTable} setAsTable={setAsTable} />
        <button type="button" className="quiet" onClick={onFull} aria-label={`${metric}: full screen, or back`} title="Full screen">
          <Icon name="expand" />
        </button>
      </figcaption>
      {asTable ? (
        <LinesTable lines={all} height={height} />
      ) : width > 0 && seen && series ? (
        lines.length ? <Chart {...common} hold={hold} /> : <Note height={height} text="None of these runs logged it." />
      ) : (
        <Note height={height} text={error ? error.message : ""} />
      )}
    </figure>
  );
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
}

function CardMenu({ metric, lines, axis, frame, asTable, setAsTable }: MenuProps) {
  const name = metric.replace(/[^\w.-]+/g, "-");
  const points = () => lines.flatMap((line) => line.xs.map((x, row) => [line.name, x, (line.raw ?? line.ys)[row] ?? "", line.ys[row] ?? ""]));
  return (
    <Popover label={<Icon name="more" />} title={`${metric}: more`} className="quiet" align="right">
      {(close) => {
        const then = (act: () => void) => () => {
          act();
          close();
        };
        return (
          <>
            <button type="button" className="item" onClick={then(() => setAsTable(!asTable))}>
              {asTable ? "View as chart" : "View as table"}
            </button>
            <button type="button" className="item" onClick={then(() => save(`${name}.csv`, toCsv([["run", axis, "value", "drawn"], ...points()])))}>
              Save what is drawn as CSV
            </button>
            <button
              type="button"
              className="item"
              disabled={asTable}
              onClick={then(() => frame()?.canvas.toBlob((blob) => blob && save(`${name}.png`, blob)))}
            >
              Save as PNG
            </button>
            <button type="button" className="item" disabled={asTable} onClick={then(() => saveSvg(name, metric, frame()))}>
              Save as SVG
            </button>
          </>
        );
      }}
    </Popover>
  );
}

function saveSvg(name: string, title: string, frame: Frame | null): void {
  if (frame) save(`${name}.svg`, new Blob([svgOf(frame.shown, title, css)], { type: "image/svg+xml" }));
}

function LinesTable({ lines, height }: { lines: Line[]; height: number }) {
  return (
    <div className="lines" style={{ height }} tabIndex={0} role="region" aria-label="values">
      <table>
        <thead>
          <tr>
            <th scope="col">run</th>
            <th scope="col">last</th>
            <th scope="col">least</th>
            <th scope="col">greatest</th>
          </tr>
        </thead>
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
