/** Two values of each run against each other, coloured by a third. */
import { useMemo, useRef, useState } from "react";
import "../../charts/charts.css";
import { colourVar, colours } from "../../colour";
import { Figure } from "../../content/Figure";
import { count, number, plain } from "../../format";
import { useBox } from "../../parts/box";
import { Icon } from "../../parts/Icon";
import { Skeleton } from "../../parts/States";
import { useShade } from "../../theme";
import { navigate } from "../../url";
import { type Axis, axisOf, placeOn, rankCorrelation, short } from "./axes";
import { ColumnSelect, Scope } from "./Choosers";
import { type Point, tableOf, targetOf, usePoints, useVarying } from "./data";
import { type PartProps, valuesOf } from "./Parallel";
import { ramp, tintOf } from "./tints";

export default function Scatter({ runs, around, view, change }: PartProps) {
  const ids = useMemo(() => (view.all ? null : runs.map((run) => run.id)), [view.all, runs]);
  const columns = useVarying(around, ids);
  const up = targetOf(view, columns ?? []);
  const settings = columns?.filter((one) => one.space === "config") ?? [];
  const across = view.across || (settings.find((one) => one.number) ?? settings[0])?.name || "duration";
  const asked = useMemo(() => [...new Set([across, up, view.tint].filter(Boolean))], [across, up, view.tint]);
  const found = usePoints(around, ids, asked);
  if (!columns || !found) return <Skeleton rows={10} />;
  const axis = (name: string) => axisOf(name, valuesOf(found.points, name), view.scale.includes(name));
  const [x, y, tint] = [axis(across), axis(up), view.tint ? axis(view.tint) : null];
  const scale = (name: string) => change({ scale: view.scale.includes(name) ? view.scale.filter((one) => one !== name) : [...view.scale, name] });
  return (
    <div className="column">
      <div className="parts-bar">
        <Scope runs={runs.length} around={around} all={view.all === "1"} change={change} />
        <ColumnSelect title="across" columns={columns} value={across} choose={(name) => change({ across: name })} />
        <ScaleButton axis={x} turn={() => scale(across)} />
        <button type="button" className="quiet" aria-label="Turn the axes" title="Turn the axes" onClick={() => change({ across: up, target: across })}>
          <Icon name="swap" />
        </button>
        <ColumnSelect title="up" columns={columns} value={up} choose={(name) => change({ target: name })} />
        <ScaleButton axis={y} turn={() => scale(up)} />
        <ColumnSelect title="colour" columns={columns} value={view.tint} none="by run" choose={(name) => change({ tint: name })} />
      </div>
      <section className="card plot-card" aria-label="Scatter">
        <Plot points={found.points} x={x} y={y} tint={tint} />
      </section>
    </div>
  );
}

function ScaleButton({ axis, turn }: { axis: Axis; turn: () => void }) {
  if (axis.kind !== "number" || axis.low <= 0) return null;
  return (
    <button type="button" className={`button small ${axis.log ? "on" : ""}`} aria-pressed={axis.log} aria-label={`log: ${axis.title} by magnitude`} onClick={turn}>
      log
    </button>
  );
}

const height = 460;
const margin = { top: 18, right: 44, bottom: 40 };
const letterPixels = 6.6;

interface Dot {
  point: Point;
  x: number;
  y: number;
}

function Plot({ points, x, y, tint }: { points: Point[]; x: Axis; y: Axis; tint: Axis | null }) {
  const box = useRef<HTMLDivElement>(null);
  const { width } = useBox(box);
  const shade = useShade();
  const [hovered, setHovered] = useState<Dot | null>(null);
  const left = 26 + letterPixels * Math.max(3, ...y.ticks.map((tick) => Math.min(24, tick.label.length)));
  const toX = (place: number) => left + 10 + place * (width - left - margin.right - 10);
  const toY = (place: number) => margin.top + (1 - place) * (height - margin.top - margin.bottom - 10);
  const dots = points.flatMap((point): Dot[] => {
    const [across, up] = [placeOn(x, point.cells.get(x.name) ?? null), placeOn(y, point.cells.get(y.name) ?? null)];
    return across === null || up === null ? [] : [{ point, x: toX(across), y: toY(up) }];
  });
  const together = rankCorrelation(pairs(points, x, y));
  const says = `${count(dots.length, "run")}${together === null ? "" : `, rank correlation ${together.toFixed(2).replace("-", "−")}`}`;
  const axes = [x, y, ...(tint && tint.name !== x.name && tint.name !== y.name ? [tint] : [])];
  const title = `${y.title} over ${x.title}`;
  return (
    <Figure className="scatter" title={title} table={() => tableOf(dots.map(({ point }) => point), axes)} legend={legendOf(dots, tint, shade)}>
      <div ref={box}>
        {width > 0 && (
          <svg width={width} height={height} role="img" aria-label={`${title}: ${says}`}>
            <Grid x={x} y={y} toX={toX} toY={toY} left={left} width={width} />
            {dots.map((dot) => (
              <circle
                key={dot.point.id}
                cx={dot.x}
                cy={dot.y}
                r={hovered?.point.id === dot.point.id ? 7 : dots.length > 300 ? 3.5 : 5}
                style={{ fill: tintOf(dot.point, tint, shade) }}
                onPointerEnter={() => setHovered(dot)}
                onPointerLeave={() => setHovered(null)}
                onClick={() => navigate(`/runs/${dot.point.id}`)}
              />
            ))}
          </svg>
        )}
        <p className="scatter-foot">
          <span>{says}</span>
          {tint && <Key tint={tint} shade={shade} />}
        </p>
        {hovered && <Reading dot={hovered} axes={axes} width={width} />}
      </div>
    </Figure>
  );
}

