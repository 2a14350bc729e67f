/** What a content is, told by its first bytes and its name, and read as what it says: tables, curves, distributions. */

export type Kind = "image" | "vector" | "audio" | "video" | "html" | "json" | "table" | "text" | "binary";

export interface Named {
  path: string;
  /** A media type, where the script or its library said one. */
  type?: string | undefined;
}

const heads: [kind: Kind, mime: string, at: number, bytes: string][] = [
  ["image", "image/png", 0, "\x89PNG\r\n\x1a\n"],
  ["image", "image/jpeg", 0, "\xff\xd8\xff"],
  ["image", "image/gif", 0, "GIF8"],
  ["image", "image/webp", 8, "WEBP"],
  ["image", "image/bmp", 0, "BM"],
  ["audio", "audio/wav", 8, "WAVE"],
  ["audio", "audio/ogg", 0, "OggS"],
  ["audio", "audio/flac", 0, "fLaC"],
  ["audio", "audio/mpeg", 0, "ID3"],
  ["video", "video/mp4", 4, "ftyp"],
  ["video", "video/webm", 0, "\x1a\x45\xdf\xa3"],
];
const spoken: Record<string, Kind> = {
  png: "image", jpg: "image", jpeg: "image", gif: "image", webp: "image", bmp: "image", svg: "vector", wav: "audio", ogg: "audio",
  flac: "audio", mp3: "audio", mp4: "video", webm: "video", html: "html", htm: "html", json: "json", csv: "table", tsv: "table",
};

function ending(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1).toLowerCase();
}

/** What a content says it is. */
export function saidKind({ path, type = "" }: Named): Kind | undefined {
  if (type.startsWith("image/svg")) return "vector";
  if (type.startsWith("text/html")) return "html";
  if (type === "text/csv") return "table";
  if (/[/+]json$/.test(type)) return "json";
  const first = type.split("/")[0];
  if (first === "image" || first === "audio" || first === "video" || first === "text") return first;
  return spoken[ending(path)];
}

/** What it is, and the media type that a picture, sound or film is given to the browser as. A picture must begin as one. */
export function kindOf(named: Named, bytes: Uint8Array): { kind: Kind; mime: string } {
  const said = saidKind(named);
  const head = String.fromCharCode(...bytes.subarray(0, 16));
  const found = heads.find(([kind, , at, sign]) => head.startsWith(sign, at) && (sign.length > 2 || kind === said));
  if (found) return { kind: found[0], mime: found[1] };
  if (said === "audio" && bytes[0] === 0xff) return { kind: "audio", mime: "audio/mpeg" };
  const text = !isBinary(bytes);
  const readable = said === "vector" || said === "html" || said === "json" || said === "table";
  return { kind: text ? (readable ? said : "text") : "binary", mime: "text/plain" };
}

function isBinary(bytes: Uint8Array): boolean {
  if (bytes.subarray(0, 4096).includes(0)) return true;
  try {
    // The last character may be cut; what stands before it must be text.
    new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, 4096), { stream: true });
    return false;
  } catch {
    return true;
  }
}

export type Cell = string | number | boolean | null;

export interface Rows {
  columns: string[];
  rows: Cell[][];
}

const mostColumns = 200;

/** Comma- or tab-separated values, quotes and all. The last line is left out where the text was cut. */
export function parseCsv(text: string, cut: boolean): Rows {
  const sign = [",", "\t", ";"].reduce((best, one) => (many(text, one) > many(text, best) ? one : best));
  const lines: string[][] = [];
  let line: string[] = [];
  const pattern = new RegExp(`(?:"([^"]*(?:""[^"]*)*)"|([^${sign}\\r\\n]*))(${sign}|\\r?\\n|\\r|$)`, "y");
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (!match) return { columns: [], rows: [] };
    line.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === sign && pattern.lastIndex < text.length) continue;
    lines.push(line);
    line = [];
  }
  if (cut) lines.pop();
  const columns = (lines.shift() ?? []).slice(0, mostColumns);
  const rows = lines.filter((one) => one.length > 1 || one[0] !== "" || columns.length === 1);
  return { columns, rows: rows.map((one) => columns.map((_, at) => numeral(one[at] ?? ""))) };
}

function many(text: string, sign: string): number {
  return (text.slice(0, text.search(/[\r\n]|$/)).split(sign) ?? []).length;
}

