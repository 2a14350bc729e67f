/** From the points that the server gave to the lines of a chart. */
import { colourOf, dashesFor } from "../colour";
import type { MeanList, Series } from "../schema";

/** `metric:epoch` is the value that the metric "epoch" had at that step. */
export type XAxis = "step" | "relative" | "wall" | `metric:${string}`;

/** The metric that runs along an axis, "" where none does. */
export function clockOf(x: XAxis): string {
  return x.startsWith("metric:") ? x.slice(7) : "";
}

/** Whether a metric counts how far a run is, as others can be drawn over. */
export function isClock(metric: string): boolean {
  return /(^|[/_.])(epoch|global_step|iteration|tokens|examples|samples)s?(_seen)?$/i.test(metric);
}

type Ys = (number | null)[];

/** A run as charts show it. Runs of one `group` are drawn as their mean. */
export interface ChartRun {
  id: string;
  name: string;
  colour: number;
  dash: number[];
  created: number;
  group?: string;
}

/** `ys` is what is drawn, `raw` what was logged where that differs; `low` and `high` bound a group's members. */
export interface Line {
  id: string;
  name: string;
  colour: number;
  dash: number[];
  xs: number[];
  ys: Ys;
  raw?: Ys;
  low?: Ys;
  high?: Ys;
}

export type Range = [low: number, high: number];

/** `clocks` are the series of the metric that runs along the axis, where one does. */
export function makeLines(series: Series[], runs: ChartRun[], x: XAxis, smooth: number, clocks: Series[] = []): Line[] {
  const byRun = new Map(series.map((one) => [one.run, one]));
  const lines: Line[] = [];
  for (const run of runs) {
    const found = byRun.get(run.id);
    if (!found) continue;
    const { id, name, colour, dash } = run;
    const xs = xsOf(found, run, x, clocks);
    if (xs) lines.push({ id, name, colour, dash, xs, ys: found.values });
  }
  if (runs.some((run) => run.group !== undefined)) return means(lines, runs).map((line) => smoothed(line, smooth));
  return lines.map((line) => smoothed(line, smooth));
}

function xsOf(series: Series, run: ChartRun, x: XAxis, clocks: Series[]): number[] | null {
  if (x === "step") return series.steps.map((step) => step ?? 0);
  if (clockOf(x)) {
    const clock = clocks.find((one) => one.run === run.id);
    return clock && clock.steps.length > 0 ? series.steps.map((step) => clockAt(clock, step ?? 0)) : null;
  }
  const times = series.times ?? [];
  return x === "wall" ? times : times.map((time) => time - run.created);
}

/** What a clock showed at a step: between two of its points in a straight line, beyond them as at its ends. */
function clockAt(clock: Series, step: number): number {
  const steps = clock.steps as number[];
  const at = placeOf(steps, step);
  const [x0, x1] = [steps[at] ?? 0, steps[at + 1]];
  const [y0, y1] = [clock.values[at] ?? 0, clock.values[at + 1]];
  if (step <= x0 || x1 === undefined || x1 === x0 || y1 === null || y1 === undefined) return y0;
  return y0 + ((y1 - y0) * (step - x0)) / (x1 - x0);
}

function smoothed(line: Line, weight: number): Line {
  return weight > 0 ? { ...line, ys: smooth(line.xs, line.ys, weight), raw: line.ys } : line;
}

/**
 * An exponential mean that starts without bias. A point weighs by its distance on the x axis, so that a stretch with
 * more points is smoothed as one with fewer.
 */
export function smooth(xs: number[], ys: Ys, weight: number): Ys {
  const spread = ((xs.at(-1) ?? 0) - (xs[0] ?? 0)) / Math.max(1, xs.length - 1) || 1;
  let mean = 0;
  let trust = 0;
  let before = xs[0] ?? 0;
  return ys.map((y, at) => {
    if (y === null) return null;
    const x = xs[at] ?? before;
    const keep = weight ** Math.max(Math.abs(x - before) / spread, 1e-3);
    before = x;
    mean = keep * mean + (1 - keep) * y;
    trust = keep * trust + (1 - keep);
    return mean / trust;
  });
}

const gridPoints = 300;

/**
 * One line for each group: the mean of its members where at least one has a value, between their least and greatest.
 * From what is drawn of them, for an axis that the server does not know.
 */
export function means(lines: Line[], runs: ChartRun[]): Line[] {
  const groups = new Map<string, Line[]>();
  const groupOf = new Map(runs.map((run) => [run.id, run.group ?? ""]));
  for (const line of lines) {
    const name = groupOf.get(line.id) ?? "";
    groups.set(name, [...(groups.get(name) ?? []), line]);
  }
  const dashes = dashesFor([...groups.keys()].map((name) => colourOf(name)));
  return [...groups].map(([name, members], at) => ({ ...mean(name, members), dash: dashes[at] ?? [] }));
}