/** What the colours mean, for a picture of it. */
function legendOf(dots: Dot[], tint: Axis | null, shade: string) {
  if (!tint) return dots.length > colours ? [] : dots.map(({ point }) => ({ name: point.name, colour: colourVar(point.colour) }));
  if (tint.kind === "category") return tint.categories.slice(0, colours).map((name, at) => ({ name: `${tint.title} ${name}`, colour: colourVar(at) }));
  return [tint.low, tint.high].map((end, at) => ({ name: `${tint.title} ${short(end)}`, colour: ramp(at, shade) }));
}

function pairs(points: Point[], x: Axis, y: Axis): [number, number][] {
  return points.flatMap((point): [number, number][] => {
    const [one, other] = [point.cells.get(x.name), point.cells.get(y.name)];
    return typeof one === "number" && typeof other === "number" ? [[one, other]] : [];
  });
}

interface GridProps {
  x: Axis;
  y: Axis;
  toX: (place: number) => number;
  toY: (place: number) => number;
  left: number;
  width: number;
}

function Grid({ x, y, toX, toY, left, width }: GridProps) {
  const foot = height - margin.bottom;
  return (
    <g className="axis">
      {y.ticks.map((tick) => (
        <g key={tick.label}>
          <line className="grid-line" x1={left} x2={width - margin.right} y1={toY(tick.at)} y2={toY(tick.at)} />
          <text x={left - 8} y={toY(tick.at)} dy="0.34em" textAnchor="end">
            {tick.label}
          </text>
        </g>
      ))}
      {x.ticks.map((tick) => (
        <text key={tick.label} x={toX(tick.at)} y={foot + 15} textAnchor="middle">
          {tick.label}
        </text>
      ))}
      <text className="axis-name" x={(left + width) / 2} y={height - 5} textAnchor="middle">
        {x.title}
      </text>
      <text className="axis-name" transform={`translate(12 ${foot / 2}) rotate(-90)`} textAnchor="middle">
        {y.title}
      </text>
    </g>
  );
}

function Key({ tint, shade }: { tint: Axis; shade: string }) {
  if (tint.kind === "category")
    return (
      <span className="tint-key">
        {tint.title}
        {tint.categories.slice(0, 12).map((text, at) => (
          <span key={text}>
            <i className="swatch" style={{ background: `var(--run${at % 12})` }} /> {text}
          </span>
        ))}
      </span>
    );
  const stops = Array.from({ length: 7 }, (_, at) => ramp(at / 6, shade)).join(", ");
  return (
    <span className="tint-key">
      {tint.title} {short(tint.low)}
      <i className="ramp" style={{ background: `linear-gradient(to right, ${stops})` }} />
      {short(tint.high)}
    </span>
  );
}

function Reading({ dot, axes, width }: { dot: Dot; axes: Axis[]; width: number }) {
  const place = dot.x > width / 2 ? { right: width - dot.x + 14, top: dot.y } : { left: dot.x + 14, top: dot.y };
  return (
    <div className="readings" style={place} aria-hidden="true">
      <header>{dot.point.name}</header>
      {axes.map((axis) => {
        const value = dot.point.cells.get(axis.name) ?? null;
        return (
          <div key={axis.name}>
            <span>{axis.title}</span>
            <b>{typeof value === "number" && axis.name.startsWith("metrics.") ? number(value) : plain(value)}</b>
          </div>
        );
      })}
    </div>
  );
}
