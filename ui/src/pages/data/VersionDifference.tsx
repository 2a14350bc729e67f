/** How one version of a dataset differs from another: files, and within tables columns, rows, distributions. */
import { useQuery } from "@tanstack/react-query";
import { ask } from "../../api";
import { bytes, count, number } from "../../format";
import { Heads } from "../../parts/Heads";
import { Skeleton } from "../../parts/States";
import { WideTable } from "../../parts/WideTable";
import type { DatasetDifference, TableDifference } from "../../schema";
import { Column } from "./Difference";

type FileChange = DatasetDifference["files"][number];
type Shift = TableDifference["shifts"][number];

const mostFiles = 200;
const tones = { added: "ok", removed: "bad", changed: "near" };
const measures = { ks: "Kolmogorov–Smirnov", tv: "total variation" };

export function VersionDifference({ name, before, after }: { name: string; before: number; after: number }) {
  const { data, error } = useQuery({
    queryKey: ["dataset difference", name, before, after],
    queryFn: ({ signal }) => ask("GET /api/v1/datasets/{name}/difference", { path: { name }, query: { before: String(before), after: String(after) } }, signal),
    staleTime: Infinity,
    retry: false,
  });
  return (
    <section className="card" aria-label="Difference of versions">
      <h2>
        v{before} → v{after} <span>{data && summary(data)}</span>
      </h2>
      {error && <p className="note">{error.message}</p>}
      {!data && !error && <Skeleton rows={4} />}
      {data && data.files.length > 0 && <Files found={data} />}
      {data?.tables.map((table) => <Table key={table.path} table={table} />)}
    </section>
  );
}

function summary({ added, removed, changed }: DatasetDifference): string {
  const said = [[added, "added"], [removed, "removed"], [changed, "changed"]] as const;
  return said.filter(([many]) => many > 0).map(([many, word]) => `${count(many, "file")} ${word}`).join(", ") || "the same files";
}

function Files({ found }: { found: DatasetDifference }) {
  const shown = found.files.slice(0, mostFiles);
  const left = found.added + found.removed + found.changed - shown.length;
  return (
    <>
      <WideTable label="Files" className="left">
        <Heads names={["file", "change", "before", "after"]} />
        <tbody>
          {shown.map((file) => (
            <File key={file.path} file={file} />
          ))}
        </tbody>
      </WideTable>
      {left > 0 && <p className="note">and {count(left, "file")} more: <code>anew diff</code> lists them all.</p>}
    </>
  );
}

function File({ file }: { file: FileChange }) {
  return (
    <tr>
      <th scope="row" className="mono">{file.path}</th>
      <td>
        <span className={tones[file.kind]}>{file.kind}</span>
      </td>
      <td>{file.before === null ? "–" : bytes(file.before)}</td>
      <td>{file.after === null ? "–" : bytes(file.after)}</td>
    </tr>
  );
}

function Table({ table }: { table: TableDifference }) {
  const [before = 0, after = 0] = table.rows;
  const columns = [
    ...table.columns_added.map((column) => [column, "added", "ok"] as const),
    ...table.columns_removed.map((column) => [column, "removed", "bad"] as const),
    ...Object.entries(table.columns_retyped).map(([column, types]) => [column, types.join(" → "), "near"] as const),
  ];
  return (
    <div className="table-difference" role="group" aria-label={`Difference of ${table.path}`}>
      <h3 className="mono">{table.path}</h3>
      {table.untold ? (
        <p className="muted">{table.untold}</p>
      ) : (
        <dl className="facts table-changes">
          <dt>rows</dt>
          <dd>
            {before.toLocaleString("en")} → {after.toLocaleString("en")}: <span className="ok">+{table.rows_added.toLocaleString("en")}</span>{" "}
            <span className="bad">−{table.rows_removed.toLocaleString("en")}</span>
            {table.rows_changed !== null && `, ${table.rows_changed.toLocaleString("en")} changed`}{" "}
            <span className="muted">{table.key ? `by ${table.key}` : "as wholes"}</span>
          </dd>
          {columns.map(([column, word, tone]) => (
            <Column key={`${column} ${word}`} name={column} word={word} tone={tone} />
          ))}
        </dl>
      )}
      {table.shifts.length > 0 && <Shifts shifts={table.shifts} />}
    </div>
  );
}

/** How far the columns moved, the farthest first. */
function Shifts({ shifts }: { shifts: Shift[] }) {
  return (
    <WideTable label="Columns that moved" className="left">
      <Heads names={["column", "moved", "before", "after"]} />
      <tbody>
        {shifts.map((shift) => (
          <tr key={shift.column}>
            <th scope="row" className="mono">{shift.column}</th>
            <td title={`${measures[shift.measure]} distance, 0 to 1`}>
              <span className="moved">
                <i aria-hidden="true" style={{ width: `${100 * shift.distance}%` }} />
              </span>{" "}
              {number(shift.distance, 3)} <span className="muted">{shift.measure.toUpperCase()}</span>
            </td>
            <td>{said(shift.before)}</td>
            <td>{said(shift.after)}</td>
          </tr>
        ))}
      </tbody>
    </WideTable>
  );
}

function said({ mean, std, distinct }: Shift["before"]): string {
  if (typeof distinct === "number") return `${distinct.toLocaleString("en")} distinct`;
  if (typeof mean !== "number") return "–";
  return typeof std === "number" ? `${number(mean)} ± ${number(std, 3)}` : number(mean);
}
