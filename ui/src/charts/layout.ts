/** Which charts are shown, in which order, and which of them take a whole row; it stands in the address. */
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

/** What can be done with one chart among others. */
export interface Panel {
  wide: boolean;
  /** The charts beside it. */
  before: string | undefined;
  behind: string | undefined;
  widen: (wide: boolean) => void;
  hide: () => void;
  /** Put a chart of the same section in the place of another. */
  put: (moved: string, to: string) => void;
}

export function panelOf(metric: string, members: string[], view: ChartView, change: SetView<ChartView>): Panel {
  const at = members.indexOf(metric);
  const without = (list: string[]) => list.filter((one) => one !== metric);
  return {
    wide: view.wide.includes(metric),
    before: members[at - 1],
    behind: members[at + 1],
    widen: (wide) => change({ wide: wide ? [...without(view.wide), metric] : without(view.wide) }, "replace"),
    hide: () => change({ off: [...without(view.off), metric] }),
    put: (moved, to) => {
      if (moved === to || !members.includes(moved)) return;
      change({ order: [...view.order.filter((one) => !members.includes(one)), ...moveTo(members, moved, to)] });
    },
  };
}
