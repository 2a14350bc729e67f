/** The points of one chart, as many as its width shows, and more of them where it is zoomed into. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ask } from "../api";
import type { Series } from "../schema";
import { type ChartRun, clockOf, groupsOf, placeOf, type Range, type XAxis } from "./lines";

interface Wanted {
  run: string;
  metric: string;
  from?: number;
  to?: number;
}

const mostPoints = 40_000; // of one chart, all its runs together
const pointsStep = 256;

/** Two points a pixel, in steps, so that a window made a little wider asks nothing anew. */
export function pointsFor(width: number, runs: number): number {
  const wanted = Math.ceil((2 * width) / pointsStep) * pointsStep;
  return Math.max(64, Math.min(wanted, Math.floor(mostPoints / Math.max(1, runs))));
}

function useDrawn(key: string, wanted: Wanted[], points: number, times: boolean, enabled: boolean) {
  return useQuery({
    queryKey: ["series", key, points, times, wanted],
    queryFn: async ({ signal }) =>
      (await ask("POST /api/v1/series", { body: { series: wanted, points, times } }, signal)).series,
    meta: { runs: wanted.map((one) => one.run) },
    placeholderData: keepPreviousData,
    enabled: enabled && wanted.length > 0,
  });
}

export function useSeries(metric: string, runs: ChartRun[], width: number, x: XAxis, zoom: Range | null, seen: boolean) {
  const points = pointsFor(width, runs.length);
  const timed = x === "relative" || x === "wall";
  const clock = clockOf(x);
  const clocks = useDrawn("clock", runs.map((run) => ({ run: run.id, metric: clock })), points, false, seen && width > 0 && clock !== "");
  const all = runs.map((run) => ({ run: run.id, metric }));
  const base = useDrawn("base", all, points, timed, seen && width > 0);
  const inside = zoom && base.data ? all.map((one) => within(one, (clock ? clocks.data : base.data) ?? [], runs, x, zoom)) : [];
  // What came whole has no more detail to give.
  const deeper = Boolean(base.data?.some((one) => one.total > one.steps.length));
  const detail = useDrawn("zoomed", inside, points, timed, seen && deeper && zoom !== null);
  const series = zoom && deeper ? (detail.data ?? base.data) : base.data;
  const ready = !clock || clocks.data !== undefined;
  return {
    series: ready ? series : undefined,
    whole: base.data,
    clocks: clocks.data,
    isFetching: base.isFetching || detail.isFetching || clocks.isFetching,
    error: base.error ?? detail.error ?? clocks.error,
  };
}

/** The means of groups of runs, whole and where it is zoomed into. */
export function useMeans(metric: string, runs: ChartRun[], width: number, x: XAxis, zoom: Range | null, enabled: boolean) {
  const groups = useMemo(() => groupsOf(runs), [runs]);
  const points = Math.max(64, Math.ceil(width / pointsStep) * pointsStep);
  const whole = useMean(metric, groups, points, x, null, enabled && width > 0);
  const detail = useMean(metric, groups, points, x, zoom, enabled && width > 0 && zoom !== null);
  return {
    groups,
    means: zoom ? (detail.data ?? whole.data) : whole.data,
    whole: whole.data,
    isFetching: whole.isFetching || detail.isFetching,
    error: whole.error ?? detail.error,
  };
}

function useMean(metric: string, groups: [string, string[]][], points: number, x: XAxis, zoom: Range | null, enabled: boolean) {
  return useQuery({
    queryKey: ["means", metric, groups, points, x, zoom],
    queryFn: async ({ signal }) => {
      const range = zoom ? { from: zoom[0], to: zoom[1] } : {};
      return (await ask("POST /api/v1/means", { body: { metric, groups: groups.map(([, ids]) => ids), x, points, ...range } }, signal)).means;
    },
    meta: { runs: groups.flatMap(([, ids]) => ids) },
    placeholderData: keepPreviousData,
    enabled,
  });
}

/** The steps that lie in `zoom`, and a point beyond on either side so that lines reach the edges. */
function within(one: Wanted, base: Series[], runs: ChartRun[], x: XAxis, zoom: Range): Wanted {
  const margin = (zoom[1] - zoom[0]) * 0.02;
  if (x === "step") return { ...one, from: zoom[0] - margin, to: zoom[1] + margin };
  const series = base.find(({ run }) => run === one.run);
  const start = x === "relative" ? (runs.find(({ id }) => id === one.run)?.created ?? 0) : 0;
  // Where a metric runs along the axis, `base` is that metric, and its values are what is zoomed into.
  const times = clockOf(x) ? ((series?.values ?? []) as number[]) : (series?.times ?? []);
  const steps = series?.steps ?? [];
  const from = steps[placeOf(times, zoom[0] + start)];
  const to = steps[Math.min(placeOf(times, zoom[1] + start) + 1, times.length - 1)];
  return { ...one, ...(from != null && { from }), ...(to != null && { to }) };
}
