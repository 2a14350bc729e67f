/** How one table differs from another: its columns, and its rows by what names them. */
import type { Cell, Rows } from "../../content/kinds";

export interface TableChange {
  added: string[];
  removed: string[];
  /** The column that names the rows; null where none does, and rows are told apart as wholes. */
  key: string | null;
  rows: { added: number; removed: number; changed: number; same: number };
  /** In how many rows a column has another value. */
  changes: [column: string, rows: number][];
}

export function changesBetween(old: Rows, fresh: Rows): TableChange {
  const shared = old.columns.filter((name) => fresh.columns.includes(name));
  const change = {
    added: fresh.columns.filter((name) => !old.columns.includes(name)),
    removed: old.columns.filter((name) => !fresh.columns.includes(name)),
  };
  const key = shared.find((name) => names(old, name) && names(fresh, name)) ?? null;
  if (key === null || shared.length < 2) return { ...change, key: null, rows: asWholes(old, fresh, shared), changes: [] };
  const [before, after] = [byKey(old, key), byKey(fresh, key)];
  const places = shared.map((name) => [old.columns.indexOf(name), fresh.columns.indexOf(name)] as const);
  const counts = shared.map(() => 0);
  let [changed, same] = [0, 0];
  for (const [name, row] of after) {
    const was = before.get(name);
    if (!was) continue;
    const differs = places.map(([from, to]) => was[from] !== row[to]);
    differs.forEach((yes, at) => (counts[at] = (counts[at] ?? 0) + Number(yes)));
    if (differs.includes(true)) changed++;
    else same++;
  }
  const rows = { added: after.size - changed - same, removed: before.size - changed - same, changed, same };
  return { ...change, key, rows, changes: shared.map((name, at): [string, number] => [name, counts[at] ?? 0]).filter(([, many]) => many > 0) };
}

/** Whether a column names the rows: a value of its own in each. */
function names({ columns, rows }: Rows, name: string): boolean {
  const at = columns.indexOf(name);
  return rows.length > 0 && new Set(rows.map((row) => row[at])).size === rows.length;
}

function byKey({ columns, rows }: Rows, name: string): Map<Cell, Cell[]> {
  const at = columns.indexOf(name);
  return new Map(rows.map((row) => [row[at] ?? null, row]));
}

function asWholes(old: Rows, fresh: Rows, shared: string[]): TableChange["rows"] {
  const text = ({ columns }: Rows, row: Cell[]) => JSON.stringify(shared.map((name) => row[columns.indexOf(name)]));
  const left = new Map<string, number>();
  for (const row of old.rows) left.set(text(old, row), (left.get(text(old, row)) ?? 0) + 1);
  let same = 0;
  for (const row of fresh.rows) {
    const many = left.get(text(fresh, row)) ?? 0;
    if (many) same++;
    left.set(text(fresh, row), Math.max(0, many - 1));
  }
  return { added: fresh.rows.length - same, removed: old.rows.length - same, changed: 0, same };
}
