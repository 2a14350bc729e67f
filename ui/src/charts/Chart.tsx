import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import "uplot/dist/uPlot.min.css";
import { colourVar } from "../colour";
import { number } from "../format";
import { useShade } from "../theme";
import { type Drawing, Frame, type Mark, type Pointer } from "./frame";
import { xLabel } from "./labels";
import { clockOf, extent, type Line, nearest, type Range, type XAxis, yRange } from "./lines";
import { inTurn } from "./turns";

interface Props {
  title: string;
  lines: Line[];
  /** All there is to see, unzoomed. */
  whole: Line[];
  axis: XAxis;
  zoom: Range | null;
  log: boolean;
  clip: boolean;
  width: number;
  height: number;
  mark?: Mark | undefined;
  onZoom: (range: Range | null) => void;
  hold?: (frame: () => Frame | null) => void;
}

export function Chart({ title, lines, whole, axis, zoom, log, clip, width, height, mark, onZoom, hold }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const frame = useRef<Frame | null>(null);
  const [pointer, setPointer] = useState<Pointer | null>(null);
  const shade = useShade();
  const drawing = useMemo(() => ({ ...drawingOf(lines, whole, axis, zoom, log, clip), mark }), [lines, whole, axis, zoom, log, clip, mark]);
  const near = pointer ? readings(drawing, pointer) : [];
  const focus = near.find((one) => one.closest)?.line.id ?? null;

  const zoomed = useRef(onZoom);
  zoomed.current = onZoom;
  const latest = useRef({ width, height, drawing });
  latest.current = { width, height, drawing };
  useLayoutEffect(() => {
    const leave = inTurn(() => {
      if (!box.current) return;
      const now = latest.current;
      frame.current = new Frame(box.current, now.width, now.height, now.drawing, {
        onZoom: (range) => zoomed.current(range),
        onPointer: setPointer,
      });
    });
    return () => {
      leave();
      frame.current?.destroy();
      frame.current = null;
    };
    // A frame is made once; what changes later is drawn into it.
  }, []);
  useEffect(() => frame.current?.resize(width, height), [width, height]);
  useEffect(() => frame.current?.draw({ ...drawing, focus }), [drawing, focus, shade]);
  const held = useCallback(() => frame.current, []);
  useEffect(() => hold?.(held), [hold, held]);

  return (
    <div className="plot" ref={box} role="img" aria-label={`${title}: ${summary(whole, axis)}${mark ? `; ${mark.text}` : ""}`} style={{ height }}>
      {pointer && near.length > 0 && <Readings drawing={drawing} pointer={pointer} near={near} width={width} />}
    </div>
  );
}

function drawingOf(lines: Line[], whole: Line[], axis: XAxis, zoom: Range | null, log: boolean, clip: boolean): Drawing {
  const [low, high] = zoom ?? extent(whole.flatMap((line) => extent(line.xs) ?? [])) ?? [0, 1];
  const x: Range = low === high ? [low - 1, high + 1] : [low, high];
  return { lines, x, y: yRange(lines, x, clip, log), axis, log, focus: null };
}

/** A chart in one sentence, for those who don't see it. */
export function summary(lines: Line[], axis: XAxis): string {
  const ranges = lines.map((line) => ({ line, range: extent(line.raw ?? line.ys) }));
  const least = ranges.reduce((best, one) => ((one.range?.[0] ?? Infinity) < (best.range?.[0] ?? Infinity) ? one : best), ranges[0] ?? { line: null, range: null });
  const most = ranges.reduce((best, one) => ((one.range?.[1] ?? -Infinity) > (best.range?.[1] ?? -Infinity) ? one : best), ranges[0] ?? { line: null, range: null });
  if (!least.line || !most.line || !least.range || !most.range) return "no points";
  const x = extent(lines.flatMap((line) => extent(line.xs) ?? [])) ?? [0, 0];
  const seen = `${clockOf(axis) || axis} ${xLabel(x[0], axis, x[1] - x[0])} to ${xLabel(x[1], axis, x[1] - x[0])}`;
  const ends = `lowest ${number(least.range[0])} in ${least.line.name}, highest ${number(most.range[1])} in ${most.line.name}`;
  return `${lines.length === 1 ? "one line" : `${lines.length} lines`}, ${seen}; ${ends}`;
}

interface Reading {
  line: Line;
  x: number;
  y: number;
  closest: boolean;
}

const mostReadings = 8;

/** What the lines say at the pointer: the nearest few, the greatest first. */
function readings({ lines, x, y, log }: Drawing, pointer: Pointer): Reading[] {
  const found: (Reading & { distance: number })[] = [];
  const height = (value: number) => (log ? Math.log10(Math.max(value, 1e-300)) : value);
  for (const line of lines) {
    const row = nearest(line.xs, pointer.x);
    const [shown, drawn, at] = [(line.raw ?? line.ys)[row], line.ys[row], line.xs[row]];
    if (shown == null || drawn == null || at === undefined || at < x[0] || at > x[1]) continue;
    const first = line.xs[0] ?? 0;
    const last = line.xs.at(-1) ?? 0;
    const slack = (x[1] - x[0]) * 0.02;
    if (pointer.x < first - slack || pointer.x > last + slack) continue;
    const distance = Math.abs(height(drawn) - height(pointer.y)) / Math.abs(height(y[1]) - height(y[0]));
    found.push({ line, x: at, y: shown, closest: false, distance });
  }
  found.sort((one, other) => one.distance - other.distance);
  const kept = found.slice(0, mostReadings);
  const closest = kept[0];
  if (closest) closest.closest = closest.distance < 0.2;
  return kept.sort((one, other) => other.y - one.y);
}

function Readings({ drawing, pointer, near, width }: { drawing: Drawing; pointer: Pointer; near: Reading[]; width: number }) {
  const right = pointer.left > width / 2;
  const place = right ? { right: width - pointer.left + 14, top: 10 } : { left: pointer.left + 14, top: 10 };
  const more = drawing.lines.length - near.length;
  return (
    <div className="readings" style={place} aria-hidden="true">
      <header>
        {clockOf(drawing.axis) || drawing.axis} {xLabel(near.find((one) => one.closest)?.x ?? pointer.x, drawing.axis, 60)}
      </header>
      {near.map((one) => (
        <div key={one.line.id} className={one.closest ? "on" : ""}>
          <i style={{ background: colourVar(one.line.colour) }} />
          <span>{one.line.name}</span>
          <b>{number(one.y, 5)}</b>
        </div>
      ))}
      {more > 0 && near.length === mostReadings && <footer>{more} more</footer>}
    </div>
  );
}
