import { useEffect, useRef } from "react";
import { escaped } from "../../parts/picture";
import { css, useShade } from "../../theme";
import type { Axis } from "./axes";
import type { Strand } from "./ParallelPlot";
import { tintOf } from "./tints";

interface Props {
  strands: Strand[];
  taken: Set<string>;
  tint: Axis | null;
  between: number;
  width: number;
  height: number;
  hovered: string;
}

/** All lines: those that are not taken behind, in grey. */
export function LinesCanvas({ strands, taken, tint, between, width, height, hovered }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const shade = useShade();
  useEffect(() => {
    const ctx = canvas.current?.getContext("2d");
    if (!ctx || !canvas.current) return;
    const ratio = devicePixelRatio || 1;
    canvas.current.width = width * ratio;
    canvas.current.height = height * ratio;
    ctx.scale(ratio, ratio);
    ctx.lineJoin = "round";
    const faint = css("--faint");
    const alpha = Math.min(0.95, Math.max(0.2, 30 / Math.max(1, taken.size)));
    for (const strand of strands) if (!taken.has(strand.point.id)) stroke(ctx, strand, between, faint, 0.16, 1);
    for (const strand of strands) if (taken.has(strand.point.id)) stroke(ctx, strand, between, colourOf(strand, tint, shade), hovered ? alpha * 0.35 : alpha, 1.5);
    const over = strands.find((strand) => strand.point.id === hovered);
    if (over) stroke(ctx, over, between, colourOf(over, tint, shade), 1, 2.8);
  }, [strands, taken, tint, between, width, height, hovered, shade]);
  return <canvas ref={canvas} style={{ width, height }} aria-hidden="true" />;
}

function colourOf(strand: Strand, tint: Axis | null, shade: string): string {
  const colour = tintOf(strand.point, tint, shade, (number) => css(`--run${number}`));
  return colour === "var(--faint)" ? css("--faint") : colour;
}

/** The same as SVG, with the names of the axes above. */
export function linesSvg(strands: Strand[], taken: Set<string>, tint: Axis | null, axes: Axis[], between: number, shade: string): string {
  const lines = strands.toSorted((one, other) => Number(taken.has(one.point.id)) - Number(taken.has(other.point.id))).map((strand) => {
    const on = taken.has(strand.point.id);
    return `<path d="${pathOf(strand, between)}" fill="none" stroke="${on ? colourOf(strand, tint, shade) : css("--faint")}" stroke-opacity="${on ? 0.7 : 0.16}" stroke-width="1.5"/>`;
  });
  const titles = axes.map((axis, at) => `<text x="${(at + 0.5) * between}" y="4" text-anchor="middle">${escaped(axis.title)}</text>`);
  return [...lines, ...titles].join("");
}

function pathOf({ heights }: Strand, between: number): string {
  return heights
    .map((y, at) => {
      if (y === null) return "";
      const x = (at + 0.5) * between;
      const begun = heights[at - 1] != null;
      // A value between two that are missing is a short dash.
      return !begun && heights[at + 1] == null ? `M${x - 4} ${y}H${x + 4}` : `${begun ? "L" : "M"}${x} ${y}`;
    })
    .join("");
}

function stroke(ctx: CanvasRenderingContext2D, { heights }: Strand, between: number, colour: string, alpha: number, width: number): void {
  ctx.globalAlpha = alpha;
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.beginPath();
  let drawing = false;
  heights.forEach((y, at) => {
    if (y === null) drawing = false;
    else {
      const x = (at + 0.5) * between;
      if (drawing) ctx.lineTo(x, y);
      // A value between two that are missing is a short dash.
      else if (heights[at + 1] === null) {
        ctx.moveTo(x - 4, y);
        ctx.lineTo(x + 4, y);
      } else ctx.moveTo(x, y);
      drawing = true;
    }
  });
  ctx.stroke();
}
