/** The simple among the drawings that are described for Plotly and Vega: lines and points of plain numbers. */
import { isList, isNumbers, isRecord } from "./kinds";
import type { Drawn } from "./Plots";

export interface Simple {
  title: string;
  xName: string;
  yName: string;
  lines: Drawn[];
  /** Whether something of it is left out. */
  part: boolean;
}

export function simply(spec: unknown): Simple | null {
  if (!isRecord(spec)) return null;
  const found = isRecord(spec.layout) ? fromPlotly(spec.data, spec.layout) : fromVega(spec);
  return found?.lines.length ? found : null;
}

function fromPlotly(data: unknown, layout: Record<string, unknown>): Simple {
  const traces = isList(data) ? data.filter(isRecord) : [];
  const lines = traces.flatMap((trace): Drawn[] => {
    if (!["scatter", "scattergl", undefined].includes(trace.type as string | undefined)) return [];
    const y = numbers(trace.y);
    const x = trace.x === undefined ? y?.map((_, at) => at) : numbers(trace.x);
    return x && y ? [{ name: text(trace.name), points: zipped(x, y), dots: trace.mode === "markers" }] : [];
  });
  return { title: text(layout.title), xName: axisName(layout.xaxis, "x"), yName: axisName(layout.yaxis, "y"), lines, part: lines.length < traces.length };
}

function axisName(axis: unknown, otherwise: string): string {
  return (isRecord(axis) && text(axis.title)) || otherwise;
}

/** A title is a text, or an object with one. */
function text(value: unknown): string {
  return typeof value === "string" ? value : isRecord(value) && typeof value.text === "string" ? value.text : "";
}

const readers: Record<string, (bytes: ArrayBuffer) => ArrayLike<number>> = {
  f8: (bytes) => new Float64Array(bytes),
  f4: (bytes) => new Float32Array(bytes),
  i4: (bytes) => new Int32Array(bytes),
  i2: (bytes) => new Int16Array(bytes),
  i1: (bytes) => new Int8Array(bytes),
  u4: (bytes) => new Uint32Array(bytes),
  u2: (bytes) => new Uint16Array(bytes),
  u1: (bytes) => new Uint8Array(bytes),
};

/** A list of numbers, as such or in Plotly's packed form. */
function numbers(value: unknown): number[] | null {
  if (isNumbers(value)) return value;
  if (!isRecord(value) || typeof value.bdata !== "string") return null;
  try {
    const bytes = Uint8Array.from(atob(value.bdata), (letter) => letter.charCodeAt(0));
    const read = readers[String(value.dtype)]?.(bytes.buffer);
    const found = read ? Array.from(read) : null;
    return isNumbers(found) ? found : null;
  } catch {
    return null;
  }
}

function zipped(x: number[], y: number[]): [number, number][] {
  return x.slice(0, y.length).map((one, at) => [one, y[at] ?? 0]);
}

function fromVega(spec: Record<string, unknown>): Simple | null {
  const mark = text(isRecord(spec.mark) ? spec.mark.type : spec.mark);
  const values = isRecord(spec.data) && isList(spec.data.values) ? spec.data.values.filter(isRecord) : [];
  const { x, y, color } = isRecord(spec.encoding) ? spec.encoding : {};
  if (!["line", "point", "circle"].includes(mark) || !isRecord(x) || !isRecord(y)) return null;
  const [xName, yName, by] = [x, y, color].map((channel) => (isRecord(channel) && typeof channel.field === "string" ? channel.field : "")) as [string, string, string];
  const lines = new Map<string, Drawn>();
  for (const row of values) {
    const point = [row[xName], row[yName]];
    if (!isNumbers(point)) return null;
    const name = by ? String(row[by]) : "";
    const line = lines.get(name) ?? { name, points: [], dots: mark !== "line" };
    line.points.push(point as [number, number]);
    lines.set(name, line);
  }
  return { title: text(spec.title), xName, yName, lines: [...lines.values()], part: false };
}
