/** What a run logged beside numbers, by its name; each of it at some steps. */
import { saidKind } from "../../content/kinds";
import type { Shown } from "../../content/Content";
import type { Document } from "../../schema";

export interface MediaItem extends Shown {
  step: number | null;
}

export interface MediaGroup {
  name: string;
  items: MediaItem[];
}

/** MLflow keeps an image of a step under a name that says key, step and time. */
const mlflowImage = /^images\/(.+?)%step%(-?\d+)%timestamp%\d+%[\w-]+\.(?!webp$)\w+$/;
const mlflowThumbnail = /^images\/.+%step%.+\.webp$/;
const drawn = ["image", "vector", "audio", "video", "html"];

/** Media by name, each in the order of its steps; and those of the outputs that are looked at or listened to. */
export function mediaOf(run: Document): MediaGroup[] {
  const groups = new Map<string, MediaItem[]>();
  const add = (name: string, item: MediaItem) => groups.set(name, [...(groups.get(name) ?? []), item]);
  const known = new Set<string>();
  for (const { key, digest, step = null, type, size, caption } of run.media) {
    if (!digest) continue;
    known.add(digest);
    add(key, { path: key, digest, step, type, size, caption });
  }
  for (const { path, digest, size, type, stored } of run.outputs) {
    if (!digest || stored === false || known.has(digest) || mlflowThumbnail.test(path)) continue;
    const image = mlflowImage.exec(path);
    if (image) add((image[1] ?? path).replaceAll("#", "/"), { path, digest, size, step: Number(image[2]) });
    else if (type === "figure" || drawn.includes(saidKind({ path }) ?? "")) add(path, { path, digest, size, step: null });
  }
  return [...groups].map(([name, items]) => ({ name, items: items.toSorted((one, other) => (one.step ?? 0) - (other.step ?? 0)) }));
}

/** All steps at which there is something. */
export function stepsOf(groups: MediaGroup[]): number[] {
  const steps = groups.flatMap(({ items }) => items.flatMap(({ step }) => step ?? []));
  return [...new Set(steps)].sort((one, other) => one - other);
}

/** What stood at `step`: of the latest step up to it; before the first, that. */
export function itemsAt({ items }: MediaGroup, step: number): MediaItem[] {
  const found = items.findLast((item) => (item.step ?? 0) <= step) ?? items[0];
  return items.filter((item) => item.step === found?.step);
}
