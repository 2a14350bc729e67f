/** What stands beside the axes of a chart. */
import { number } from "../format";
import { clockOf, type XAxis } from "./lines";

/** A value of the x axis; `width` is how much of it is seen. */
export function xLabel(value: number, axis: XAxis, width: number): string {
  if (axis === "step" || clockOf(axis)) return Math.abs(value) >= 1e4 && value % 100 === 0 ? `${number(value / 1000)}k` : String(Number(value.toPrecision(6)));
  if (axis === "relative") return relative(value, width);
  const date = new Date(value * 1000);
  const clock = date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", ...(width < 600 && { second: "2-digit" }) });
  return width > 2 * 86400 ? date.toLocaleDateString(undefined, { day: "numeric", month: "short" }) : clock;
}

function relative(seconds: number, width: number): string {
  const [size, unit] = width > 2 * 86400 ? [86400, "d"] : width > 7200 ? [3600, "h"] : width > 180 ? [60, "min"] : [1, "s"];
  return `${Number((seconds / Number(size)).toPrecision(4))} ${unit}`;
}

const units: [number, string][] = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e5, "k"],
];

export function tick(value: number | null): string {
  if (value === null) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e15)) return Number(value.toPrecision(6)).toExponential().replace("e+", "e");
  const [least, letter] = units.find(([least]) => size >= least) ?? [1, ""];
  const unit = letter === "k" ? 1000 : least;
  return Number((value / unit).toPrecision(6)) + letter;
}