/** The runs of each group, in the order in which the groups come. */
export function groupsOf(runs: ChartRun[]): [name: string, ids: string[]][] {
  const groups = new Map<string, string[]>();
  for (const run of runs) {
    const name = run.group ?? "";
    groups.set(name, [...(groups.get(name) ?? []), run.id]);
  }
  return [...groups];
}

/** The lines of groups whose means the server gave, from every point that was logged. */
export function meanLines(found: MeanList["means"], groups: [name: string, ids: string[]][], smooth: number): Line[] {
  const dashes = dashesFor(groups.map(([name]) => colourOf(name)));
  return found.flatMap(({ xs, mean: ys, low, high }, at) => {
    const [name = "", ids = []] = groups[at] ?? [];
    const line = { id: `group ${name}`, name: `${name} (${ids.length})`, colour: colourOf(name), dash: dashes[at] ?? [], xs, ys, low, high };
    return xs.length ? [smoothed(line, smooth)] : [];
  });
}

function mean(name: string, members: Line[]): Line {
  const [low, high] = extent(members.flatMap((line) => [line.xs[0] ?? 0, line.xs.at(-1) ?? 0])) ?? [0, 1];
  const count = low === high ? 1 : gridPoints;
  const xs = Array.from({ length: count }, (_, at) => low + ((high - low) * at) / Math.max(1, count - 1));
  const sampled = members.map((line) => at(line.xs, line.ys, xs));
  const ys: Ys = [];
  const lows: Ys = [];
  const highs: Ys = [];
  xs.forEach((_, row) => {
    const here = sampled.map((values) => values[row]).filter((value) => value !== null && value !== undefined);
    ys.push(here.length ? here.reduce((sum, value) => sum + value, 0) / here.length : null);
    lows.push(here.length ? Math.min(...here) : null);
    highs.push(here.length ? Math.max(...here) : null);
  });
  const title = `${name} (${members.length})`;
  return { id: `group ${name}`, name: title, colour: colourOf(name), dash: [], xs, ys, low: lows, high: highs };
}

/** The values of a line at each of `at`, between its points in a straight line; null beyond its ends. */
function at(xs: number[], ys: Ys, wanted: number[]): Ys {
  let row = 0;
  return wanted.map((x) => {
    while (row < xs.length - 1 && (xs[row + 1] ?? 0) < x) row++;
    const [x0, x1, y0, y1] = [xs[row] ?? 0, xs[row + 1] ?? xs[row] ?? 0, ys[row] ?? null, ys[row + 1] ?? ys[row] ?? null];
    if (x < x0 || x > x1 || y0 === null || y1 === null) return null;
    return x1 === x0 ? y0 : y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
  });
}

export function extent(values: Iterable<number | null>): Range | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value === null) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** The place of the last of `xs` that is not above `x`; 0 where all are. */
export function placeOf(xs: number[], x: number): number {
  let low = 0;
  let high = xs.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((xs[middle] ?? 0) <= x) low = middle;
    else high = middle;
  }
  return low;
}

/** The place of the point nearest to `x`. */
export function nearest(xs: number[], x: number): number {
  const place = placeOf(xs, x);
  const next = Math.min(place + 1, xs.length - 1);
  return Math.abs((xs[next] ?? 0) - x) < Math.abs((xs[place] ?? 0) - x) ? next : place;
}

const clippedShare = 0.02;

/**
 * The y range of what is seen between `x`. The logged values count, so that no spike lies outside; with `clip` only the
 * middle of them does.
 */
export function yRange(lines: Line[], x: Range, clip: boolean, log: boolean): Range {
  const seen: number[] = [];
  for (const line of lines) {
    const from = placeOf(line.xs, x[0]);
    const to = Math.min(placeOf(line.xs, x[1]) + 1, line.xs.length);
    for (const ys of [line.raw ?? line.ys, line.low ?? [], line.high ?? []])
      for (let row = from; row < to; row++) {
        const y = ys[row];
        if (y !== null && y !== undefined && (!log || y > 0)) seen.push(y);
      }
  }
  if (clip && seen.length > 20) {
    seen.sort((a, b) => a - b);
    const cut = Math.floor(seen.length * clippedShare);
    return padded([seen[cut] ?? 0, seen[seen.length - 1 - cut] ?? 1], log);
  }
  return padded(extent(seen) ?? (log ? [0.1, 1] : [0, 1]), log);
}

function padded([low, high]: Range, log: boolean): Range {
  if (log) return low === high ? [low / 2, high * 2] : [low / (high / low) ** 0.04, high * (high / low) ** 0.04];
  // What differs in its last digits alone is the same but for rounding: so near, an axis has no numbers left to tell.
  const apart = high - low > Math.max(Math.abs(low), Math.abs(high)) * 1e-12;
  const room = apart ? (high - low) * 0.05 : Math.abs(low) * 0.1 || 1;
  return [low - room, high + room];
}
