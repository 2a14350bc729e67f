/** What a run printed, kept as lines; what comes while it runs is added to them. */
import type { Console } from "../../schema";

export interface PrintedLine {
  stream: string;
  text: string;
  time: number;
}

export interface Printed {
  lines: PrintedLine[];
  /** Of each stream, the number of the line that is not ended yet. */
  open: Record<string, number>;
  after: string;
  more: boolean;
}

export const nothing: Printed = { lines: [], open: {}, after: "", more: false };

export function joined(held: Printed, { pieces, after, more }: Console): Printed {
  if (!pieces.length) return after === held.after && more === held.more ? held : { ...held, after, more };
  const lines = held.lines.slice();
  const open = { ...held.open };
  for (const { stream, text, time } of pieces) {
    const parts = text.replaceAll("\r\n", "\n").split("\n");
    const last = parts.pop() ?? "";
    for (const part of parts) add(stream, part, time, true);
    if (last) add(stream, last, time, false);
  }
  return { lines, open, after, more };

  function add(stream: string, text: string, time: number, ended: boolean) {
    const at = open[stream];
    const begun = at === undefined ? undefined : lines[at];
    const whole = begun ? begun.text + text : text;
    // What a carriage return went back over is gone, as in a terminal.
    const line = { stream, text: whole.split("\r").findLast((part) => part !== "") ?? "", time: begun?.time ?? time };
    const place = begun ? (at ?? 0) : lines.length;
    lines[place] = line;
    if (ended) delete open[stream];
    else open[stream] = place;
  }
}
