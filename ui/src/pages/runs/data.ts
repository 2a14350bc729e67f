/** What the table shows: which columns, and the rows of the part that is seen. */
import { keepPreviousData, useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ask } from "../../api";
import { isClock } from "../../charts/lines";
import { colourOf } from "../../colour";
import { label } from "../../format";
import type { Column, Table } from "../../schema";
import type { RunsView } from "./view";

export type Cell = string | number | boolean | null;

export interface Row {
  id: string;
  name: string;
  status: string;
  created: number;
  duration: number;
  verdict: string | null;
  grade: string | null;
  colour: number;
  cells: Map<string, Cell>;
}

export const colourTag = "anew.colour";
const colourColumn = "tags.`anew.colour`";
const always = ["name", "status", "created", "duration", "verdict", "grade", colourColumn];
export const pageRows = 100;

/** What the runs of the table are: the part of a request that every question about them shares. */
export interface Selection {
  query: string;
  project: string;
  reproductions: boolean;
}

export function useSelection(view: RunsView): Selection {
  const { q, project, again, hide } = view;
  return useMemo(() => {
    const hidden = hide.length ? `id not in (${hide.map(quote).join(", ")})` : "";
    // Words stand alone in the language, so that brackets keep them from what follows.
    const query = hidden && q.trim() ? `(${q}) and ${hidden}` : hidden || q;
    return { query, project, reproductions: again === "1" };
  }, [q, project, again, hide]);
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function useColumns(selection: Selection) {
  return useQuery({
    queryKey: ["columns", selection],
    queryFn: async ({ signal }) => (await ask("POST /api/v1/columns", { body: selection }, signal)).columns,
    meta: { runs: "survey" },
    placeholderData: keepPreviousData,
  });
}

const mostMetrics = 4;
const mostSettings = 4;

/** The columns that are chosen, or those that tell the runs apart, as many of them as there is room for. */
export function chosenColumns(chosen: string[], columns: Column[], roomPixels = Number.POSITIVE_INFINITY): string[] {
  if (chosen.length) return chosen;
  // A schedule that is logged under the name of its setting ends where it ends: the setting says more.
  const settings = new Set(columns.filter((one) => one.space === "config").map((one) => one.label));
  const varying = (space: string, most: number) =>
    columns
      .filter((one) => one.space === space && one.varies && !(space === "metrics" && (settings.has(one.label) || isClock(one.label))))
      .sort((one, other) => other.runs - one.runs)
      .slice(0, most)
      .map((one) => one.name);
  const [metrics, config] = [varying("metrics", mostMetrics), varying("config", mostSettings)];
  // In turn, so that a narrow table has some of each.
  const wanted = ["created", ...metrics.flatMap((name, at) => [name, config[at] ?? []].flat()), ...config.slice(metrics.length), "duration"];
  const fitting = new Set<string>();
  let left = roomPixels;
  for (const name of wanted) {
    const width = usualWidth(name);
    if (width > left && fitting.size >= fewest) continue;
    fitting.add(name);
    left -= width;
  }
  return [...metrics, ...config, "duration", "created"].filter((name) => fitting.has(name));
}

const fewest = 3;
const letterPixels = 6.9;

/** About how wide a column is, before its values are known. */
function usualWidth(name: string): number {
  const letters = { created: 7, duration: 9 }[name] ?? Math.max(6, label(name).length + 2);
  return Math.max(58, letters * letterPixels + 18);
}

/** The pages of rows from `first` to `last`, and how many rows there are. */
export function useRows(selection: Selection, sort: string, columns: string[], first: number, last: number) {
  const wanted = useMemo(() => [...new Set([...always, ...columns])], [columns]);
  const pages = [];
  for (let page = Math.floor(first / pageRows); page <= Math.floor(last / pageRows); page++) pages.push(page);
  const found = useQueries({
    queries: pages.map((page) => ({
      queryKey: ["table", selection, sort, wanted, page],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        ask("POST /api/v1/table", { body: { ...selection, sort: [sort], columns: wanted, from: page * pageRows, count: pageRows } }, signal),
      meta: { runs: "all" },
      placeholderData: keepPreviousData,
      retry: false,
    })),
  });
  const rows = new Map<number, Row>();
  pages.forEach((page, at) => {
    const data = found[at]?.data;
    if (data) rowsOf(data, wanted).forEach((row, offset) => rows.set(page * pageRows + offset, row));
  });
  const any = found.find((one) => one.data);
  return { rows, total: any?.data?.total, error: found.find((one) => one.error)?.error ?? null, pending: !any };
}

/** These runs alone, whatever the filter says. */
export function useRunsById(ids: string[], columns: string[]): Row[] {
  const wanted = useMemo(() => [...new Set([...always, ...columns])], [columns]);
  const { data } = useQuery({
    queryKey: ["table", "by id", ids, wanted],
    queryFn: ({ signal }) =>
      ask("POST /api/v1/table", { body: { query: `id in (${ids.map(quote).join(", ")})`, columns: wanted, count: 500 } }, signal),
    meta: { runs: ids },
    enabled: ids.length > 0,
    placeholderData: keepPreviousData,
  });
  return useMemo(() => {
    const byId = new Map(data ? rowsOf(data, wanted).map((row) => [row.id, row]) : []);
    return ids.flatMap((id) => byId.get(id) ?? []);
  }, [data, ids, wanted]);
}

const made = new WeakMap<Table, { columns: string[]; rows: Row[] }>();

/** The rows of an answer; the same ones each time, so that what shows them is not drawn again for nothing. */
export function rowsOf(table: Table, columns: string[]): Row[] {
  const held = made.get(table);
  if (held?.columns.join() === columns.join()) return held.rows;
  const rows = makeRows(table, columns);
  made.set(table, { columns, rows });
  return rows;
}

function makeRows(table: Table, columns: string[]): Row[] {
  return table.ids.map((id, at) => {
    const cells = new Map(columns.map((name, place) => [name, table.columns[place]?.[at] ?? null]));
    const text = (name: string) => {
      const value = cells.get(name);
      return value === null || value === undefined ? null : String(value);
    };
    return {
      id,
      name: text("name") ?? id,
      status: text("status") ?? "",
      created: Number(cells.get("created")),
      duration: Number(cells.get("duration")),
      verdict: text("verdict"),
      grade: text("grade"),
      colour: colourOf(id, cells.get(colourColumn)),
      cells,
    };
  });
}

/** Metrics by the names of their series; those of the machine have a space of their own. */
export function metricNames(columns: { space: string; label: string }[]): string[] {
  return columns
    .filter(({ space }) => space === "metrics" || space === "system")
    .map(({ space, label }) => (space === "system" ? `system/${label}` : label));
}
