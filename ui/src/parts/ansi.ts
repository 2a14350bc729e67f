/** What a terminal would colour: text cut at its escape sequences. All other control sequences are left out. */

export interface Piece {
  text: string;
  classes: string;
}

const names = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const sequence = /\x1b\[([\d;]*)([A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]/g;

export function pieces(line: string): Piece[] {
  const found: Piece[] = [];
  let style = { colour: "", bold: false };
  let from = 0;
  const add = (to: number) => {
    if (to > from) found.push({ text: line.slice(from, to), classes: [style.colour && `ansi-${style.colour}`, style.bold && "bold"].filter(Boolean).join(" ") });
  };
  for (const match of line.matchAll(sequence)) {
    add(match.index);
    if (match[2] === "m") style = styled(style, (match[1] ?? "").split(";").map(Number));
    from = match.index + match[0].length;
  }
  add(line.length);
  return found;
}

function styled(style: { colour: string; bold: boolean }, codes: number[]) {
  let { colour, bold } = style;
  for (const code of codes) {
    if (code === 0) [colour, bold] = ["", false];
    else if (code === 1) bold = true;
    else if (code === 22) bold = false;
    else if (code === 39) colour = "";
    else if (code >= 30 && code <= 37) colour = names[code - 30] ?? "";
    else if (code >= 90 && code <= 97) colour = names[code - 90] ?? "";
  }
  return { colour, bold };
}
