/** Numbers, times and sizes as people read them. */

/** A measured number: four digits that count, and no more. */
export function number(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return String(value);
  if (Number.isInteger(value) && size < 1e15) return value.toLocaleString("en");
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(digits - 2).replace("e+", "e");
  return value.toPrecision(digits).includes("e") ? value.toFixed(0) : value.toPrecision(digits);
}

/** A value of a config, exactly, in one line. */
export function plain(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : typeof value === "object" ? JSON.stringify(value) : String(value);
}

const units: [number, string][] = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
];

/** A span as its two largest units: 2 h 11 min. */
export function span(seconds: number): string {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds < 9.95 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  let left = Math.round(seconds);
  for (const [at, [size, name]] of units.entries()) {
    if (left < size) continue;
    const whole = Math.floor(left / size);
    left -= whole * size;
    const [next, unit] = units[at + 1] ?? [1, "s"];
    const rest = Math.floor(left / next);
    return rest ? `${whole} ${name} ${rest} ${unit}` : `${whole} ${name}`;
  }
  return `${left} s`;
}

/** How long ago, in one unit. */
export function ago(seconds: number): string {
  if (seconds < 5) return "now";
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  for (const [size, name] of units) if (seconds >= size) return `${Math.floor(seconds / size)} ${name}`;
  return "now";
}

// Made once: it takes longer to make than to draw a row of a table.
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export function moment(time: number): string {
  return moments.format(time * 1000);
}

export function bytes(size: number): string {
  const names = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (size >= 999.5 && at < names.length - 1) [size, at] = [size / 1000, at + 1];
  return `${at && size < 99.5 ? size.toPrecision(2) : Math.round(size)} ${names[at]}`;
}

export function count(many: number, one: string, more = `${one}s`): string {
  return `${many.toLocaleString("en")} ${many === 1 ? one : more}`;
}

/** A command line as a shell takes it. */
export function command(words: unknown): string {
  if (!Array.isArray(words)) return plain(words);
  return words.map((word) => quoted(String(word))).join(" ");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

/** What a column is called in a head: without its space, backticks and all. */
export function label(column: string): string {
  const name = column.replace(/^(metrics|params|tags|summary|system|data|code|datasets)\./, "");
  return name.replaceAll("``", "\0").replaceAll("`", "").replaceAll("\0", "`");
}
