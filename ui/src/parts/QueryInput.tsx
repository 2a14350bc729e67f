/** The query language as one types it: coloured, completed, and underlined where it is wrong. */
import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, type RefObject, useEffect, useRef, useState } from "react";
import { ask } from "../api";
import { plain } from "../format";
import type { Column } from "../schema";
import { type Hint, hintFor, take, tokens } from "./query";

interface Props {
  value: string;
  columns: Column[];
  error: { message: string; position: number } | null;
  input: RefObject<HTMLInputElement | null>;
  onChange: (query: string, done: boolean) => void;
}

const settleMs = 350;
const mostHints = 12;

export function QueryInput({ value, columns, error, input, onChange }: Props) {
  const [text, setText] = useState(value);
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const [caret, setCaret] = useState(value.length);
  const backdrop = useRef<HTMLPreElement>(null);
  const timer = useRef(0);
  useEffect(() => setText(value), [value]);
  const { hint, choices } = useHints(text, caret, columns, open);

  const edit = (next: string, place: number, done: boolean) => {
    setText(next);
    setCaret(place);
    setAt(-1);
    clearTimeout(timer.current);
    if (done) onChange(next, true);
    else timer.current = window.setTimeout(() => onChange(next, false), settleMs);
  };
  const pick = (choice: string) => {
    const [next, place] = take(text, hint, choice);
    edit(next, place, false);
    input.current?.focus();
    requestAnimationFrame(() => input.current?.setSelectionRange(place, place));
  };
  const key = (event: KeyboardEvent) => {
    const chosen = choices[at];
    if (event.key === "ArrowDown" && open) setAt((at + 1) % Math.max(1, choices.length));
    else if (event.key === "ArrowUp" && open) setAt(at <= 0 ? choices.length - 1 : at - 1);
    else if ((event.key === "Enter" || event.key === "Tab") && open && chosen !== undefined) pick(chosen);
    else if (event.key === "Enter") {
      setOpen(false);
      edit(text, caret, true);
    } else if (event.key === "Escape") {
      if (open) setOpen(false);
      else input.current?.blur();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const listed = open && choices.length > 0;
  return (
    <div className={`query ${error ? "wrong" : ""}`}>
      <kbd aria-hidden="true">/</kbd>
      <div className="typed">
        <pre aria-hidden="true" ref={backdrop}>
          {tokens(text, error?.position).map((token, place) => (
            <span key={place} className={token.kind}>
              {token.text}
            </span>
          ))}
        </pre>
        <input
          ref={input}
          role="combobox"
          aria-label="Filter runs"
          aria-expanded={listed}
          aria-controls="hints"
          aria-activedescendant={listed && at >= 0 ? `hint${at}` : undefined}
          aria-invalid={error !== null}
          aria-describedby="query-error"
          autoComplete="off"
          spellCheck={false}
          placeholder="metrics.loss < 0.3 and params.lr > 0.001, or any words"
          value={text}
          onChange={(event) => {
            setOpen(true);
            edit(event.target.value, event.target.selectionStart ?? 0, false);
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
          onScroll={(event) => backdrop.current && (backdrop.current.scrollLeft = event.currentTarget.scrollLeft)}
          onKeyDown={key}
          onFocus={() => setOpen(true)}
          onBlur={() => setOpen(false)}
        />
      </div>
      {text && (
        <button type="button" className="quiet" aria-label="Clear the filter" onClick={() => edit("", 0, true)}>
          ×
        </button>
      )}
      {listed && <Hints choices={choices} at={at} pick={pick} />}
      <p id="query-error" className={error ? "query-error" : "unseen"} role="status">
        {error?.message}
      </p>
    </div>
  );
}

function Hints({ choices, at, pick }: { choices: string[]; at: number; pick: (choice: string) => void }) {
  return (
    <ul id="hints" className="popup left" role="listbox" aria-label="Completions">
      {choices.map((choice, row) => (
        <li
          key={choice}
          id={`hint${row}`}
          role="option"
          aria-selected={row === at}
          className="item mono"
          onMouseDown={(event) => {
            event.preventDefault();
            pick(choice);
          }}
        >
          {choice}
        </li>
      ))}
    </ul>
  );
}

/** What could stand at the caret: names of columns, values of one, or the words between conditions. */
function useHints(text: string, caret: number, columns: Column[], open: boolean): { hint: Hint; choices: string[] } {
  const hint = hintFor(text, caret);
  const column = hint.kind === "value" ? hint.column : "";
  const { data } = useQuery({
    queryKey: ["values", column, hint.typed],
    queryFn: ({ signal }) =>
      ask("GET /api/v1/values/{column}", { path: { column }, query: { holds: hint.typed, limit: mostHints } }, signal),
    enabled: open && column !== "" && columns.some(({ name }) => name === column),
    retry: false,
  });
  const fits = (choice: string) => choice.toLowerCase().includes(hint.typed.toLowerCase()) && choice !== hint.typed;
  const known = {
    name: columns.map(({ name }) => name),
    value: (data?.values ?? []).map((value) => (typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : plain(value))),
    operator: ["=", "!=", ">", "<", ">=", "<=", "like", "ilike", "in", "is null", "is not null"],
    joint: ["and", "or"],
  }[hint.kind];
  const choices = hint.kind === "value" ? known : known.filter(fits);
  return { hint, choices: choices.slice(0, mostHints) };
}
