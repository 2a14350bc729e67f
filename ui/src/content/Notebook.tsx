/** A notebook as its cells: what was written, and what came of it. */
import { coloured } from "../parts/Ansi";
import { isList, isRecord } from "./kinds";
import { Page, Vector } from "./Played";
import { type Language, languageOf, toned, useTokens } from "./source";

interface Output {
  kind: "text" | "error" | "image" | "vector" | "html";
  text: string;
  /** Of a picture. */
  mime: string;
}

export interface NotebookCell {
  kind: "code" | "markdown";
  /** As which it was run; null where it was not. */
  count: number | null;
  source: string;
  outputs: Output[];
}

const mostCells = 300;
const pictures = ["image/png", "image/jpeg", "image/gif"];

export function isNotebook(path: string): boolean {
  return path.toLowerCase().endsWith(".ipynb");
}

/** The cells of what was read from a notebook's file; null for what is none. */
export function cellsOf(value: unknown): { cells: NotebookCell[]; language: Language | null } | null {
  if (!isRecord(value) || !isList(value.cells)) return null;
  const cells = value.cells.filter(isRecord).map((cell): NotebookCell => ({
    kind: cell.cell_type === "code" ? "code" : "markdown",
    count: typeof cell.execution_count === "number" ? cell.execution_count : null,
    source: joined(cell.source),
    outputs: isList(cell.outputs) ? cell.outputs.filter(isRecord).map(outputOf) : [],
  }));
  const { language_info: spoken } = isRecord(value.metadata) ? value.metadata : {};
  const ending = isRecord(spoken) && typeof spoken.file_extension === "string" ? spoken.file_extension : ".py";
  return { cells, language: languageOf(`cell${ending}`, "") };
}

/** A notebook keeps texts whole or in lines. */
function joined(value: unknown): string {
  return typeof value === "string" ? value : isList(value) ? value.filter((one) => typeof one === "string").join("") : "";
}

function outputOf(output: Record<string, unknown>): Output {
  if (output.output_type === "stream") return { kind: output.name === "stderr" ? "error" : "text", text: joined(output.text), mime: "" };
  if (output.output_type === "error") return { kind: "error", text: joined(isList(output.traceback) ? output.traceback.map((line) => `${String(line)}\n`) : output.evalue), mime: "" };
  const data = isRecord(output.data) ? output.data : {};
  const mime = pictures.find((one) => data[one] !== undefined);
  if (mime) return { kind: "image", text: joined(data[mime]).replace(/\s/g, ""), mime };
  if (data["image/svg+xml"] !== undefined) return { kind: "vector", text: joined(data["image/svg+xml"]), mime: "" };
  if (data["text/plain"] === undefined && data["text/html"] !== undefined) return { kind: "html", text: joined(data["text/html"]), mime: "" };
  return { kind: "text", text: joined(data["text/plain"]), mime: "" };
}

export function Notebook({ cells, language, label }: { cells: NotebookCell[]; language: Language | null; label: string }) {
  return (
    <>
      <ol className="notebook" tabIndex={0} aria-label={`Cells of ${label}`}>
        {cells.slice(0, mostCells).map((cell, at) => (
          <li key={at}>
            <small>{cell.kind === "code" && `[${cell.count ?? " "}]`}</small>
            <Source text={cell.source} language={cell.kind === "code" ? language : "markdown"} />
            {cell.outputs.length > 0 && (
              <div className="outputs">
                {cell.outputs.map((output, place) => (
                  <Shown key={place} output={output} label={`output of cell ${at + 1}`} />
                ))}
              </div>
            )}
          </li>
        ))}
      </ol>
      {cells.length > mostCells && <p className="aside">The first {mostCells} of {cells.length} cells; as a text it is whole.</p>}
    </>
  );
}

function Source({ text, language }: { text: string; language: Language | null }) {
  const lines = useTokens(text, language);
  return (
    <pre className={`source ${language === "markdown" ? "markdown" : ""}`}>
      {lines ? lines.map((line, at) => <div key={at}>{line.length ? toned(line) : " "}</div>) : text}
    </pre>
  );
}

function Shown({ output: { kind, text, mime }, label }: { output: Output; label: string }) {
  if (kind === "image") return <img src={`data:${mime};base64,${text}`} alt={label} />;
  if (kind === "vector") return <Vector text={text} label={label} />;
  if (kind === "html") return <Page text={text} label={label} />;
  return <pre className={kind === "error" ? "stderr" : ""}>{coloured(text)}</pre>;
}
