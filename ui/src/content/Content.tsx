/** One content of a run, shown as what it is. */
import { Suspense, useMemo, useState } from "react";
import { bytes as sized } from "../format";
import { lazily } from "../lazily";
import { Skeleton } from "../parts/States";
import "./content.css";
import { curveOf, distributionOf, isRecord, type Kind, kindOf, matrixOf, parseCsv, type Rows, saidKind, specOf, tableOf } from "./kinds";
import { Lines, numbered } from "./Lines";
import { cellsOf, isNotebook, Notebook } from "./Notebook";
import { headBytes, type Part, shownBytes, usePart, wholeBytes } from "./part";
import { Film, Page, Picture, Sound, Vector } from "./Played";
import { Confusion, Histogram, LinePlot } from "./Plots";
import { RowsTable } from "./RowsTable";
import { languageOf, useTokens } from "./source";

const Drawing = lazily(() => import("./Drawing"));

export interface Shown {
  path: string;
  digest: string;
  type?: string | undefined;
  size?: number | undefined;
  caption?: string | undefined;
}

interface Props {
  run: string;
  file: Shown;
  /** Show it as source: long lines are not wrapped. */
  source?: boolean;
}

export function Content({ run, file, source = false }: Props) {
  const said = saidKind(file) ?? "";
  // Of no use in part. What is played is asked for by the browser; here its beginning says what it is.
  const whole = ["image", "vector"].includes(said) || isNotebook(file.path);
  const [most, setMost] = useState(whole ? wholeBytes : ["audio", "video"].includes(said) ? headBytes : shownBytes);
  if (whole && (file.size ?? 0) > most) {
    return (
      <p className="note">
        <button type="button" className="button" onClick={() => setMost(file.size ?? most)}>
          Show all {sized(file.size ?? 0)}
        </button>
      </p>
    );
  }
  return <Fetched run={run} file={file} source={source} most={most} />;
}

function Fetched({ run, file, source, most }: Props & { most: number }) {
  const { data, error } = usePart(run, file.digest, most);
  if (error) return <p className="note">{error.message}</p>;
  if (!data) return <Skeleton rows={5} />;
  const { kind, mime } = kindOf(file, data.bytes);
  const cut = data.bytes.length < data.size;
  const label = file.caption || file.path;
  if (!data.size) return <p className="note">An empty file.</p>;
  if (kind === "image") return <Picture bytes={data.bytes} mime={mime} label={label} />;
  if (kind === "audio") return <Sound run={run} digest={file.digest} label={label} />;
  if (kind === "video") return <Film run={run} digest={file.digest} label={label} />;
  return <Written file={file} kind={kind} part={data} cut={cut} wrap={kind === "text" && !source} />;
}

interface WrittenProps {
  file: Shown;
  kind: Kind;
  part: Part;
  cut: boolean;
  wrap: boolean;
}

/** What can be read as a text, and perhaps as something that says more. */
function Written({ file, kind, part, cut, wrap }: WrittenProps) {
  const [asText, setAsText] = useState(false);
  const text = useMemo(() => new TextDecoder().decode(part.bytes), [part]);
  const more = useMemo(() => (kind === "binary" ? null : richer(file.path, kind, text, cut)), [file.path, kind, text, cut]);
  const written = useMemo(() => (kind === "json" ? indented(text) : text), [kind, text]);
  const tokens = useTokens(kind === "binary" ? "" : written, languageOf(file.path, text));
  const lines = useMemo(
    () => (kind === "binary" ? hexadecimal(part.bytes) : numbered(written).map((line, at) => ({ ...line, tokens: tokens?.[at] }))),
    [kind, written, tokens, part],
  );
  return (
    <>
      {more && (
        <div className="as line" role="group" aria-label={`${file.path}: shown as`}>
          {[false, true].map((one) => (
            <button key={String(one)} type="button" className={`button small ${one === asText ? "on" : ""}`} aria-pressed={one === asText} onClick={() => setAsText(one)}>
              {one ? "Text" : more.name}
            </button>
          ))}
        </div>
      )}
      {more && !asText ? more.shown : <Lines lines={lines} label={`${file.path} as text`} wrap={wrap} />}
      {kind === "binary" ? (
        <p className="aside">Not a text: the first {sized(Math.min(part.bytes.length, hexBytes))} of {sized(part.size)}, byte for byte.</p>
      ) : (
        cut && <p className="aside">The first {sized(part.bytes.length)} of {sized(part.size)}; save it to see the rest.</p>
      )}
    </>
  );
}

function indented(text: string): string {
  const read = parsed(text);
  return read === undefined || (typeof read === "object" && text.includes("\n")) ? text : JSON.stringify(read, null, 2);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const hexBytes = 2048;

function hexadecimal(bytes: Uint8Array) {
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, hexBytes); at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const letters = row.map((one) => (one > 31 && one < 127 ? String.fromCharCode(one) : "·")).join("");
    lines.push({ at, text: `${row.map((one) => one.toString(16).padStart(2, "0")).join(" ").padEnd(49)} ${letters}` });
  }
  return lines;
}

interface Richer {
  name: string;
  shown: React.ReactNode;
}

function richer(label: string, kind: Kind, text: string, cut: boolean): Richer | null {
  const cells = isNotebook(label) && !cut ? cellsOf(parsed(text)) : null;
  if (cells) return { name: "Cells", shown: <Notebook cells={cells.cells} language={cells.language} label={label} /> };
  if (kind === "vector") return cut ? null : { name: "Picture", shown: <Vector text={text} label={label} /> };
  if (kind === "html") return { name: "Page", shown: <Page text={text} label={label} /> };
  if (kind === "table") return asTable(label, parseCsv(text, cut), cut);
  if (kind !== "json" || cut) return null;
  const value = parsed(text);
  const distribution = distributionOf(value);
  if (distribution) return { name: "Histogram", shown: <Histogram found={distribution} label={label} /> };
  const matrix = matrixOf(label, value);
  if (matrix) return { name: "Matrix", shown: <Confusion found={matrix} label={label} /> };
  const spec = specOf(value);
  if (spec && isRecord(value)) return {
      name: "Drawing",
      shown: (
        <Suspense fallback={<Skeleton rows={6} />}>
          <Drawing library={spec} spec={value} label={label} />
        </Suspense>
      ),
    };
  const table = tableOf(value);
  return table && asTable(label, table, false);
}

function asTable(label: string, table: Rows, cut: boolean): Richer | null {
  if (!table.columns.length) return null;
  const matrix = matrixOf(label, { columns: table.columns, rows: table.rows });
  if (matrix) return { name: "Matrix", shown: <Confusion found={matrix} label={label} /> };
  const curve = curveOf(table);
  if (curve) return { name: "Curve", shown: <LinePlot lines={curve.lines} xName={curve.x} yName={curve.y} label={label} unit /> };
  return { name: "Table", shown: <RowsTable table={table} label={label} cut={cut} /> };
}
