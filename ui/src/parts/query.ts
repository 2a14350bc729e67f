/** The query language, as far as typing it needs: what kind of word stands where. The server alone knows it whole. */

export interface Token {
  kind: "space" | "text" | "number" | "operator" | "keyword" | "name" | "wrong" | "mark";
  text: string;
}

const shapes: [Token["kind"], RegExp][] = [
  ["space", /^\s+/],
  ["text", /^'(?:[^']|'')*'?|^"(?:[^"]|"")*"?/],
  ["operator", /^(?:[<>!=]=|<>|[<>=])/],
  ["mark", /^[(),]/],
  ["number", /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])/],
  ["keyword", /^(?:and|or|not|in|is|null|like|ilike|true|false)(?![\w.])/i],
  ["name", /^(?:`(?:[^`]|``)*`?|[^\s'"<>!=(),`])+/],
];

/** The words of a query, with all spaces; the one at `wrong` is marked. */
export function tokens(query: string, wrong?: number): Token[] {
  const found: Token[] = [];
  let left = query;
  let place = 0;
  while (left) {
    let [kind, text]: [Token["kind"], string] = ["mark", left[0] ?? ""];
    for (const [name, shape] of shapes) {
      const match = shape.exec(left);
      if (match) {
        [kind, text] = [name, match[0]];
        break;
      }
    }
    const marked = wrong !== undefined && wrong >= place && wrong < place + text.length;
    found.push({ kind: marked ? "wrong" : kind, text });
    left = left.slice(text.length);
    place += text.length;
  }
  if (wrong !== undefined && wrong >= query.length) found.push({ kind: "wrong", text: " " });
  return found;
}

/** What is being typed: `typed` stands from `start` to `end`. */
export interface Hint {
  kind: "name" | "value" | "operator" | "joint";
  column: string;
  typed: string;
  start: number;
  end: number;
}

export function hintFor(query: string, caret: number): Hint {
  const words: (Token & { start: number })[] = [];
  let place = 0;
  for (const token of tokens(query.slice(0, caret))) {
    if (token.kind !== "space") words.push({ ...token, start: place });
    place += token.text.length;
  }
  const last = words.at(-1);
  const typing = last !== undefined && last.start + last.text.length === caret && !["operator", "mark"].includes(last.kind);
  const before = typing ? words.slice(0, -1) : words;
  const typed = typing ? last.text : "";
  const place0 = { typed: typed.replace(/^['"]|['"]$/g, ""), start: typing ? last.start : caret, end: caret };
  return { ...kindAfter(before), ...place0 };
}

function kindAfter(words: Token[]): Pick<Hint, "kind" | "column"> {
  const last = words.at(-1);
  const name = words.findLast(({ kind }) => kind === "name")?.text ?? "";
  const word = last?.text.toLowerCase() ?? "";
  if (!last || ["and", "or", "not", "("].includes(word)) return { kind: insideList(words) ? "value" : "name", column: name };
  if (last.kind === "operator" || ["like", "ilike"].includes(word) || word === ",") return { kind: "value", column: name };
  const previous = words.at(-2)?.text.toLowerCase();
  const settled = !previous || ["and", "or", "not", "("].includes(previous);
  return last.kind === "name" && settled ? { kind: "operator", column: "" } : { kind: "joint", column: "" };
}

function insideList(words: Token[]): boolean {
  return words.at(-1)?.text === "(" && words.at(-2)?.text.toLowerCase() === "in";
}

/** The query with `choice` in the place of what was being typed, and where the caret goes. */
export function take(query: string, hint: Hint, choice: string): [string, number] {
  const after = query.slice(hint.end);
  const next = `${query.slice(0, hint.start)}${choice}${after.startsWith(" ") ? "" : " "}`;
  return [next + after, next.length];
}
