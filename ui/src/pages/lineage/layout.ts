/** Where the boxes of a lineage stand, from left to right, and the lines between them. */
import dagre from "@dagrejs/dagre";
import type { Lineage } from "../../schema";

export type LineageNode = Lineage["nodes"][number];

export interface Box {
  node: LineageNode;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Arrow {
  from: string;
  to: string;
  kind: string;
  path: string;
}

export interface Layout {
  boxes: Box[];
  arrows: Arrow[];
  width: number;
  height: number;
}

const size = { width: 190, height: 46 };
const margin = 24;

export function layout({ nodes, edges }: Lineage): Layout {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 16, ranksep: 64, marginx: margin, marginy: margin });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.id, { ...size });
  for (const edge of edges) graph.setEdge(edge.from, edge.to);
  dagre.layout(graph);
  const boxes = nodes.map((node) => {
    const { x, y } = graph.node(node.id) as { x: number; y: number };
    return { node, x: x - size.width / 2, y: y - size.height / 2, ...size };
  });
  const byId = new Map(boxes.map((box) => [box.node.id, box]));
  const arrows = edges.flatMap((edge) => {
    const [from, to] = [byId.get(edge.from), byId.get(edge.to)];
    return from && to ? [{ ...edge, path: curve(from, to) }] : [];
  });
  const whole = graph.graph() as { width?: number; height?: number };
  return { boxes, arrows, width: whole.width ?? 0, height: whole.height ?? 0 };
}

function curve(from: Box, to: Box): string {
  const [x0, y0] = [from.x + from.width, from.y + from.height / 2];
  const [x1, y1] = [to.x, to.y + to.height / 2];
  const bend = Math.max(24, Math.abs(x1 - x0) / 2);
  return `M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1 - 5} ${y1}`;
}

/** What leads to a box and what comes of it, itself included. */
export function related(start: string, { edges }: Lineage): Set<string> {
  const found = new Set([start]);
  for (const [here, there] of [["from", "to"], ["to", "from"]] as const) {
    const waiting = [start];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop())
      for (const edge of edges)
        if (edge[here] === at && !found.has(edge[there])) {
          found.add(edge[there]);
          waiting.push(edge[there]);
        }
  }
  return found;
}
