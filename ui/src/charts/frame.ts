/** A chart's frame is uPlot's: axes, zoom, cursor. The lines are painted here, each with x values of its own. */
import uPlot from "uplot";
import { css } from "../theme";
import { tick, xLabel } from "./labels";
import type { Line, Range, XAxis } from "./lines";

export interface Drawing {
  lines: Line[];
  x: Range;
  y: Range;
  axis: XAxis;
  log: boolean;
  /** The line under the pointer. */
  focus: string | null;
  mark?: Mark | undefined;
}

/** A place on the x axis with something to say of it. */
export interface Mark {
  x: number;
  text: string;
}

export interface Pointer {
  x: number;
  y: number;
  left: number;
  top: number;
}

interface Listeners {
  onZoom: (range: Range | null) => void;
  onPointer: (pointer: Pointer | null) => void;
}

const syncKey = "charts";

/** Draws into `element`; `draw` may be called at any time. */
export class Frame {
  private plot: uPlot;
  private drawing: Drawing;
  private inside = false;

  constructor(element: HTMLElement, width: number, height: number, drawing: Drawing, listeners: Listeners) {
    this.drawing = drawing;
    this.plot = new uPlot(this.options(width, height, listeners), [[0], [null]], element);
    const over = this.plot.over;
    over.addEventListener("mouseenter", () => (this.inside = true));
    over.addEventListener("mouseleave", () => {
      this.inside = false;
      listeners.onPointer(null);
    });
    over.addEventListener("dblclick", () => listeners.onZoom(null));
  }

  draw(drawing: Drawing): void {
    const scales = drawing.log !== this.drawing.log;
    this.drawing = drawing;
    const y = this.plot.scales.y;
    if (scales && y) y.distr = drawing.log ? 3 : 1;
    this.plot.setData([[drawing.x[0], drawing.x[1]], [null, null]]);
  }

  resize(width: number, height: number): void {
    if (this.plot.width !== width || this.plot.height !== height) this.plot.setSize({ width, height });
  }

  /** What is drawn now. */
  get shown(): Drawing {
    return this.drawing;
  }

  get canvas(): HTMLCanvasElement {
    return this.plot.ctx.canvas;
  }

  destroy(): void {
    this.plot.destroy();
  }

  private options(width: number, height: number, listeners: Listeners): uPlot.Options {
    const axis = { stroke: () => css("--muted"), font: `11px ${css("--sans")}`, ticks: { show: false } };
    const grid = { stroke: () => css("--line-soft"), width: 1 };
    return {
      width,
      height,
      legend: { show: false },
      padding: [8, 12, 0, 0],
      scales: {
        x: { time: false, range: () => this.drawing.x },
        y: { distr: this.drawing.log ? 3 : 1, range: () => this.drawing.y },
      },
      axes: [
        { ...axis, size: 26, gap: 4, grid: { show: false }, space: 70, values: (_, ticks) => this.xLabels(ticks) },
        { ...axis, size: (_, labels) => widest(labels), gap: 6, grid, space: 30, values: (_, ticks) => ticks.map(tick) },
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false },
        sync: { key: syncKey, scales: ["x", null] },
      },
      hooks: {
        draw: [(plot) => paint(plot, this.drawing)],
        setSelect: [(plot) => this.zoomed(plot, listeners)],
        setCursor: [(plot) => this.inside && listeners.onPointer(pointerOf(plot))],
      },
    };
  }

  private zoomed(plot: uPlot, { onZoom }: Listeners): void {
    const { left, width } = plot.select;
    if (width < 3 || !this.inside) return;
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    onZoom([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]);
  }

  private xLabels(ticks: number[]): string[] {
    const { axis, x } = this.drawing;
    return ticks.map((value) => xLabel(value, axis, x[1] - x[0]));
  }
}

function pointerOf(plot: uPlot): Pointer | null {
  const { left = -1, top = -1 } = plot.cursor;
  if (left < 0) return null;
  const y = plot.posToVal(top, "y");
  return { x: plot.posToVal(left, "x"), y, left: left + plot.over.offsetLeft, top: top + plot.over.offsetTop };
}

const letterPixels = 6.4;

function widest(labels: string[] | null): number {
  return 14 + letterPixels * Math.max(3, ...(labels ?? []).map((label) => label?.length ?? 0));
}

// More lines than this are a pixel wide: they are told apart better, and drawn in a fifth of the time without a GPU.
const mostThick = 20;

