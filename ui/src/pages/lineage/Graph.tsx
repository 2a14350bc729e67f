/** The graph, drawn as SVG: dragged and zoomed by mouse, walked through by arrow keys. */
import { type KeyboardEvent, type PointerEvent, useMemo, useRef, useState } from "react";
import { FigureMenu } from "../../parts/FigureMenu";
import { Icon } from "../../parts/Icon";
import { svgText } from "../../parts/picture";
import { Heads } from "../../parts/Heads";
import { WideTable } from "../../parts/WideTable";
import type { Lineage } from "../../schema";
import { type Box, layout, type LineageNode, related } from "./layout";
import { about, signs } from "./words";

interface Props {
  lineage: Lineage;
  chosen: string;
  choose: (id: string) => void;
}

interface View {
  x: number;
  y: number;
  scale: number;
}

export function Graph({ lineage, chosen, choose }: Props) {
  const { boxes, arrows, width, height } = useMemo(() => layout(lineage), [lineage]);
  const lit = useMemo(() => related(chosen, lineage), [chosen, lineage]);
  const [view, setView] = useState<View>({ x: 0, y: 0, scale: 1 });
  const drag = useDrag(view, setView);
  const zoom = (by: number) => setView(({ x, y, scale }) => ({ x, y, scale: Math.min(2.5, Math.max(0.25, scale * by)) }));
  const box = useRef<HTMLDivElement>(null);
  const [asTable, setAsTable] = useState(false);
  const drawing = () => {
    const svg = box.current?.querySelector<SVGSVGElement>(":scope > svg");
    return svg ? svgText(svg, { title: "Lineage" }) : null;
  };
  return (
    <div className="graph card" ref={box}>
      <div className="tools">
        <FigureMenu title="Lineage" rows={() => [arrowHeads, ...arrowRows(lineage)]} svg={drawing} table={[asTable, setAsTable]} />
        <button type="button" className="quiet" aria-label="Larger" onClick={() => zoom(1.25)}>
          +
        </button>
        <button type="button" className="quiet" aria-label="Smaller" onClick={() => zoom(0.8)}>
          −
        </button>
        <button type="button" className="quiet" aria-label="Whole" title="Back to the whole" onClick={() => setView({ x: 0, y: 0, scale: 1 })}>
          <Icon name="expand" />
        </button>
      </div>
      {asTable ? (
        <WideTable label="Lineage" className="">
          <Heads names={arrowHeads} />
          <tbody>
            {arrowRows(lineage).map((row, at) => (
              <tr key={at}>
                {row.map((text, place) => (
                  <td key={place}>{text}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </WideTable>
      ) : (
        <svg
          viewBox={`${-view.x / view.scale} ${-view.y / view.scale} ${Math.max(width, 300) / view.scale} ${Math.max(height, 120) / view.scale}`}
          style={{ maxHeight: "62vh", height: Math.max(220, height) }}
          role="group"
          aria-label={`Lineage: ${boxes.length} parts`}
          {...drag}
        >
          <defs>
            <marker id="tip" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="7" markerHeight="7" orient="auto">
              <path d="M0 0L8 4L0 8z" />
            </marker>
          </defs>
          {arrows.map((arrow) => (
            <path
              key={`${arrow.from} ${arrow.to}`}
              className={`arrow ${lit.has(arrow.from) && lit.has(arrow.to) ? "lit" : ""}`}
              d={arrow.path}
              markerEnd="url(#tip)"
            />
          ))}
          {boxes.map((box) => (
            <NodeBox
              key={box.node.id}
              box={box}
              lit={lit.has(box.node.id)}
              chosen={box.node.id === chosen}
              choose={choose}
              to={(key) => towards(key, box, boxes, lineage)}
            />
          ))}
        </svg>
      )}
    </div>
  );
}

const arrowHeads = ["from", "what it is", "to", "what that is"];

/** Each arrow in words. */
function arrowRows({ nodes, edges }: Lineage): string[][] {
  const found = new Map(nodes.map((node) => [node.id, node]));
  return edges.map((edge) => [edge.from, edge.to].flatMap((id) => [found.get(id)?.name ?? id, found.get(id)?.kind ?? ""]));
}

interface NodeProps {
  box: Box;
  lit: boolean;
  chosen: boolean;
  choose: (id: string) => void;
  to: (key: string) => string | undefined;
}

function NodeBox({ box: { node, x, y, width, height }, lit, chosen, choose, to }: NodeProps) {
  const keys = (event: KeyboardEvent<SVGGElement>) => {
    const next = to(event.key);
    if (next === undefined) return;
    event.preventDefault();
    choose(next);
    document.getElementById(`node ${next}`)?.focus();
  };
  return (
    <g
      id={`node ${node.id}`}
      className={`node ${node.kind} ${lit ? "lit" : ""} ${chosen ? "chosen" : ""}`}
      transform={`translate(${x} ${y})`}
      tabIndex={0}
      role="button"
      aria-pressed={chosen}
      onClick={() => choose(node.id)}
      onKeyDown={keys}
    >
      <rect width={width} height={height} rx="8" />
      <text x="12" y="19" className="name">
        {signs[node.kind]} {shorten(node.name, 24)}
      </text>
      <text x="12" y="36" className="about">
        {shorten(about(node), 30)}
      </text>
    </g>
  );
}

/** Where a key leads: along an arrow to the left or right, or to the next box in the same column. */
function towards(key: string, { node, x, y }: Box, boxes: Box[], { edges }: Lineage): string | undefined {
  if (key === "Enter") return node.id;
  if (key === "ArrowLeft") return edges.find((edge) => edge.to === node.id)?.from;
  if (key === "ArrowRight") return edges.find((edge) => edge.from === node.id)?.to;
  const column = boxes.filter((box) => box.x === x).sort((one, other) => one.y - other.y);
  if (key === "ArrowDown") return column.find((box) => box.y > y)?.node.id;
  if (key === "ArrowUp") return column.findLast((box) => box.y < y)?.node.id;
  return undefined;
}

function shorten(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most / 2 - 1)}…${text.slice(-most / 2 + 1)}` : text;
}

function useDrag(view: View, setView: (view: View) => void) {
  const start = useRef<{ x: number; y: number; view: View } | null>(null);
  return {
    onPointerDown: (event: PointerEvent<SVGSVGElement>) => {
      if ((event.target as Element).closest(".node")) return;
      start.current = { x: event.clientX, y: event.clientY, view };
      event.currentTarget.setPointerCapture(event.pointerId);
    },
    onPointerMove: (event: PointerEvent<SVGSVGElement>) => {
      const from = start.current;
      if (from) setView({ ...from.view, x: from.view.x + event.clientX - from.x, y: from.view.y + event.clientY - from.y });
    },
    onPointerUp: () => {
      start.current = null;
    },
  };
}

export type { LineageNode };
