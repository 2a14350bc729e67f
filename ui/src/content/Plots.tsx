/** Small drawings of what a run logged: distributions, curves, confusion. Each says in words what it shows. */
import { colours, colourVar } from "../colour";
import { number } from "../format";
import { tableSvg } from "../parts/picture";
import { Figure, resolved } from "./Figure";
import type { Distribution, Matrix } from "./kinds";
import { tickLabel, ticks } from "./ticks";

const [wide, high, left, bottom, top, right] = [420, 280, 46, 26, 8, 10];

interface Frame {
  x: [number, number];
  y: [number, number];
  xName?: string;
  yName?: string;
}

function at(frame: Frame, x: number, y: number): [number, number] {
  const place = (value: number, [low, most]: [number, number]) => (most > low ? (value - low) / (most - low) : 0.5);
  return [left + place(x, frame.x) * (wide - left - right), high - bottom - place(y, frame.y) * (high - bottom - top)];
}

function Axes({ frame }: { frame: Frame }) {
  return (
    <g className="axes">
      {ticks(...frame.y, 4).map((y) => (
        <g key={y}>
          <path d={`M${left} ${at(frame, 0, y)[1]}H${wide - right}`} />
          <text x={left - 6} y={at(frame, 0, y)[1] + 4} textAnchor="end">
            {tickLabel(y)}
          </text>
        </g>
      ))}
      {ticks(...frame.x, 6).map((x) => (
        <text key={x} x={at(frame, x, 0)[0]} y={high - 9} textAnchor="middle">
          {tickLabel(x)}
        </text>
      ))}
    </g>
  );
}

export function Histogram({ found, label }: { found: Distribution; label: string }) {
  const { counts, edges, notFinite } = found;
  const most = Math.max(...counts);
  const total = counts.reduce((sum, one) => sum + one, 0);
  const frame: Frame = { x: [edges[0] ?? 0, edges.at(-1) ?? 1], y: [0, most || 1] };
  const says = `${total.toLocaleString("en")} values from ${number(frame.x[0])} to ${number(frame.x[1])}, most of them near ${number(edges[counts.indexOf(most)] ?? 0)}`;
  const table = () => ({ columns: ["from", "to", "values"], rows: counts.map((many, bin) => [edges[bin] ?? null, edges[bin + 1] ?? null, many]) });
  return (
    <Figure title={label} table={table}>
      <svg viewBox={`0 0 ${wide} ${high}`} role="img" aria-label={`${label}: ${says}`}>
        <Axes frame={frame} />
        {counts.map((many, bin) => {
          const [x0, y] = at(frame, edges[bin] ?? 0, many);
          const [x1, base] = at(frame, edges[bin + 1] ?? 0, 0);
          return (
            <rect key={bin} x={x0} y={y} width={Math.max(0.6, x1 - x0 - (x1 - x0 > 3 ? 1 : 0))} height={Math.max(0, base - y)}>
              <title>{`${number(edges[bin] ?? 0)} to ${number(edges[bin + 1] ?? 0)}: ${many}`}</title>
            </rect>
          );
        })}
      </svg>
      <figcaption>
        {total.toLocaleString("en")} values{notFinite > 0 && `, and ${notFinite.toLocaleString("en")} that are not finite`}
      </figcaption>
    </Figure>
  );
}

export interface Drawn {
  name: string;
  points: [number, number][];
  dots?: boolean;
}

const mostDrawn = 5000; // points of a line; a curve of more has many to the pixel

interface LinePlotProps {
  lines: Drawn[];
  xName: string;
  yName: string;
  label: string;
  /** Both axes from 0 to 1. */
  unit?: boolean;
}

