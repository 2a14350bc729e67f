/** Drawings as files: SVG with every style written into it, and PNG made of that. */

export interface LegendLine {
  name: string;
  colour: string;
}

interface Around {
  title: string;
  legend?: LegendLine[];
  /** SVG that lies under what stands in the page, for what is drawn on a canvas there. */
  under?: string;
  /** Room above the drawing for what `under` puts there. */
  above?: number;
}

const kept = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap", "stroke-linejoin",
  "opacity", "font-size", "font-family", "font-weight", "text-anchor",
  "paint-order",
];
const drawn = "path, rect, circle, line, polyline, polygon, text, tspan";
const titlePixels = 34;
const legendRow = 20;
const legendColumn = 220;

/** An SVG of the page as it is seen, with its title above and its legend below. */
export function svgText(svg: SVGSVGElement, { title, legend = [], under = "", above = 0 }: Around): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const [shown, copied] = [svg, copy].map((one) => [...one.querySelectorAll<SVGElement>(drawn)]);
  shown?.forEach((element, at) => {
    const style = getComputedStyle(element);
    for (const name of kept) copied?.[at]?.setAttribute(name, style.getPropertyValue(name));
  });
  for (const element of copy.querySelectorAll("*")) for (const name of ["class", "style", "tabindex", "role"]) element.removeAttribute(name);
  const box = svg.viewBox.baseVal;
  const [left, top, width, height] = svg.hasAttribute("viewBox") ? [box.x, box.y, box.width, box.height] : [0, 0, svg.clientWidth, svg.clientHeight];
  const inner = [...copy.childNodes].map((node) => new XMLSerializer().serializeToString(node)).join("");
  const moved = `<g transform="translate(${-left} ${titlePixels + above - top})">${under}${inner}</g>`;
  const perRow = Math.max(1, Math.floor(width / legendColumn));
  const foot = titlePixels + above + height;
  const lines = legend.map(({ name, colour }, at) => legendLine(name, colour, 12 + (at % perRow) * legendColumn, foot + 18 + Math.floor(at / perRow) * legendRow));
  return page(width, foot + Math.ceil(legend.length / perRow) * legendRow + 12, `${titleText(title)}${moved}${lines.join("")}`);
}

/** A variable of theme.css as it is now. */
export function variable(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** A whole SVG on the ground of the page. */
function page(width: number, height: number, content: string): string {
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  const font = `font-family="system-ui, sans-serif" font-size="12" fill="${variable("--muted")}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" ${font}><rect width="${w}" height="${h}" fill="${variable("--surface")}"/>${content}</svg>`;
}

function titleText(title: string): string {
  return `<text x="12" y="22" font-size="14" font-weight="600" fill="${variable("--text")}">${escaped(title)}</text>`;
}

function legendLine(name: string, colour: string, x: number, y: number): string {
  return `<rect x="${x}" y="${y - 9}" width="10" height="10" rx="3" fill="${colour}"/><text x="${x + 16}" y="${y}">${escaped(name)}</text>`;
}

export interface TableCell {
  text: string;
  /** How far a bar reaches into the cell, and from where: shares of its width. */
  bar?: { from: number; to: number; colour: string; opacity?: number };
}

const [rowPixels, letterPixels, cellPadding] = [24, 6.8, 24];

/** A table whose cells have bars or shades, as SVG. */
export function tableSvg(title: string, heads: string[], rows: TableCell[][], least = 0): string {
  const widths = heads.map((head, at) => Math.max(least, cellPadding + letterPixels * Math.max(head.length, ...rows.map((row) => row[at]?.text.length ?? 0))));
  const starts = widths.map((_, at) => widths.slice(0, at).reduce((sum, width) => sum + width, 12));
  const line = (row: TableCell[], y: number, colour: string) =>
    row.map(({ text, bar }, at) => {
      const [x, width] = [starts[at] ?? 0, widths[at] ?? 0];
      const fill = bar ? `<rect x="${x + bar.from * width}" y="${y - 16}" width="${(bar.to - bar.from) * width}" height="22" fill="${bar.colour}" fill-opacity="${bar.opacity ?? 1}"/>` : "";
      return `${fill}<text x="${x + 8}" y="${y}" fill="${colour}">${escaped(text)}</text>`;
    });
  const [muted, ink] = [variable("--muted"), variable("--text")];
  const all = [heads.map((text): TableCell => ({ text })), ...rows].flatMap((row, at) => line(row, titlePixels + 18 + at * rowPixels, at ? ink : muted));
  return page(24 + widths.reduce((sum, width) => sum + width, 0), titlePixels + 12 + (rows.length + 1) * rowPixels, `${titleText(title)}${all.join("")}`);
}

const finer = 2; // pixels to each of the drawing's

/** An SVG as a picture of pixels. */
export async function pngOf(svg: string): Promise<Blob | null> {
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth * finer, image.naturalHeight * finer];
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done));
}

export function escaped(text: string): string {
  // XML has no place for control characters, or for half a character.
  return text
    .replace(/\p{Surrogate}/gu, "\ufffd")
    .replace(/[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]/g, "")
    .replace(/[&<>"]/g, (one) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[one] ?? "");
}
