/** The table with its runs put together by the value of one column; a group opens to show them. */
import { keepPreviousData, useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ask } from "../../api";
import { colourOf, colourVar } from "../../colour";
import { count, label, number, plain } from "../../format";
import { Icon } from "../../parts/Icon";
import { Failed, Skeleton } from "../../parts/States";
import { type GridColumn, gridColumns, nameWidth } from "./cells";
import { quote, rowsOf, type Selection } from "./data";
import { type GridProps, gridStyle, Head, sortedBy, useToggle } from "./Grid";
import { RunRow } from "./RunRow";

const mostOfGroup = 100;
type Group = Record<string, string | number | boolean | null>;

export function GroupGrid(props: GridProps) {
  const { view, change, selection, columns, shown, drawn } = props;
  const numbers = useMemo(() => shown.filter((name) => columns.find((one) => one.name === name)?.number && name !== "created"), [shown, columns]);
  const { data, error } = useQuery({
    queryKey: ["groups", selection, view.group, numbers],
    queryFn: ({ signal }) =>
      ask("GET /api/v1/groups", { query: { query: selection.query, project: selection.project, reproductions: String(selection.reproductions), by: view.group, aggregate: ["count", ...numbers.map((name) => `mean:${name}`)] } }, signal),
    meta: { runs: "survey" },
    placeholderData: keepPreviousData,
  });
  const members = useMembers(props);
  const laid = useMemo(() => gridColumns(shown, columns, members.flat()), [shown, columns, members]);
  const toggle = useToggle(props);
  const inCharts = new Set(drawn.map((run) => run.id));
  const common = { columns: laid, sorted: sortedBy(view), toggle };
  const open = (key: string) => change({ open: view.open.includes(key) ? view.open.filter((one) => one !== key) : [...view.open, key] }, "replace");
  if (error) return <Failed error={error} />;
  return (
    <section className="table card" aria-label="Groups of runs">
      <div className="grid" role="treegrid" aria-label="Groups of runs" tabIndex={0} style={gridStyle(laid, nameWidth(members.flat(), 26))}>
        <Head columns={laid} view={view} change={change} all={data ? `${count(data.total, "group")} by ${label(view.group)}` : ""} />
        {!data && <Skeleton rows={8} />}
        <div role="rowgroup">
          {data?.groups.map((group) => {
            const key = keyOf(group[view.group] ?? null);
            const rows = members[view.open.indexOf(key)] ?? [];
            return (
              <div key={key} role="presentation">
                <GroupRow group={group} by={view.group} columns={laid} open={view.open.includes(key)} toggle={() => open(key)} />
                {view.open.includes(key) && rows.map((row, at) => <RunRow key={row.id} row={row} index={at} charted={inCharts.has(row.id)} current={false} inset {...common} />)}
              </div>
            );
          })}
        </div>
      </div>
    </section>
  );
}

/** A group in the address: its value, marked by kind. */
function keyOf(value: string | number | boolean | null): string {
  return value === null ? "null" : typeof value === "string" ? quote(value) : String(value);
}

function within(selection: Selection, by: string, key: string): string {
  const own = key === "null" ? `${by} is null` : `${by} = ${key}`;
  return selection.query.trim() ? `(${selection.query}) and ${own}` : own;
}

function useMembers({ view, selection, shown }: GridProps) {
  const wanted = useMemo(() => [...new Set(["name", "status", "created", "duration", "verdict", "grade", "tags.`anew.colour`", ...shown])], [shown]);
  return useQueries({
    queries: view.open.map((key) => ({
      queryKey: ["table", "group", selection, view.group, key, view.sort, wanted],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        ask("POST /api/v1/table", { body: { ...selection, query: within(selection, view.group, key), sort: [view.sort], columns: wanted, count: mostOfGroup } }, signal),
      meta: { runs: "all" },
    })),
    combine: (answers) => answers.map(({ data }) => (data ? rowsOf(data, wanted) : [])),
  });
}

interface RowProps {
  group: Group;
  by: string;
  columns: GridColumn[];
  open: boolean;
  toggle: () => void;
}

function GroupRow({ group, by, columns, open, toggle }: RowProps) {
  const mean = (name: string) => group[`mean:${name}`];
  return (
    <div role="row" className="row group" aria-expanded={open}>
      <div role="rowheader" className="first">
        <button type="button" onClick={toggle} aria-label={`${open ? "Close" : "Open"} ${plain(group[by]) || "none"}`}>
          <Icon name={open ? "down" : "right"} size={13} />
          <i className="swatch" style={{ background: colourVar(colourOf(plain(group[by]) || "none")) }} />
          {plain(group[by]) || "none"}
        </button>
      </div>
      <div role="gridcell" className="muted">
        {count(Number(group.count), "run")}
      </div>
      <div role="gridcell" className="muted">
        mean
      </div>
      {columns.map((column) => (
        <div key={column.name} role="gridcell" className={`${column.right ? "right" : ""} ${column.kind}`}>
          {typeof mean(column.name) === "number" && number(Number(mean(column.name)), 3)}
        </div>
      ))}
      <div role="gridcell" />
    </div>
  );
}
