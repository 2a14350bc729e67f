import { number } from "../format";

/** Round numbers within a range, about `many` of them. */
export function ticks(low: number, high: number, many: number): number[] {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const raw = span / many;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = size * ([1, 2, 5, 10].find((times) => times * size >= raw) ?? 10);
  const found: number[] = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) found.push(Number((at * step).toPrecision(12)));
  return found;
}

/** A tick as it is: short, since it is round. */
export function tickLabel(value: number): string {
  const said = String(value);
  return said.length > 7 ? number(value, 3) : said;
}
