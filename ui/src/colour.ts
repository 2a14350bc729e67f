/** A colour per run that stays with it: drawn from its id, not from its place in a list. */

export const colours = 12;

/** FNV-1a: spreads ids that differ in one letter. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return (value ^ (value >>> 15)) >>> 0;
}

/** The number of a run's colour in the palette of theme.css; `chosen` is what people gave it. */
export function colourOf(id: string, chosen?: unknown): number {
  const given = Number(chosen);
  return Number.isInteger(given) && given >= 1 && given <= colours ? given - 1 : hash(id) % colours;
}

export function colourVar(number: number): string {
  return `var(--run${number})`;
}

const dashes: number[][] = [[], [6, 4], [2, 3], [9, 3, 2, 3]];

/** Dashes for each of these colours, so that two of the same can be told apart. */
export function dashesFor(numbers: number[]): number[][] {
  const seen = new Map<number, number>();
  return numbers.map((number) => {
    const before = seen.get(number) ?? 0;
    seen.set(number, before + 1);
    return dashes[before % dashes.length] ?? [];
  });
}
