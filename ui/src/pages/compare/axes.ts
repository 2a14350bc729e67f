/** Axes of values that are numbers or texts: where a value lies, what stands beside it, and what a brush takes. */
import { label, number, plain } from "../../format";
import type { Cell } from "../runs/data";

export interface Axis {
  name: string;
  title: string;
  kind: "number" | "category";
  log: boolean;
  low: number;
  high: number;
  categories: string[];
  ticks: { at: number; label: string }[];
}

const spreadForLog = 100;
const mostCategories = 200;

/** The axis on which these values lie. Numbers lie by magnitude where they span hundreds; `turned` has it the other way. */
export function axisOf(name: string, values: Cell[], turned: boolean): Axis {
  const title = label(name);
  const known = values.filter((value) => value !== null);
  const numbers = known.filter((value) => typeof value === "number");
  if (!numbers.length || numbers.length < known.length) {
    const categories = [...new Set(known.map(plain))].sort((one, other) => one.localeCompare(other, undefined, { numeric: true })).slice(0, mostCategories);
    const ticks = categories.map((text, at) => ({ at: middleOf(at, categories.length), label: text }));
    return { name, title, kind: "category", log: false, low: 0, high: 1, categories, ticks };
  }
  const [low, high] = numbers.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
  const log = low > 0 && high / low >= spreadForLog !== turned;
  return { name, title, kind: "number", log, low, high, categories: [], ticks: ticksOf(numbers, low, high, log) };
}

function middleOf(at: number, many: number): number {
  return (at + 0.5) / many;
}

/** Where a value lies, from 0 to 1; null for what is not there. */
export function placeOn(axis: Axis, value: Cell): number | null {
  if (value === null) return null;
  if (axis.kind === "category") {
    const at = axis.categories.indexOf(plain(value));
    return at < 0 ? null : middleOf(at, axis.categories.length);
  }
  if (typeof value !== "number" || (axis.log && value <= 0)) return null;
  if (axis.low === axis.high) return 0.5;
  return (scaled(value, axis.log) - scaled(axis.low, axis.log)) / (scaled(axis.high, axis.log) - scaled(axis.low, axis.log));
}

/** The number that lies at a place. */
export function numberAt(axis: Axis, place: number): number {
  const [low, high] = [scaled(axis.low, axis.log), scaled(axis.high, axis.log)];
  const value = low + place * (high - low);
  return axis.log ? 10 ** value : value;
}

function scaled(value: number, log: boolean): number {
  return log ? Math.log10(value) : value;
}

const wantedTicks = 5;
const mostOwnTicks = 8;
const leastApart = 0.06;

function ticksOf(numbers: number[], low: number, high: number, log: boolean): Axis["ticks"] {
  if (low === high) return [{ at: 0.5, label: number(low) }];
  const place = (value: number) => (scaled(value, log) - scaled(low, log)) / (scaled(high, log) - scaled(low, log));
  const own = [...new Set(numbers)].sort((one, other) => one - other);
  // A few values that were chosen by hand stand there themselves.
  const apart = own.length <= mostOwnTicks && own.every((value, at) => at === 0 || place(value) - place(own[at - 1] ?? low) > leastApart);
  const found = apart ? own : log ? powers(low, high) : steps(low, high);
  return found.map((value) => ({ at: place(value), label: short(value) }));
}

function powers(low: number, high: number): number[] {
  const from = Math.ceil(Math.log10(low) - 1e-9);
  const to = Math.floor(Math.log10(high) + 1e-9);
  const each = Math.max(1, Math.ceil((to - from + 1) / (wantedTicks + 2)));
  const found = [];
  for (let power = from; power <= to; power += each) found.push(10 ** power);
  return found.length > 1 ? found : [low, high];
}

function steps(low: number, high: number): number[] {
  const rough = (high - low) / wantedTicks;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = size * ([1, 2, 5, 10].find((times) => times * size >= rough) ?? 10);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high + step * 1e-9; at++) found.push(at * step);
  return found;
}

