/** A logged table: sorted by any column, filtered, of any length. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import { count, number } from "../format";
import type { Cell, Rows } from "./kinds";

const rowPixels = 27;
const sampled = 200;
const [leastLetters, mostLetters] = [5, 36];

export function RowsTable({ table, label, cut = false }: { table: Rows; label: string; cut?: boolean }) {
  const [part, setPart] = useState("");
  const [sort, setSort] = useState<{ at: number; down: boolean } | null>(null);
  const rows = useMemo(() => sorted(filtered(table.rows, part), sort), [table, part, sort]);
  const widths = useMemo(() => table.columns.map((name, at) => widthOf(name, table.rows, at)), [table]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => rowPixels, overscan: 12 });
  const items = virtual.getVirtualItems();
  const turn = (at: number) => setSort(sort?.at !== at ? { at, down: true } : sort.down ? { at, down: false } : null);
  return (
    <div className="rows-table">
      <div className="line">
        <input className="field" type="search" placeholder="Find in the rows" aria-label={`Find in the rows of ${label}`} value={part} onChange={(event) => setPart(event.target.value)} />
        <span className="muted">
          {part ? `${rows.length} of ` : cut ? "the first " : ""}
          {count(table.rows.length, "row")}, {count(table.columns.length, "column")}
        </span>
      </div>
      <div className="rows-scroll" ref={scroller} tabIndex={0} role="region" aria-label={`Rows of ${label}`}>
        <table aria-rowcount={rows.length + 1} style={{ minWidth: `${widths.reduce((sum, width) => sum + width, 0)}ch` }}>
          <colgroup>
            {widths.map((width, at) => (
              <col key={at} style={{ width: `${width}ch` }} />
            ))}
          </colgroup>
          <thead>
            <tr aria-rowindex={1}>
              {table.columns.map((name, at) => (
                <th key={at} scope="col" className={isNumeric(table.rows, at) ? "num" : ""} aria-sort={sort?.at === at ? (sort.down ? "descending" : "ascending") : "none"}>
                  <button type="button" onClick={() => turn(at)} title={name}>
                    {name || <span className="unseen">column {at + 1}</span>}
                    {sort?.at === at && <span aria-hidden="true">{sort.down ? " ↓" : " ↑"}</span>}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <Space height={items[0]?.start ?? 0} />
            {items.map(({ index }) => (
              <tr key={index} aria-rowindex={index + 2}>
                {rows[index]?.map((value, at) => (
                  <td key={at} className={typeof value === "number" ? "num" : ""} title={shown(value)}>
                    {brief(value)}
                  </td>
                ))}
              </tr>
            ))}
            <Space height={virtual.getTotalSize() - (items.at(-1)?.end ?? 0)} />
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** Where the rows stand that are not drawn. */
function Space({ height }: { height: number }) {
  return height > 0 ? (
    <tr aria-hidden="true">
      <td className="space" style={{ height }} />
    </tr>
  ) : null;
}

function shown(value: Cell | undefined): string {
  return value === null || value === undefined ? "" : String(value);
}

/** As it is, unless it is a number of many digits: those are in its title. */
function brief(value: Cell | undefined): string {
  const said = shown(value);
  return typeof value === "number" && said.length > 12 ? number(value, 6) : said;
}

function isNumeric(rows: Cell[][], at: number): boolean {
  return rows.slice(0, sampled).every((row) => typeof row[at] === "number" || row[at] === null) && rows.length > 0;
}

function widthOf(name: string, rows: Cell[][], at: number): number {
  const longest = rows.slice(0, sampled).reduce((most, row) => {
    return Math.max(most, brief(row[at]).length);
  }, name.length + 2);
  return Math.min(mostLetters, Math.max(leastLetters, longest)) + 4;
}

export function filtered(rows: Cell[][], part: string): Cell[][] {
  const asked = part.toLowerCase();
  return asked ? rows.filter((row) => row.some((value) => shown(value).toLowerCase().includes(asked))) : rows;
}

/** Numbers before texts, what is missing last, whichever the direction. */
export function sorted(rows: Cell[][], by: { at: number; down: boolean } | null): Cell[][] {
  if (!by) return rows;
  const rank = (value: Cell | undefined) => (value === null || value === undefined || value === "" ? 2 : typeof value === "string" ? 1 : 0);
  const turn = by.down ? -1 : 1;
  return rows.toSorted((one, other) => {
    const [a, b] = [one[by.at], other[by.at]];
    const ranks = rank(a) - rank(b);
    if (ranks || rank(a) === 2) return ranks;
    return turn * (typeof a === "string" ? a.localeCompare(String(b), undefined, { numeric: true }) : Number(a) - Number(b));
  });
}
