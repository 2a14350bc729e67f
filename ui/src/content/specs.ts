/** What a description for Plotly or Vega says, in words and in figures. */
import { type Cell, isList, isNumbers, isRecord, type Rows, tableOf } from "./kinds";

type Spec = Record<string, unknown>;

function traces(spec: Spec): Spec[] {
  return isList(spec.data) ? spec.data.filter(isRecord) : [];
}

/** In one sentence, for those who don't see it. */
export function wordsOf(spec: Spec): string {
  const title = text(isRecord(spec.layout) ? spec.layout.title : spec.title);
  const kinds = isRecord(spec.layout) ? traces(spec).map((trace) => [text(trace.type) || "scatter", text(trace.name)].filter(Boolean).join(" ")) : marks(spec);
  const axes = isRecord(spec.layout) ? [spec.layout.xaxis, spec.layout.yaxis].map((axis) => (isRecord(axis) ? text(axis.title) : "")) : fields(spec);
  return [title, kinds.slice(0, 12).join(", "), axes.filter(Boolean).toReversed().join(" over ")].filter(Boolean).join("; ") || "a drawing";
}

/** A title is a text, or an object with one. */
function text(value: unknown): string {
  return typeof value === "string" ? value : isRecord(value) && typeof value.text === "string" ? value.text : "";
}

function layers(spec: Spec): Spec[] {
  const below = ["layer", "hconcat", "vconcat", "concat"].flatMap((name) => (isList(spec[name]) ? spec[name].filter(isRecord) : []));
  return below.length ? below.flatMap(layers) : [isRecord(spec.spec) ? spec.spec : spec];
}

function marks(spec: Spec): string[] {
  if (isList(spec.marks)) return spec.marks.filter(isRecord).map((mark) => text(mark.type));
  return layers(spec).map(({ mark }) => text(isRecord(mark) ? mark.type : mark));
}

function fields(spec: Spec): string[] {
  const { encoding } = layers(spec).find((one) => isRecord(one.encoding)) ?? spec;
  if (!isRecord(encoding)) return [];
  return [encoding.x, encoding.y].map((channel) => (isRecord(channel) ? text(channel.title) || text(channel.field) || text(channel.aggregate) : ""));
}

const mostRows = 100_000;

/** The data that it draws, as far as they lie in it as rows. */
export function rowsOf(spec: Spec): Rows {
  return isRecord(spec.layout) ? ofPlotly(traces(spec)) : ofVega(spec);
}

const channels = ["x", "y", "z", "labels", "values"];

/** A row for each point of each trace; of a grid, one for each of its rows. */
function ofPlotly(all: Spec[]): Rows {
  const lists = all.map((trace) => channels.map((name) => list(trace[name])));
  const used = channels.filter((_, at) => lists.some((one) => one[at]));
  const rows = lists.flatMap((found, at) => {
    const name = text(all[at]?.name) || `${text(all[at]?.type) || "scatter"} ${at + 1}`;
    const own = found.filter((_, channel) => used.includes(channels[channel] ?? ""));
    const long = Math.min(mostRows, Math.max(0, ...own.map((one) => one?.length ?? 0)));
    return Array.from({ length: long }, (_, row): Cell[] => [name, ...own.map((one) => cell(one?.[row]))]);
  });
  return { columns: ["trace", ...used], rows };
}

function ofVega(spec: Spec): Rows {
  const named = isRecord(spec.datasets) ? Object.values(spec.datasets) : [];
  const data = [spec, ...layers(spec)].flatMap((one) => (isList(one.data) ? one.data : [one.data])).flatMap((one) => (isRecord(one) ? [one.values] : []));
  const tables = [...named, ...data].flatMap((values) => {
    const rows = isList(values) && values.length && !isRecord(values[0]) ? values.map((value) => ({ data: value })) : values;
    return tableOf(rows) ?? [];
  });
  return tables.reduce((most, one) => (one.rows.length > most.rows.length ? one : most), { columns: ["data"], rows: [] });
}

function cell(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  return typeof value === "number" || typeof value === "boolean" || typeof value === "string" ? value : JSON.stringify(value);
}

const readers: Record<string, (bytes: ArrayBuffer) => ArrayLike<number>> = {
  f8: (bytes) => new Float64Array(bytes),
  f4: (bytes) => new Float32Array(bytes),
  i4: (bytes) => new Int32Array(bytes),
  i2: (bytes) => new Int16Array(bytes),
  i1: (bytes) => new Int8Array(bytes),
  u4: (bytes) => new Uint32Array(bytes),
  u2: (bytes) => new Uint16Array(bytes),
  u1: (bytes) => new Uint8Array(bytes),
};

/** A list, as such or in Plotly's packed form. */
function list(value: unknown): unknown[] | null {
  if (isList(value)) return value;
  if (!isRecord(value) || typeof value.bdata !== "string") return null;
  try {
    const bytes = Uint8Array.from(atob(value.bdata), (letter) => letter.charCodeAt(0));
    const read = readers[String(value.dtype)]?.(bytes.buffer);
    const found = read ? Array.from(read) : null;
    return isNumbers(found) ? found : null;
  } catch {
    return null;
  }
}
