import { type PointerEvent, useRef } from "react";
import { type Axis, type Brush, brushOf, reach } from "./axes";
import { margin } from "./ParallelPlot";

interface Props {
  axis: Axis;
  x: number;
  inner: number;
  brush: Brush | undefined;
  draft: (brush: Brush | null) => void;
  done: (brush: Brush | null) => void;
}

const gripPixels = 26;
const mostTicks = 22;

/** One axis: what stands beside it, and what is brushed. Dragging along it brushes, a click takes that away. */
export function AxisLine({ axis, x, inner, brush, draft, done }: Props) {
  const start = useRef<number | null>(null);
  const place = (event: PointerEvent<SVGRectElement>) => {
    const area = event.currentTarget.getBoundingClientRect();
    return 1 - (event.clientY - area.top - margin.top) / inner;
  };
  const move = (event: PointerEvent<SVGRectElement>, end: boolean) => {
    if (start.current === null) return;
    const made = brushOf(axis, start.current, place(event));
    if (end) {
      start.current = null;
      done(made);
    } else draft(made);
  };
  const y = (at: number) => margin.top + (1 - at) * inner;
  const taken = brush && reach(axis, brush);
  const each = Math.ceil(axis.ticks.length / mostTicks);
  return (
    <g className="axis">
      <line x1={x} x2={x} y1={margin.top} y2={margin.top + inner} />
      {axis.ticks.map((tick, at) =>
        at % each ? null : (
          <text key={tick.label} x={x + 7} y={y(tick.at)} dy="0.34em">
            {tick.label}
          </text>
        ),
      )}
      {taken && <rect className="brush" x={x - 7} width={14} y={y(taken[1])} height={Math.max(2, y(taken[0]) - y(taken[1]))} rx={3} />}
      <rect
        className="grip"
        data-axis={axis.name}
        x={x - gripPixels / 2}
        width={gripPixels}
        y={0}
        height={inner + margin.top + margin.bottom}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          start.current = place(event);
        }}
        onPointerMove={(event) => move(event, false)}
        onPointerUp={(event) => move(event, true)}
      />
    </g>
  );
}