function paint(plot: uPlot, { lines, x, y, log, focus, mark }: Drawing): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio || 1;
  const height = (value: number) => (log ? Math.log10(value) : value);
  const [low, high] = [height(y[0]), height(y[1])];
  const toX = (value: number) => bbox.left + ((value - x[0]) / (x[1] - x[0])) * bbox.width;
  const toY = (value: number) => bbox.top + bbox.height - ((height(value) - low) / (high - low)) * bbox.height;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineJoin = "round";
  const width = (lines.length > mostThick ? 1 : 1.6) * ratio;
  const behind = [...lines].sort((one, other) => Number(one.id === focus) - Number(other.id === focus));
  for (const line of behind) {
    const colour = css(`--run${line.colour}`);
    ctx.strokeStyle = ctx.fillStyle = colour;
    const dim = focus !== null && line.id !== focus ? 0.35 : 1;
    if (line.low && line.high) fillBand(ctx, line, toX, toY, 0.15 * dim);
    ctx.setLineDash([]);
    if (line.raw) stroke(ctx, line.xs, line.raw, toX, toY, ratio, 0.25 * dim, log);
    ctx.setLineDash(line.dash.map((length) => length * ratio));
    stroke(ctx, line.xs, line.ys, toX, toY, line.id === focus ? 2.4 * ratio : width, dim, log);
  }
  if (mark) paintMark(ctx, mark, toX(mark.x), bbox, ratio, (box) => crossings(lines, toX, toY, box));
  ctx.restore();
}

function paintMark(ctx: CanvasRenderingContext2D, mark: Mark, x: number, bbox: uPlot.BBox, ratio: number, crossed: (box: uPlot.BBox) => number): void {
  ctx.globalAlpha = 1;
  ctx.setLineDash([]);
  ctx.fillStyle = css("--bad");
  ctx.fillRect(x - ratio / 2, bbox.top, ratio, bbox.height);
  ctx.font = `600 ${11 * ratio}px ${css("--sans")}`;
  const width = ctx.measureText(mark.text).width + 12 * ratio;
  const height = 17 * ratio;
  const sides = [x + 4 * ratio, x - width - 4 * ratio].filter((left) => left >= bbox.left && left + width <= bbox.left + bbox.width);
  const heights = [bbox.top + 2 * ratio, bbox.top + bbox.height - height - 2 * ratio, bbox.top + (bbox.height - height) / 2];
  const places = (sides.length ? sides : [x + 4 * ratio]).flatMap((left) => heights.map((top) => ({ left, top, width, height })));
  // Where it hides least of the lines.
  const { left, top } = places.map((box) => ({ ...box, hidden: crossed(box) })).reduce((best, one) => (one.hidden < best.hidden ? one : best));
  ctx.fillStyle = css("--bad-soft");
  ctx.fillRect(left, top, width, height);
  ctx.fillStyle = css("--bad");
  ctx.textAlign = "left";
  ctx.fillText(mark.text, left + 6 * ratio, top + 12 * ratio);
}

/** How many stretches of lines go through a box. */
function crossings(lines: Line[], toX: To, toY: To, { left, top, width, height }: uPlot.BBox): number {
  let many = 0;
  for (const { xs, ys } of lines)
    for (let row = 1; row < xs.length; row++) {
      const [y0, y1] = [ys[row - 1], ys[row]];
      const [x0, x1] = [toX(xs[row - 1] ?? 0), toX(xs[row] ?? 0)];
      if (y0 == null || y1 == null || x1 < left || x0 > left + width) continue;
      const at = (x: number) => toY(y0) + (x1 > x0 ? (x - x0) / (x1 - x0) : 0) * (toY(y1) - toY(y0));
      const [a, b] = [at(Math.max(x0, left)), at(Math.min(x1, left + width))];
      if (Math.min(a, b) <= top + height && Math.max(a, b) >= top) many++;
    }
  return many;
}

type To = (value: number) => number;

function stroke(ctx: CanvasRenderingContext2D, xs: number[], ys: (number | null)[], toX: To, toY: To, width: number, alpha: number, log: boolean) {
  ctx.globalAlpha = alpha;
  ctx.lineWidth = width;
  ctx.beginPath();
  let drawing = false;
  let alone = 0;
  for (let row = 0; row < xs.length; row++) {
    const value = ys[row];
    if (value === null || value === undefined || (log && value <= 0)) {
      drawing = false;
      continue;
    }
    const [px, py] = [toX(xs[row] ?? 0), toY(value)];
    if (drawing) ctx.lineTo(px, py);
    else {
      // A point between two gaps would else leave nothing.
      ctx.moveTo(px - width, py);
      ctx.lineTo(px, py);
      alone++;
    }
    drawing = true;
  }
  ctx.stroke();
  if (alone === 1 && xs.length === 1) {
    ctx.beginPath();
    ctx.arc(toX(xs[0] ?? 0), toY(ys[0] ?? 0), 2 * width, 0, 7);
    ctx.fill();
  }
}

function fillBand(ctx: CanvasRenderingContext2D, line: Line, toX: To, toY: To, alpha: number): void {
  ctx.globalAlpha = alpha;
  ctx.beginPath();
  const rows = line.xs.map((_, row) => row).filter((row) => line.low?.[row] != null && line.high?.[row] != null);
  for (const row of rows) ctx.lineTo(toX(line.xs[row] ?? 0), toY(line.low?.[row] ?? 0));
  for (const row of rows.reverse()) ctx.lineTo(toX(line.xs[row] ?? 0), toY(line.high?.[row] ?? 0));
  ctx.fill();
}
