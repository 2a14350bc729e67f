/** The table of runs: only the rows on the screen are asked for and drawn. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useCallback, useMemo, useRef, useState } from "react";
import type { ChartRun } from "../../charts/lines";
import { count } from "../../format";
import { type Key, useKeys } from "../../keys";
import { Skeleton } from "../../parts/States";
import type { Column } from "../../schema";
import { navigate, type SetView } from "../../url";
import { type GridColumn, gridColumns, nameWidth } from "./cells";
import { pageRows, type Row, type Selection, useRows, useRunsById } from "./data";
import { RunRow } from "./RunRow";
import type { RunsView } from "./view";

export interface GridProps {
  view: RunsView;
  change: SetView<RunsView>;
  selection: Selection;
  columns: Column[];
  shown: string[];
  drawn: ChartRun[];
}

export const rowPixels = 32;
const verdictWidth = 124;
const gradeWidth = 72;

/** `total` is told from outside: how many rows there are must not hang on which of them are loaded. */
export function Grid(props: GridProps & { input: RefObject<HTMLInputElement | null>; total: number | undefined }) {
  const { view, change, selection, columns, shown, drawn, input, total } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const pinned = useRunsById(view.pin, shown);
  const virtual = useVirtualizer({
    count: total ?? 0,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPixels,
    overscan: 8,
    scrollPaddingStart: rowPixels,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? pageRows - 1;
  const { rows, pending } = useRows(selection, view.sort, shown, first, last);
  const [at, setAt] = useState(-1);
  const toggle = useToggle(props);
  useGridKeys({ at, setAt, total: total ?? 0, row: rows.get(at), scroll: (to) => virtual.scrollToIndex(to), toggle, change, input });
  const sample = useSample(rows, first === 0, shown);
  const laid = useMemo(() => gridColumns(shown, columns, sample), [shown, columns, sample]);
  const inCharts = useMemo(() => new Set(drawn.map((run) => run.id)), [drawn]);
  const common = { columns: laid, sorted: sortedBy(view), toggle };
  return (
    <section className="table card" aria-label="Runs">
      <div className="grid" role="grid" aria-label="Runs" aria-rowcount={(total ?? 0) + 1} aria-colcount={laid.length + 3} ref={scroller} tabIndex={0} style={gridStyle(laid, nameWidth(sample))}>
        <Head columns={laid} view={view} change={change} all={<Total total={total} selection={selection} view={view} change={change} />} />
        {pending && <Skeleton rows={16} />}
        {pinned.map((row) => (
          <RunRow key={`pin ${row.id}`} row={row} index={0} charted={inCharts.has(row.id)} current={false} pinned {...common} />
        ))}
        <div role="rowgroup" className="rows" style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index, start }) => (
            <RunRow
              key={rows.get(index)?.id ?? index}
              row={rows.get(index)}
              index={index}
              top={start}
              charted={inCharts.has(rows.get(index)?.id ?? "")}
              current={index === at}
              {...common}
            />
          ))}
        </div>
        {total === 0 && <p className="note">No run passes this filter.</p>}
      </div>
    </section>
  );
}

export function sortedBy(view: RunsView): string {
  return view.sort.replace(/^-/, "");
}

/** The rows that widths are taken from: those at the top, so that no column moves while the table is scrolled. */
function useSample(rows: Map<number, Row>, atTop: boolean, shown: string[]): Row[] {
  const held = useRef<{ shown: string[]; rows: Row[] }>({ shown: [], rows: [] });
  // The first row is another one as soon as other columns, or newer values, have come.
  const [top] = rows.values();
  if (held.current.shown !== shown || (atTop && top !== held.current.rows[0])) held.current = { shown, rows: [...rows.values()] };
  return held.current.rows;
}

/** Take a run into the charts, or out of them; the first change starts from those that are drawn by themselves. */
export function useToggle({ view, change, drawn }: GridProps): (id: string) => void {
  const latest = useRef({ view, drawn });
  latest.current = { view, drawn };
  return useCallback(
    (id) => {
      const { view, drawn } = latest.current;
      const now = view.sel.length ? view.sel : view.group ? [] : drawn.map((run) => run.id);
      change({ sel: now.includes(id) ? now.filter((one) => one !== id) : [...now, id] }, "replace");
    },
    [change],
  );
}