/** A number as it stands beside an axis. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1).replace(".0e", "e").replace("e+", "e");
  return String(Number(value.toPrecision(6)));
}

/** Whether every run has a text of its own there, as a name: nothing to be seen on an axis. */
export function tellsNothing(axis: Axis, runs: number): boolean {
  return axis.kind === "category" && axis.categories.length > 6 && axis.categories.length > 0.8 * runs;
}

/** What is taken of an axis: numbers between two, or some of the texts. */
export type Brush = { column: string } & ({ low: number; high: number } | { texts: string[] });

/** Brushes as they stand in the address; what is none is left out. */
export function readBrushes(said: string[]): Brush[] {
  return said.flatMap((text): Brush[] => {
    try {
      const [column, first, second] = JSON.parse(text) as unknown[];
      if (typeof column !== "string") return [];
      if (Array.isArray(first)) return [{ column, texts: first.map(String) }];
      return typeof first === "number" && typeof second === "number" ? [{ column, low: first, high: second }] : [];
    } catch {
      return [];
    }
  });
}

export function writeBrush(brush: Brush): string {
  return JSON.stringify("texts" in brush ? [brush.column, brush.texts] : [brush.column, brush.low, brush.high]);
}

const digits = 4;

/** The brush of an axis between two places; a very short one takes nothing. */
export function brushOf(axis: Axis, one: number, other: number): Brush | null {
  const [from, to] = [Math.max(0, Math.min(one, other)), Math.min(1, Math.max(one, other))];
  if (to - from < 0.01) return null;
  if (axis.kind === "category") {
    const texts = axis.categories.filter((_, at) => middleOf(at, axis.categories.length) >= from && middleOf(at, axis.categories.length) <= to);
    return texts.length ? { column: axis.name, texts } : null;
  }
  // The ends themselves, so that rounding loses none of the values that lie there.
  const low = from === 0 ? axis.low : Number(numberAt(axis, from).toPrecision(digits));
  const high = to === 1 ? axis.high : Number(numberAt(axis, to).toPrecision(digits));
  return { column: axis.name, low, high };
}

/** From where to where a brush reaches on its axis. */
export function reach(axis: Axis, brush: Brush): [from: number, to: number] {
  if ("texts" in brush) {
    const half = 0.5 / Math.max(1, axis.categories.length);
    const places = brush.texts.map((text) => placeOn(axis, text)).filter((place) => place !== null);
    return places.length ? [Math.min(...places) - half, Math.max(...places) + half] : [0, 0];
  }
  const [from, to] = [placeOn(axis, brush.low), placeOn(axis, brush.high)];
  return [Math.max(0, from ?? 0), Math.min(1, to ?? 1)];
}

export function takes(brush: Brush, value: Cell): boolean {
  if ("texts" in brush) return value !== null && brush.texts.includes(plain(value));
  return typeof value === "number" && value >= brush.low && value <= brush.high;
}

/** How two lists go up and down together, by ranks: Spearman's. Null for fewer than three pairs, or constants. */
export function rankCorrelation(pairs: [number, number][]): number | null {
  if (pairs.length < 3) return null;
  const [one, other] = [ranks(pairs.map(([x]) => x)), ranks(pairs.map(([, y]) => y))];
  const middle = (pairs.length + 1) / 2;
  let both = 0;
  let [first, second] = [0, 0];
  one.forEach((rank, at) => {
    const [x, y] = [rank - middle, (other[at] ?? middle) - middle];
    both += x * y;
    first += x * x;
    second += y * y;
  });
  return first && second ? both / Math.sqrt(first * second) : null;
}

function ranks(values: number[]): number[] {
  const order = values.map((_, at) => at).sort((one, other) => (values[one] ?? 0) - (values[other] ?? 0));
  const found = new Array<number>(values.length).fill(0);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to + 1 < order.length && values[order[to + 1] ?? 0] === values[order[from] ?? 0]) to++;
    for (let at = from; at <= to; at++) found[order[at] ?? 0] = (from + to) / 2 + 1;
    from = to + 1;
  }
  return found;
}
