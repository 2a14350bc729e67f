/** Which charts are shown, in which order and how large; it stands in the address. */
import type { SetView } from "../url";
import { isClock } from "./lines";
import type { ChartView } from "./settings";

/** By what stands before the first slash; metrics without one come first, clocks and those of the machine last. */
export function sectionsOf(metrics: string[], { metric: part, order, off }: Pick<ChartView, "metric" | "order" | "off">): [string, string[]][] {
  const found = new Map<string, string[]>();
  for (const metric of metrics) {
    if (off.includes(metric) || !metric.toLowerCase().includes(part.toLowerCase())) continue;
    const slash = metric.indexOf("/");
    const name = slash > 0 ? metric.slice(0, slash) : "metrics";
    found.set(name, [...(found.get(name) ?? []), metric]);
  }
  // Where nobody put them in order, what only says how far a run is comes behind what it came to.
  const place = (metric: string) => (order.includes(metric) ? order.indexOf(metric) : order.length + Number(isClock(metric)));
  for (const members of found.values()) members.sort((one, other) => place(one) - place(other));
  const rank = ([name, members]: [string, string[]]) => (name === "system" ? 3 : members.every(isClock) ? 2 : name === "metrics" ? 0 : 1);
  return [...found].sort((one, other) => rank(one) - rank(other) || one[0].localeCompare(other[0]));
}

/** The list with `moved` in the place of `to`. */
export function moveTo(list: string[], moved: string, to: string): string[] {
  const next = list.filter((one) => one !== moved);
  next.splice(list.indexOf(to), 0, moved);
  return next;
}

/** A section's width has so many columns, however wide it is. */
export const columns = 12;
export const usualHeights: Record<string, number> = { s: 150, m: 210, l: 340 };
const leastWidths: Record<string, number> = { s: 210, m: 280, l: 520 };
const [leastPixels, gapPixels] = [170, 12];
export const [leastHeight, mostHeight] = [100, 1200];

/** How large a chart is: columns of its section, and pixels of the plot. */
export interface Extent {
  span: number;
  height: number;
}

/** The size that charts have unless it is said otherwise: as many beside each other as fit, and none alone in a corner. */
export function usualExtent(size: string, width: number, members: number): Extent {
  const fit = Math.floor((width + gapPixels) / ((leastWidths[size] ?? 280) + gapPixels));
  const beside = [6, 4, 3, 2].find((many) => many <= fit && many <= members) ?? 1;
  return { span: columns / beside, height: usualHeights[size] ?? 210 };
}

/** A size within what can be drawn, where a section is so wide. */
export function held({ span, height }: Extent, width: number): Extent {
  const least = Math.min(columns, Math.ceil((leastPixels * columns) / Math.max(1, width)));
  return { span: Math.min(columns, Math.max(least, Math.round(span))), height: Math.min(mostHeight, Math.max(leastHeight, Math.round(height / 10) * 10)) };
}

/** `8x320 val/loss`: eight columns and 320 pixels. */
export function readExtent(said: string[], metric: string): Extent | null {
  const found = said.find((one) => one.slice(one.indexOf(" ") + 1) === metric);
  const [, span, height] = /^(\d{1,2})x(\d{1,4}) /.exec(found ?? "") ?? [];
  return span && height ? { span: Number(span), height: Number(height) } : null;
}

/** What can be done with one chart among others. */
export interface Panel {
  /** What was said of its size. */
  extent: Extent | null;
  /** The charts beside it. */
  before: string | undefined;
  behind: string | undefined;
  /** null: as the others. */
  resize: (extent: Extent | null) => void;
  hide: () => void;
  /** Put a chart of the same section in the place of another. */
  put: (moved: string, to: string) => void;
}

export function panelOf(metric: string, members: string[], view: ChartView, change: SetView<ChartView>): Panel {
  const at = members.indexOf(metric);
  const others = view.panel.filter((one) => !readExtent([one], metric));
  return {
    extent: readExtent(view.panel, metric),
    before: members[at - 1],
    behind: members[at + 1],
    resize: (extent) => change({ panel: extent ? [...others, `${extent.span}x${extent.height} ${metric}`] : others }, "replace"),
    hide: () => change({ off: [...view.off.filter((one) => one !== metric), metric] }),
    put: (moved, to) => {
      if (moved === to || !members.includes(moved)) return;
      change({ order: [...view.order.filter((one) => !members.includes(one)), ...moveTo(members, moved, to)] });
    },
  };
}