interface KeyProps {
  at: number;
  setAt: (at: number) => void;
  total: number;
  row: Row | undefined;
  scroll: (to: number) => void;
  toggle: (id: string) => void;
  change: SetView<RunsView>;
  input: RefObject<HTMLInputElement | null>;
}

function useGridKeys({ at, setAt, total, row, scroll, toggle, change, input }: KeyProps): void {
  const keys = useMemo<Key[]>(() => {
    const go = (to: number) => {
      const place = Math.max(0, Math.min(total - 1, to));
      setAt(place);
      scroll(place);
    };
    return [
      { key: "/", about: "filter", act: () => input.current?.focus() },
      { key: "j", about: "next run", act: () => go(at + 1) },
      { key: "k", about: "run before", act: () => go(at - 1) },
      { key: "x", about: "into the charts, or out of them", act: () => row && toggle(row.id) },
      { key: "Enter", about: "open the run", act: () => row && navigate(`/runs/${row.id}`) },
      { key: "Escape", about: "choose none", act: () => change({ sel: [], zoom: "" }, "replace") },
    ];
  }, [at, setAt, total, row, scroll, toggle, change, input]);
  useKeys(keys);
}

export function gridStyle(columns: GridColumn[], nameWidth: number): React.CSSProperties {
  const widths = [nameWidth, verdictWidth, gradeWidth, ...columns.map((one) => one.width)];
  const template = widths.map((width, at) => (at === 0 ? `minmax(${width}px, 1fr)` : `${width}px`)).join(" ");
  return { "--columns": `${template} 34px`, "--least": `${widths.reduce((sum, one) => sum + one, 34)}px` } as React.CSSProperties;
}

interface HeadProps {
  columns: GridColumn[];
  view: RunsView;
  change: SetView<RunsView>;
  all: React.ReactNode;
}

export function Head({ columns, view, change, all }: HeadProps) {
  const sorts = (name: string) => (view.sort === name ? "ascending" : view.sort === `-${name}` ? "descending" : "none");
  const sort = (name: string) => change({ sort: view.sort === `-${name}` ? name : `-${name}` });
  const cells = [{ name: "verdict", title: "verdict", right: false }, { name: "grade", title: "grade", right: false }, ...columns];
  return (
    <div role="rowgroup" className="head">
      <div role="row" className="row" aria-rowindex={1}>
        <div role="columnheader" className="first">
          {all}
        </div>
        {cells.map(({ name, title, right }) => (
          <div key={name} role="columnheader" className={right ? "right" : ""} aria-sort={sorts(name)}>
            <button type="button" onClick={() => sort(name)} title={`${name}: sort`}>
              {title}
              {sorts(name) !== "none" && <span aria-hidden="true">{sorts(name) === "ascending" ? " ↑" : " ↓"}</span>}
            </button>
          </div>
        ))}
        <div role="columnheader">
          <span className="unseen">actions</span>
        </div>
      </div>
    </div>
  );
}

interface TotalProps {
  total: number | undefined;
  selection: Selection;
  view: RunsView;
  change: SetView<RunsView>;
}

function Total({ total, selection, view, change }: TotalProps) {
  const all = useRows({ ...selection, query: "" }, "-created", ["name"], 0, 0).total;
  if (total === undefined) return null;
  return (
    <>
      {all !== undefined && all !== total ? `${total.toLocaleString("en")} of ${count(all, "run")}` : count(total, "run")}
      {view.sel.length > 0 && (
        <button type="button" className="clear" onClick={() => change({ sel: [] })} title="Choose none: the charts show the first runs of the table">
          {view.sel.length} chosen ×
        </button>
      )}
      {view.hide.length > 0 && (
        <button type="button" className="clear" onClick={() => change({ hide: [] })} title="Show them again">
          {view.hide.length} hidden ×
        </button>
      )}
    </>
  );
}
