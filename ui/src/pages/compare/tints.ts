/** The colour of a run where runs are told apart by a value. */
import { colours, colourVar } from "../../colour";
import { type Axis, placeOn } from "./axes";
import type { Point } from "./data";

// Viridis: even in lightness, and told apart by the colour-blind.
const stops = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
];

/** From least to greatest; of either end the part that the ground would swallow is left out. */
export function ramp(share: number, shade: string): string {
  const at = (shade === "dark" ? 0.22 + 0.78 * share : 0.86 * share) * (stops.length - 1);
  const below = Math.min(stops.length - 2, Math.floor(at));
  const [one, other] = [stops[below] ?? [], stops[below + 1] ?? []];
  return `rgb(${one.map((part, place) => Math.round(part + (at - below) * ((other[place] ?? 0) - part))).join(" ")})`;
}

/** By a number on the ramp, by a text in the colours of the palette, by nothing in the run's own. */
export function tintOf(point: Point, axis: Axis | null, shade: string, resolve = colourVar): string {
  if (!axis) return resolve(point.colour);
  const value = point.cells.get(axis.name) ?? null;
  const place = placeOn(axis, value);
  if (place === null) return "var(--faint)";
  return axis.kind === "number" ? ramp(place, shade) : resolve(axis.categories.indexOf(String(value)) % colours);
}
