/** What the parts of the page ask for. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ask } from "../../api";
import type { ChartRun } from "../../charts/lines";
import { colourOf, dashesFor } from "../../colour";
import type { Rows } from "../../content/kinds";
import type { Column, Comparison } from "../../schema";
import { type Cell, quote } from "../runs/data";
import type { CompareView } from "./view";

export type ComparedRun = Comparison["runs"][number];
export const mostRuns = 50;
const firstRuns = 5;

/** The runs that are named, or the newest few where none are. */
export function useChosen(view: CompareView): { ids: string[]; named: boolean; error: unknown } {
  const named = view.run.length > 0;
  const { data, error } = useQuery({
    queryKey: ["table", "to compare", view.q, view.project],
    queryFn: ({ signal }) =>
      ask("POST /api/v1/table", { body: { query: view.q, project: view.project, reproductions: false, count: firstRuns } }, signal),
    meta: { runs: "survey" },
    enabled: !named,
  });
  return { ids: useMemo(() => (named ? [...new Set(view.run)].slice(0, mostRuns) : (data?.ids ?? [])), [named, view.run, data]), named, error };
}

export function useComparison(ids: string[]) {
  return useQuery({
    queryKey: ["compare", ids],
    queryFn: ({ signal }) => ask("POST /api/v1/compare", { body: { runs: ids } }, signal),
    meta: { runs: ids },
    enabled: ids.length > 0,
    placeholderData: keepPreviousData,
  });
}

/** The compared runs as charts draw them. */
export function useChartRuns(runs: ComparedRun[]): ChartRun[] {
  const key = runs.map((run) => `${run.id} ${run.name} ${String(run.tags["anew.colour"])}`).join("\n");
  return useMemo(() => {
    const numbers = runs.map((run) => colourOf(run.id, run.tags["anew.colour"]));
    const dashes = dashesFor(numbers);
    return runs.map((run, at) => ({ id: run.id, name: run.name ?? run.id, colour: numbers[at] ?? 0, dash: dashes[at] ?? [], created: run.created }));
    // Made anew with each answer; what charts need of them seldom changes.
  }, [key]);
}

/** The runs around the compared ones: those of the query, and of the project that all of them share. */
export interface Around {
  query: string;
  project: string;
  reproductions: boolean;
}

export function useAround(view: CompareView, runs: ComparedRun[]): Around {
  const own = runs[0]?.project ?? "";
  const project = view.project || (runs.every((run) => run.project === own) ? own : "");
  return useMemo(() => ({ query: view.q, project, reproductions: false }), [view.q, project]);
}

/** The columns that tell the runs apart: of the compared ones alone, or of all around them. */
export function useVarying(around: Around, ids: string[] | null): Column[] | undefined {
  const { data } = useQuery({
    queryKey: ["columns", "to compare", around, ids],
    queryFn: async ({ signal }) => (await ask("POST /api/v1/columns", { body: ids ? { runs: ids } : around }, signal)).columns,
    meta: { runs: "survey" },
    placeholderData: keepPreviousData,
  });
  return useMemo(() => data?.filter(({ name, varies }) => varies && !unlikely.includes(name)), [data]);
}

const unlikely = ["id", "name", "notes", "command", "deleted", "ended", "reproduction_of"];

export interface Point {
  id: string;
  name: string;
  colour: number;
  cells: Map<string, Cell>;
}

const mostPoints = 2000;
const colourColumn = "tags.`anew.colour`";

/** The values of these columns, a point for each run. */
export function usePoints(around: Around, ids: string[] | null, columns: string[]): { points: Point[]; total: number } | undefined {
  const wanted = useMemo(() => [...new Set(["name", colourColumn, ...columns])], [columns]);
  const { data } = useQuery({
    queryKey: ["table", "points", around, ids, wanted],
    queryFn: ({ signal }) => {
      const which = ids ? { query: `id in (${ids.map(quote).join(", ")})` } : around;
      return ask("POST /api/v1/table", { body: { ...which, columns: wanted, count: mostPoints } }, signal);
    },
    meta: { runs: ids ?? "survey" },
    enabled: ids === null || ids.length > 0,
    placeholderData: keepPreviousData,
  });
  return useMemo(() => {
    // An answer to the question before may have other columns.
    if (!data || data.columns.length !== wanted.length) return undefined;
    const points = data.ids.map((id, at) => {
      const cells = new Map(wanted.map((name, place) => [name, data.columns[place]?.[at] ?? null]));
      return { id, name: String(cells.get("name") ?? id), colour: colourOf(id, cells.get(colourColumn)), cells };
    });
    return { points, total: data.total };
  }, [data, wanted]);
}

/** Points in figures: each run and its values on the axes. */
export function tableOf(points: Point[], axes: { name: string; title: string }[]): Rows {
  return { columns: ["run", ...axes.map((axis) => axis.title)], rows: points.map((point) => [point.name, ...axes.map((axis) => point.cells.get(axis.name) ?? null)]) };
}

/** The metric that the parts ask about: the one that is chosen, or that which sounds most like a result. */
export function targetOf(view: CompareView, columns: Column[]): string {
  const metrics = columns.filter(({ space, number }) => space === "metrics" && number);
  if (view.target) return view.target;
  const score = ({ label, runs }: Column) => (/val|test|eval|dev/i.test(label) ? 4 : 0) + (/acc|auc|f1|score/i.test(label) ? 2 : /loss|error|mse|mae/i.test(label) ? 1 : 0) + runs / 1e6;
  return metrics.toSorted((one, other) => score(other) - score(one))[0]?.name ?? "";
}
