/** The drawing: lines on a canvas, axes and brushes above it. */
import { type PointerEvent, useMemo, useRef, useState } from "react";
import "../../charts/charts.css";
import { Figure } from "../../content/Figure";
import { count, number, plain } from "../../format";
import { useBox } from "../../parts/box";
import { svgText } from "../../parts/picture";
import { useShade } from "../../theme";
import { navigate, type SetView } from "../../url";
import { AxisLine } from "./AxisLine";
import { AxisMenu } from "./AxisMenu";
import { type Axis, type Brush, placeOn } from "./axes";
import { type Point, tableOf } from "./data";
import { LinesCanvas, linesSvg } from "./LinesCanvas";
import type { CompareView } from "./view";

const height = 400;
export const margin = { top: 14, bottom: 16 };
const leastBetween = 118;

interface Props {
  axes: Axis[];
  points: Point[];
  taken: Set<string>;
  tint: Axis | null;
  brushes: Brush[];
  draft: (brush: Brush | null) => void;
  brush: (column: string, made: Brush | null) => void;
  names: string[];
  view: CompareView;
  change: SetView<CompareView>;
}

/** A run's line: how high it is on each axis, null where it has no value. */
export interface Strand {
  point: Point;
  heights: (number | null)[];
}

export function ParallelPlot({ axes, points, taken, tint, brushes, draft, brush, names, view, change }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const { width: room } = useBox(box);
  const width = Math.max(room, axes.length * leastBetween);
  const between = width / axes.length;
  const [hovered, setHovered] = useState<{ strand: Strand; x: number; y: number } | null>(null);
  const inner = height - margin.top - margin.bottom;
  const strands = useMemo(() => points.map((point) => ({ point, heights: axes.map((axis) => heightOf(axis, point, inner)) })), [points, axes, inner]);
  const seek = (event: PointerEvent) => {
    const area = event.currentTarget.getBoundingClientRect();
    const [x, y] = [event.clientX - area.left, event.clientY - area.top];
    const strand = nearestStrand(strands, taken, x / between - 0.5, y);
    setHovered(strand && { strand, x, y });
  };
  const shade = useShade();
  const title = `${count(taken.size, "run")} over ${axes.map((axis) => axis.title).join(", ")}`;
  const drawing = () => {
    const above = box.current?.querySelector<SVGSVGElement>(".strands > svg");
    return above ? svgText(above, { title, under: linesSvg(strands, taken, tint, axes, between, shade), above: titlesPixels }) : null;
  };
  return (
    <Figure className="parallel-figure" title={title} table={() => tableOf(points.filter((point) => taken.has(point.id)), axes)} svg={drawing}>
      <div className="parallel" ref={box} tabIndex={0} role="region" aria-label="Axes">
        {room > 0 && (
          <div style={{ width }}>
            <div className="axis-titles" style={{ gridTemplateColumns: `repeat(${axes.length}, 1fr)` }}>
              {axes.map((axis) => (
                <AxisMenu key={axis.name} axis={axis} brush={brushes.find((one) => one.column === axis.name)} set={(made) => brush(axis.name, made)} names={names} view={view} change={change} />
              ))}
            </div>
            <div
              className={`strands ${hovered ? "on-run" : ""}`}
              style={{ height }}
              onPointerMove={seek}
              onPointerLeave={() => setHovered(null)}
              onClick={(event) => {
                if (hovered && !(event.target as Element).closest(".grip")) navigate(`/runs/${hovered.strand.point.id}`);
              }}
            >
              <LinesCanvas strands={strands} taken={taken} tint={tint} between={between} width={width} height={height} hovered={hovered?.strand.point.id ?? ""} />
              <svg width={width} height={height} role="img" aria-label={`${points.length} runs over ${axes.map((axis) => axis.title).join(", ")}; ${taken.size} of them taken`}>
                {axes.map((axis, at) => (
                  <AxisLine key={axis.name} axis={axis} x={(at + 0.5) * between} inner={inner} brush={brushes.find((one) => one.column === axis.name)} draft={draft} done={(made) => brush(axis.name, made)} />
                ))}
              </svg>
              {hovered && <Reading axes={axes} point={hovered.strand.point} x={hovered.x} y={hovered.y} width={width} />}
            </div>
          </div>
        )}
      </div>
    </Figure>
  );
}

const titlesPixels = 12;

function heightOf(axis: Axis, point: Point, inner: number): number | null {
  const place = placeOn(axis, point.cells.get(axis.name) ?? null);
  return place === null ? null : margin.top + (1 - place) * inner;
}

const nearPixels = 9;

/** The line that passes nearest to a place; `x` in axes. */
function nearestStrand(strands: Strand[], taken: Set<string>, x: number, y: number): Strand | null {
  const left = Math.max(0, Math.floor(x));
  let best: Strand | null = null;
  let least = nearPixels;
  for (const strand of strands) {
    if (!taken.has(strand.point.id)) continue;
    const [one, other] = [strand.heights[left] ?? null, strand.heights[left + 1] ?? strand.heights[left] ?? null];
    if (one === null || other === null) continue;
    const away = Math.abs(one + (other - one) * Math.min(1, Math.max(0, x - left)) - y);
    if (away < least) [best, least] = [strand, away];
  }
  return best;
}

function Reading({ axes, point, x, y, width }: { axes: Axis[]; point: Point; x: number; y: number; width: number }) {
  const place = x > width / 2 ? { right: width - x + 14, top: Math.min(y, height / 2) } : { left: x + 14, top: Math.min(y, height / 2) };
  return (
    <div className="readings" style={place} aria-hidden="true">
      <header>{point.name}</header>
      {axes.map((axis) => {
        const value = point.cells.get(axis.name) ?? null;
        return (
          <div key={axis.name}>
            <span>{axis.title}</span>
            <b>{typeof value === "number" && axis.name.startsWith("metrics.") ? number(value) : plain(value) || "–"}</b>
          </div>
        );
      })}
    </div>
  );
}
