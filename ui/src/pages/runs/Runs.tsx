/** The workspace: runs at the left, their charts at the right; all of the view in the address. */
import { useQuery } from "@tanstack/react-query";
import { useMemo, useRef, useSyncExternalStore } from "react";
import { ApiError, ask } from "../../api";
import { dashesFor } from "../../colour";
import type { ChartRun } from "../../charts/lines";
import { Panels } from "../../charts/Panels";
import { plain } from "../../format";
import { Copy } from "../../parts/Copy";
import { Icon } from "../../parts/Icon";
import { Link } from "../../parts/Link";
import { QueryInput } from "../../parts/QueryInput";
import { Empty, Failed, Start } from "../../parts/States";
import { Views } from "../../parts/Views";
import type { Column } from "../../schema";
import { type SetView, useView } from "../../url";
import { ColumnChooser, GroupChooser } from "./Choosers";
import { chosenColumns, metricNames, pageRows, type Row, useColumns, useRows, useRunsById, useSelection } from "./data";
import { Grid } from "./Grid";
import { GroupGrid } from "./GroupGrid";
import "./runs.css";
import { runsDefaults, type RunsView } from "./view";

const mostDrawn = 10; // runs in the charts when none are chosen
const mostGrouped = 60;

export default function Runs() {
  const [view, change] = useView(runsDefaults);
  const input = useRef<HTMLInputElement>(null);
  const selection = useSelection(view);
  const survey = useColumns(selection);
  const columns = useMemo(() => survey.data ?? [], [survey.data]);
  const room = useRoom(view.split);
  const shown = useMemo(() => chosenColumns(view.col, columns, room), [view.col, columns, room]);
  const asked = useMemo(() => (view.group ? [...new Set([...shown, view.group])] : shown), [shown, view.group]);
  const head = useRows(selection, view.sort, asked, 0, pageRows - 1);
  const chosen = useRunsById(view.sel, asked);
  const drawn = useDrawnRuns(view, head.rows, chosen);
  const error = head.error instanceof ApiError ? head.error : null;
  const wrong = error?.position !== undefined ? { message: error.message, position: error.position } : null;
  if (error && !wrong) return <Failed error={error} />;
  if (head.total === 0 && !view.q && !view.project && !view.hide.length) return <Start />;
  return (
    <div className="runs">
      <h1 className="unseen">Runs</h1>
      <div className="bar">
        <ProjectChooser project={view.project} choose={(project) => change({ ...runsDefaults, project })} />
        <QueryInput
          value={view.q}
          columns={columns}
          error={wrong}
          input={input}
          onChange={(q, done) => change({ q }, done ? "push" : "replace")}
        />
        <GroupChooser columns={columns} group={view.group} choose={(group) => change({ group, open: [] })} />
        <ColumnChooser columns={columns} shown={shown} automatic={view.col.length === 0} choose={(col) => change({ col }, "replace")} />
        <Views path="/runs" />
        <Copy text={() => location.href} what="a link to this view">
          Link
        </Copy>
        <CompareLink view={view} drawn={drawn} waiting={head.total === undefined && !error} />
      </div>
      {wrong && head.total === undefined ? (
        <div>
          <Empty title="The filter cannot be read">
            <p>What is wrong is underlined above; without a filter, all runs are shown.</p>
            <button type="button" className="button" onClick={() => change({ q: "" })}>
              All runs
            </button>
          </Empty>
        </div>
      ) : head.total === 0 && view.q ? (
        <div>
          <Empty title="No run passes this filter">
            <p>Without it, all runs{view.project && ` of ${view.project}`} are shown.</p>
            <button type="button" className="button" onClick={() => change({ q: "" })}>
              All runs
            </button>
          </Empty>
        </div>
      ) : (
        <div className="split" style={{ "--split": `${view.split}%` } as React.CSSProperties}>
          {view.group ? (
            <GroupGrid view={view} change={change} selection={selection} columns={columns} shown={shown} drawn={drawn} />
          ) : (
            <Grid view={view} change={change} selection={selection} columns={columns} shown={shown} drawn={drawn} input={input} total={head.total} />
          )}
          <Splitter split={view.split} choose={(split) => change({ split }, "replace")} />
          <Charts drawn={drawn} columns={columns} view={view} change={change} />
        </div>
      )}
    </div>
  );
}

const besides = 382; // name, verdict, grade, menu and margins
const aroundTable = 28;
const roomStep = 20;

function onResize(act: () => void): () => void {
  window.addEventListener("resize", act);
  return () => window.removeEventListener("resize", act);
}