/** A number where it is written as one that we would write so again; 007 is a text. */
function numeral(text: string): Cell {
  return /^-?(?:0|[1-9]\d{0,14})(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(text) ? Number(text) : text;
}

/** A table within JSON: columns with rows (ours), with data (MLflow's, pandas'), or a list of objects. */
export function tableOf(value: unknown): Rows | null {
  if (isList(value) && value.length && value.every(isRecord)) {
    const columns = [...new Set(value.flatMap(Object.keys))].slice(0, mostColumns);
    return { columns, rows: value.map((row) => columns.map((name) => cell(row[name]))) };
  }
  if (!isRecord(value) || !isList(value.columns)) return null;
  const rows = value.rows ?? value.data;
  if (!isList(rows) || !rows.every(isList)) return null;
  const columns = value.columns.slice(0, mostColumns).map(String);
  return { columns, rows: rows.map((row) => columns.map((_, at) => cell(row[at]))) };
}

function cell(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  return typeof value === "number" || typeof value === "boolean" ? value : typeof value === "string" ? value : JSON.stringify(value);
}

export interface Distribution {
  counts: number[];
  edges: number[];
  notFinite: number;
}

export function distributionOf(value: unknown): Distribution | null {
  if (!isRecord(value) || !isNumbers(value.counts) || !isNumbers(value.edges)) return null;
  const { counts, edges, not_finite } = value;
  return counts.length && edges.length === counts.length + 1 ? { counts, edges, notFinite: Number(not_finite) || 0 } : null;
}

export interface Matrix {
  labels: string[];
  counts: number[][];
}

/** Counts of what was taken for what: a square of numbers, perhaps with its labels in the first column. */
export function matrixOf(name: string, value: unknown): Matrix | null {
  if (!/confusion/i.test(name)) return null;
  const inner = isRecord(value) && !isList(value.columns) ? Object.values(value).find(isList) : value;
  if (isList(inner) && inner.every(isNumbers)) return square(inner.map((_, at) => String(at)), inner);
  const table = tableOf(value);
  if (!table) return null;
  const labelled = table.columns.length === table.rows.length + 1;
  const rows = labelled ? table.rows.map((row) => row.slice(1)) : table.rows;
  return square(labelled ? table.columns.slice(1) : table.columns, rows);
}

const mostClasses = 60;

function square(labels: string[], rows: unknown[]): Matrix | null {
  const fits = rows.length > 1 && rows.length <= mostClasses && labels.length === rows.length;
  return fits && rows.every((row) => isNumbers(row) && row.length === rows.length) ? { labels, counts: rows as number[][] } : null;
}

export interface Curve {
  x: string;
  y: string;
  lines: { name: string; points: [number, number][] }[];
}

const pairs: [x: RegExp, y: RegExp][] = [
  [/^(fpr|false.?positive.?rate)$/i, /^(tpr|true.?positive.?rate)$/i],
  [/^recall$/i, /^precision$/i],
];

/** Receiver operating characteristic, or precision over recall: a line for each class where there is a column for it. */
export function curveOf(table: Rows): Curve | null {
  for (const [xName, yName] of pairs) {
    const [x, y] = [xName, yName].map((name) => table.columns.findIndex((column) => name.test(column))) as [number, number];
    if (x < 0 || y < 0) continue;
    const by = table.columns.findIndex((column) => /^(class|label|name)$/i.test(column));
    const lines = new Map<string, [number, number][]>();
    for (const row of table.rows) {
      const point = [row[x], row[y]];
      const name = by < 0 ? "" : String(row[by]);
      if (isNumbers(point)) lines.set(name, [...(lines.get(name) ?? []), point as [number, number]]);
    }
    return { x: table.columns[x] ?? "", y: table.columns[y] ?? "", lines: [...lines].map(([name, points]) => ({ name, points })) };
  }
  return null;
}

/** A drawing that another library would make of a description. */
export function specOf(value: unknown): "Plotly" | "Vega" | null {
  if (!isRecord(value)) return null;
  if (typeof value.$schema === "string" && value.$schema.includes("vega")) return "Vega";
  return isList(value.data) && isRecord(value.layout) ? "Plotly" : null;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isList(value: unknown): value is unknown[] {
  return Array.isArray(value);
}

export function isNumbers(value: unknown): value is number[] {
  return isList(value) && value.every((one) => typeof one === "number" && Number.isFinite(one));
}
