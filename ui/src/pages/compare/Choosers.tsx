import { useState } from "react";
import { label } from "../../format";
import { Popover } from "../../parts/Popover";
import type { Column } from "../../schema";
import type { SetView } from "../../url";
import type { Around } from "./data";
import type { CompareView } from "./view";

interface ScopeProps {
  runs: number;
  around: Around;
  all: boolean;
  change: SetView<CompareView>;
}

/** The compared runs alone, or all around them. */
export function Scope({ runs, around, all, change }: ScopeProps) {
  const wide = around.query ? "all that pass the filter" : around.project ? `all of ${around.project}` : "all runs";
  return (
    <div className="line" role="group" aria-label="Which runs">
      <button type="button" className={`button small ${all ? "" : "on"}`} aria-pressed={!all} onClick={() => change({ all: "" })}>
        these {runs}
      </button>
      <button type="button" className={`button small ${all ? "on" : ""}`} aria-pressed={all} title={around.query} onClick={() => change({ all: "1" })}>
        {wide}
      </button>
    </div>
  );
}

const spaces: Record<string, string> = { "": "run" };

function bySpace(columns: Column[], part: string): [string, Column[]][] {
  const found = new Map<string, Column[]>();
  for (const one of columns) {
    if (!one.label.toLowerCase().includes(part.toLowerCase())) continue;
    const space = spaces[one.space] ?? one.space;
    found.set(space, [...(found.get(space) ?? []), one]);
  }
  return [...found];
}

const mostListed = 200;

interface AxisProps {
  columns: Column[];
  chosen: string[];
  choose: (names: string[]) => void;
}

/** The axes: ticked ones come in the order in which they were. */
export function AxisChooser({ columns, chosen, choose }: AxisProps) {
  const [part, setPart] = useState("");
  const toggle = (name: string) => choose(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]);
  return (
    <Popover label={`Axes ${chosen.length}`} title="Axes" className="button small">
      {() => (
        <div className="axis-chooser">
          <input className="field" type="search" placeholder="Find a column" aria-label="Find a column" autoFocus value={part} onChange={(event) => setPart(event.target.value)} />
          {bySpace(columns, part).map(([space, members]) => (
            <fieldset key={space}>
              <legend>{space}</legend>
              {members.slice(0, mostListed).map(({ name, label: text }) => (
                <label key={name} className="item">
                  <input type="checkbox" checked={chosen.includes(name)} onChange={() => toggle(name)} />
                  {text}
                </label>
              ))}
            </fieldset>
          ))}
        </div>
      )}
    </Popover>
  );
}

interface ColumnProps {
  title: string;
  columns: Column[];
  value: string;
  none?: string;
  choose: (name: string) => void;
}

/** One of the columns, by its space. */
export function ColumnSelect({ title, columns, value, none, choose }: ColumnProps) {
  const missing = value && !columns.some(({ name }) => name === value);
  return (
    <label className="select">
      <span>{title}</span>
      <select className="field" value={value} onChange={(event) => choose(event.target.value)}>
        {none !== undefined && <option value="">{none}</option>}
        {missing && <option value={value}>{label(value)}</option>}
        {bySpace(columns, "").map(([space, members]) => (
          <optgroup key={space} label={space}>
            {members.map(({ name, label: text }) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
    </label>
  );
}

export function TintChooser({ columns, tint, choose }: { columns: Column[]; tint: string; choose: (name: string) => void }) {
  return <ColumnSelect title="colour" columns={columns} value={tint} none="by run" choose={choose} />;
}
