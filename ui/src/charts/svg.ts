/** A chart as SVG: what is on the screen, in lines that can be drawn at any size. */
import { ticks } from "../content/ticks";
import { escaped } from "../parts/picture";
import type { Drawing } from "./frame";
import { tick, xLabel } from "./labels";
import { clockOf, type Line } from "./lines";

const width = 720;
const plotHeight = 360;
const margin = { top: 40, right: 20, bottom: 46, left: 64 };
const perLegendRow = 3;
const legendRow = 18;

type Css = (name: string) => string;
type To = (value: number) => number;

/** `css` gives the variables of the theme. */
export function svgOf(drawing: Drawing, title: string, css: Css): string {
  const { lines, x, y, axis, log } = drawing;
  const foot = margin.top + plotHeight;
  const height = foot + margin.bottom + Math.ceil(lines.length / perLegendRow) * legendRow + 8;
  const scaled = (value: number) => (log ? Math.log10(value) : value);
  const toX: To = (value) => margin.left + ((value - x[0]) / (x[1] - x[0])) * (width - margin.left - margin.right);
  const toY: To = (value) => foot - ((scaled(value) - scaled(y[0])) / (scaled(y[1]) - scaled(y[0]))) * plotHeight;
  const text = (content: string, at: [number, number], more = "") => `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" ${more}>${escaped(content)}</text>`;
  const parts = [
    `<rect width="${width}" height="${height}" fill="${css("--surface")}"/>`,
    `<clipPath id="plot"><rect x="${margin.left}" y="${margin.top}" width="${width - margin.left - margin.right}" height="${plotHeight}"/></clipPath>`,
    text(title, [margin.left, 24], `font-size="15" font-weight="600" fill="${css("--text")}"`),
    ...yTicks(y, log).flatMap((value) => [
      `<path d="M${margin.left} ${toY(value).toFixed(1)}H${width - margin.right}" stroke="${css("--line")}"/>`,
      text(tick(value), [margin.left - 8, toY(value) + 4], 'text-anchor="end"'),
    ]),
    ...ticks(x[0], x[1], 7).map((value) => text(xLabel(value, axis, x[1] - x[0]), [toX(value), foot + 18], 'text-anchor="middle"')),
    text(clockOf(axis) || axis, [(margin.left + width - margin.right) / 2, foot + 36], 'text-anchor="middle"'),
    `<g clip-path="url(#plot)" fill="none" stroke-linejoin="round">${lines.map((line) => lineOf(line, toX, toY, log, css)).join("")}</g>`,
    ...lines.map((line, at) => legend(line, at, foot + margin.bottom + 14, css)),
  ];
  const font = 'font-family="system-ui, sans-serif" font-size="12"';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ${font} fill="${css("--muted")}">${parts.join("")}</svg>`;
}

function yTicks(y: [number, number], log: boolean): number[] {
  if (!log) return ticks(y[0], y[1], 6);
  const found = [];
  for (let power = Math.ceil(Math.log10(y[0])); power <= Math.log10(y[1]); power++) found.push(10 ** power);
  return found.length > 1 ? found : [y[0], y[1]];
}

function lineOf(line: Line, toX: To, toY: To, log: boolean, css: Css): string {
  const colour = css(`--run${line.colour}`);
  const parts = [];
  if (line.low && line.high) {
    const there = line.xs.map((_, at) => at).filter((at) => line.low?.[at] != null && line.high?.[at] != null);
    const corner = (ys: (number | null)[] | undefined) => (at: number) => `${toX(line.xs[at] ?? 0).toFixed(1)} ${toY(ys?.[at] ?? 0).toFixed(1)}`;
    if (there.length) parts.push(`<path d="M${there.map(corner(line.low)).join("L")}L${there.toReversed().map(corner(line.high)).join("L")}Z" fill="${colour}" fill-opacity="0.15"/>`);
  }
  if (line.raw) parts.push(`<path d="${pathOf(line.xs, line.raw, toX, toY, log)}" stroke="${colour}" stroke-opacity="0.25"/>`);
  const dash = line.dash.length ? ` stroke-dasharray="${line.dash.join(" ")}"` : "";
  parts.push(`<path d="${pathOf(line.xs, line.ys, toX, toY, log)}" stroke="${colour}" stroke-width="1.8"${dash}/>`);
  return parts.join("");
}

function pathOf(xs: number[], ys: (number | null)[], toX: To, toY: To, log: boolean): string {
  let drawing = false;
  return ys
    .map((y, at) => {
      if (y === null || (log && y <= 0)) {
        drawing = false;
        return "";
      }
      const point = `${drawing ? "L" : "M"}${toX(xs[at] ?? 0).toFixed(1)} ${toY(y).toFixed(1)}`;
      drawing = true;
      return point;
    })
    .join("");
}

function legend(line: Line, at: number, top: number, css: Css): string {
  const x = margin.left + (at % perLegendRow) * ((width - margin.left - margin.right) / perLegendRow);
  const y = top + Math.floor(at / perLegendRow) * legendRow;
  return `<rect x="${x.toFixed(1)}" y="${y - 9}" width="10" height="10" rx="3" fill="${css(`--run${line.colour}`)}"/><text x="${(x + 16).toFixed(1)}" y="${y}">${escaped(line.name)}</text>`;
}
