/** Which rows of a comparison are shown, and which of its values is best. */
import type { ComparedRow, Comparison } from "../../schema";

export type Section = Comparison["sections"][number];
const statistics = ["metrics", "least", "greatest"];
const lessIsBetter = /loss|err|mse|mae|rmse|perplexity|ppl|nll|bpc|wer|cer|fid|latency|time|duration|regret|distance|divergence/i;

/** Whether less of a metric is better, as far as its name says. */
export function sinks(name: string, turned: string[]): boolean {
  return lessIsBetter.test(name) !== turned.includes(name);
}

/** The places of the best of some values; none where all are the same, or nothing is a number. */
export function bestOf(values: unknown[], less: boolean): number[] {
  const numbers = values.map((value) => (typeof value === "number" ? value : Number.NaN));
  const known = numbers.filter((value) => !Number.isNaN(value));
  if (known.length < 2) return [];
  const best = known.reduce((one, other) => (less === other < one ? other : one));
  const places = numbers.flatMap((value, at) => (value === best ? [at] : []));
  return places.length === known.length ? [] : places;
}

/** What is shown: metrics by one of their statistics; rows that differ, or all; those that have a text in their name or values. */
export function shownSections(sections: Section[], stat: string, same: boolean, find: string): Section[] {
  const part = find.toLowerCase();
  const fits = (row: ComparedRow) => (same || !row.equal) && (!part || `${row.name} ${row.values.join(" ")}`.toLowerCase().includes(part));
  return sections
    .filter(({ name }) => name === stat || !statistics.includes(name))
    .map(({ name, rows }) => ({ name: statistics.includes(name) ? "metrics" : name, rows: rows.filter(fits) }))
    .filter(({ rows }) => rows.length > 0);
}

/** How many rows of these sections are equal and how many differ. */
export function tally(sections: Section[]): { equal: number; different: number } {
  const rows = sections.filter(({ name }) => name === "metrics" || !statistics.includes(name)).flatMap((one) => one.rows);
  const equal = rows.filter((row) => row.equal).length;
  return { equal, different: rows.length - equal };
}
