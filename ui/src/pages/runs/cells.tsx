/** Columns and cells: what stands in them and how wide they are. */
import { Ago, Took } from "../../parts/Ago";
import { label, number, plain } from "../../format";
import type { Column } from "../../schema";
import type { Cell, Row } from "./data";

export interface GridColumn {
  name: string;
  title: string;
  width: number;
  right: boolean;
  kind: "number" | "exact" | "took" | "when" | "text";
}

const titles: Record<string, string> = { duration: "took", created: "when", reproduction_of: "reproduces" };
const letterPixels = 6.9;
const monoPixels = 7.3;
const most = 240;

/** How wide the names of these runs are, between what a short and a long one takes. */
export function nameWidth(rows: Row[], inset = 0): number {
  const letters = Math.max(12, ...rows.slice(0, 200).map((row) => row.name.length));
  return Math.round(Math.min(300, 58 + inset + letters * letterPixels));
}

export function gridColumns(names: string[], columns: Column[], rows: Row[]): GridColumn[] {
  const known = new Map(columns.map((one) => [one.name, one]));
  return names.map((name) => {
    const of = known.get(name);
    const kind = kindOf(name, of);
    const title = titles[name] ?? label(name);
    const texts = rows.slice(0, 60).map((row) => text(row.cells.get(name) ?? null, kind));
    if (kind === "exact") texts.push("0.00000"); // the mean of a group
    const pixels = Math.max((title.length + 2) * letterPixels, ...texts.map((one) => one.length * (kind === "exact" ? monoPixels : letterPixels)));
    return { name, title, kind, right: kind !== "text", width: Math.round(Math.min(most, Math.max(58, pixels + 18))) };
  });
}

function kindOf(name: string, column: Column | undefined): GridColumn["kind"] {
  if (name === "duration") return "took";
  if (name === "created" || name === "ended") return "when";
  if (!column?.number) return "text";
  return column.space === "config" ? "exact" : "number";
}

export function text(value: Cell, kind: GridColumn["kind"]): string {
  if (value === null) return "";
  if (kind === "took") return "00 min 00";
  if (kind === "when") return "000 min";
  return kind === "number" && typeof value === "number" ? number(value) : plain(value);
}

export function CellContent({ column, row }: { column: GridColumn; row: Row }) {
  const value = row.cells.get(column.name) ?? null;
  if (value === null) return null;
  if (column.kind === "took") return <Took seconds={row.duration} since={row.status === "running" ? row.created : undefined} />;
  if (column.kind === "when") return <Ago time={Number(value)} />;
  return <>{text(value, column.kind)}</>;
}