export function LinePlot({ lines, xName, yName, label, unit = false }: LinePlotProps) {
  const all = lines.flatMap((line) => line.points);
  const frame: Frame = unit ? { x: [0, 1], y: [0, 1] } : { x: rangeOf(all, 0), y: rangeOf(all, 1) };
  const named = lines.filter(({ name }) => name).length > 0 && lines.length > 1;
  const table = () => ({ columns: ["line", xName, yName], rows: lines.flatMap((line) => line.points.map(([x, y]) => [line.name, x, y])) });
  const legend = named ? lines.slice(0, colours).map(({ name }, one) => ({ name, colour: colourVar(one) })) : [];
  return (
    <Figure title={label} table={table} legend={legend}>
      <svg viewBox={`0 0 ${wide} ${high}`} role="img" aria-label={`${label}: ${yName} from ${number(frame.y[0])} to ${number(frame.y[1])} over ${xName} from ${number(frame.x[0])} to ${number(frame.x[1])}`}>
        <Axes frame={frame} />
        {lines.map((line, one) => {
          const stride = Math.ceil(line.points.length / mostDrawn) || 1;
          const places = line.points.filter((_, row) => row % stride === 0).map(([x, y]) => at(frame, x, y).map((place) => place.toFixed(1)).join(" "));
          const d = line.dots ? places.map((place) => `M${place}h0`).join("") : `M${places.join("L")}`;
          return places.length > 0 && <path key={one} className={line.dots ? "dots" : "curve"} d={d} style={{ stroke: colourVar(one % colours) }} />;
        })}
      </svg>
      <figcaption>
        {yName} over {xName}
        {named &&
          lines.slice(0, colours).map((line, one) => (
            <span key={one} className="line">
              <i className="swatch" style={{ background: colourVar(one % colours) }} />
              {line.name}
            </span>
          ))}
      </figcaption>
    </Figure>
  );
}

function rangeOf(points: [number, number][], axis: 0 | 1): [number, number] {
  let [low, most] = [Infinity, -Infinity];
  for (const point of points) [low, most] = [Math.min(low, point[axis]), Math.max(most, point[axis])];
  if (!(most >= low)) return [0, 1];
  return most > low ? [low, most] : [low - 1, most + 1];
}

export function Confusion({ found, label }: { found: Matrix; label: string }) {
  const { labels, counts } = found;
  const most = Math.max(1, ...counts.flat());
  const sums = counts.map((row) => row.reduce((sum, one) => sum + one, 0));
  const right = counts.reduce((sum, row, one) => sum + (row[one] ?? 0), 0);
  const total = sums.reduce((sum, one) => sum + one, 0);
  const columns = ["", ...labels];
  const drawing = () => {
    const shade = (many: number) => ({ from: 0, to: 1, colour: resolved("var(--accent)"), opacity: (0.6 * many) / most });
    return tableSvg(label, columns, counts.map((row, one) => [{ text: labels[one] ?? "" }, ...row.map((many) => ({ text: number(many), bar: shade(many) }))]), 40);
  };
  return (
    <Figure title={label} plain table={() => ({ columns, rows: counts.map((row, one) => [labels[one] ?? "", ...row]) })} svg={drawing}>
      <div className="wide-table" tabIndex={0} role="region" aria-label={`${label}, as a table`}>
        <table className="confusion">
          <caption className="unseen">Rows are what it is, columns what it was taken for</caption>
          <thead>
            <tr>
              <td />
              {labels.map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {counts.map((row, one) => (
              <tr key={one}>
                <th scope="row">{labels[one]}</th>
                {row.map((many, other) => (
                  <td key={other} className={one === other ? "hit" : "miss"} style={{ "--share": `${Math.round((many / most) * 78)}%` } as React.CSSProperties} title={`${labels[one]} taken for ${labels[other]}: ${number(many)}`}>
                    {many ? number(many) : "·"}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <figcaption>
        {number(right)} of {number(total)} on the diagonal{total > 0 && ` (${number((100 * right) / total, 3)} %)`}; rows are what it is, columns what it was taken for
      </figcaption>
    </Figure>
  );
}
