/** What the compared runs logged besides numbers: by name, and as it stood at a step. */
import type { MediaItem } from "../../schema";

export interface Shelf {
  name: string;
  items: MediaItem[];
}

/** By name; what most runs have comes first. */
export function shelves(items: MediaItem[]): Shelf[] {
  const found = new Map<string, MediaItem[]>();
  for (const item of items) {
    const held = found.get(item.key);
    if (held) held.push(item);
    else found.set(item.key, [item]);
  }
  const runs = (shelf: Shelf) => new Set(shelf.items.map((item) => item.run)).size;
  return [...found].map(([name, items]) => ({ name, items })).sort((one, other) => runs(other) - runs(one) || one.name.localeCompare(other.name));
}

export function stepsOf(items: MediaItem[]): number[] {
  return [...new Set(items.flatMap((item) => item.step ?? []))].sort((one, other) => one - other);
}

/** What a run had last at a step: all that it logged at that one step. What has no step is always there. */
export function itemsAt(shelf: Shelf, run: string, step: number): MediaItem[] {
  const own = shelf.items.filter((item) => item.run === run && (item.step === undefined || item.step <= step));
  const last = own.reduce((most, item) => Math.max(most, item.step ?? -Infinity), -Infinity);
  return own.filter((item) => (item.step ?? -Infinity) === last);
}