/** The pixels that the table has for its columns; on a narrow screen it is scrolled, and has as many as it likes. */
function useRoom(split: string): number {
  const width = useSyncExternalStore(onResize, () => Math.floor(window.innerWidth / roomStep) * roomStep);
  return width < 760 ? Number.POSITIVE_INFINITY : ((width - aroundTable) * (Number(split) || 50)) / 100 - besides;
}

/** The runs in the charts: those that are chosen, else the first of the table; pinned ones always. */
function useDrawnRuns(view: RunsView, head: Map<number, Row>, chosen: Row[]): ChartRun[] {
  const most = view.group ? mostGrouped : mostDrawn;
  const first = [...head.values()].slice(0, most);
  const rows = view.sel.length ? chosen : first;
  const key = rows.map((row) => `${row.id} ${row.name} ${row.colour} ${plain(row.cells.get(view.group))}`).join("\n");
  return useMemo(() => {
    const dashes = dashesFor(rows.map((row) => row.colour));
    return rows.map((row, at) => ({
      id: row.id,
      name: row.name,
      colour: row.colour,
      dash: dashes[at] ?? [],
      created: row.created,
      ...(view.group && { group: plain(row.cells.get(view.group)) || "none" }),
    }));
    // Rows are made anew with each answer; what charts need of them seldom changes.
  }, [key, view.group]);
}

interface ChartsProps {
  drawn: ChartRun[];
  /** Those of the whole table: enough to begin with, before it is known what the drawn runs logged. */
  columns: Column[];
  view: RunsView;
  change: SetView<RunsView>;
}

function Charts({ drawn, columns, view, change }: ChartsProps) {
  const ids = drawn.map((run) => run.id);
  const { data } = useQuery({
    queryKey: ["columns", "of runs", ids],
    queryFn: async ({ signal }) => (await ask("POST /api/v1/columns", { body: { runs: ids } }, signal)).columns,
    meta: { runs: "survey" },
    enabled: ids.length > 0,
    placeholderData: (before) => before,
  });
  const metrics = useMemo(() => metricNames(data ?? columns), [data, columns]);
  return (
    <section className="pane" aria-label="Charts">
      {drawn.length > 0 && metrics.length > 0 && <Panels metrics={metrics} runs={drawn} view={view} change={change} />}
    </section>
  );
}

function ProjectChooser({ project, choose }: { project: string; choose: (project: string) => void }) {
  const { data } = useQuery({
    queryKey: ["projects"],
    queryFn: ({ signal }) => ask("GET /api/v1/projects", {}, signal),
    meta: { runs: "survey" },
  });
  const names = (data?.projects ?? []).filter((one) => one.runs > 0 || one.name === project).map((one) => one.name);
  if (names.length < 2 && !project) return null;
  return (
    <select className="field" aria-label="Project" value={project} onChange={(event) => choose(event.target.value)}>
      <option value="">all projects</option>
      {names.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  );
}

const mostCompared = 50;

/** The runs in the charts, beside each other. */
function CompareLink({ view, drawn, waiting }: { view: RunsView; drawn: ChartRun[]; waiting: boolean }) {
  // Its place is kept while the table is on its way.
  if (waiting) return <span className="button kept-place">Compare {mostDrawn}</span>;
  if (drawn.length < 2) return null;
  const said = new URLSearchParams(drawn.slice(0, mostCompared).map((run) => ["run", run.id]));
  for (const name of ["q", "project"] as const) if (view[name]) said.set(name, view[name]);
  return (
    <Link href={`/compare?${said}`} className="button" title="What differs between the runs in the charts">
      Compare {Math.min(drawn.length, mostCompared)}
    </Link>
  );
}

/** Between table and charts: dragged, or moved with the arrow keys. */
function Splitter({ split, choose }: { split: string; choose: (split: string) => void }) {
  const at = Number(split) || 50;
  const set = (value: number) => choose(String(Math.round(Math.min(85, Math.max(15, value)))));
  return (
    <div
      className="splitter"
      role="separator"
      aria-label="Width of the table"
      aria-orientation="vertical"
      aria-valuenow={at}
      aria-valuemin={15}
      aria-valuemax={85}
      tabIndex={0}
      onKeyDown={(event) => {
        const step = { ArrowLeft: -3, ArrowRight: 3 }[event.key];
        if (step) set(at + step);
      }}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={(event) => {
        const whole = event.currentTarget.parentElement?.getBoundingClientRect();
        if (event.buttons && whole) set(((event.clientX - whole.left) / whole.width) * 100);
      }}
    >
      <Icon name="more" size={12} />
    </div>
  );
}
