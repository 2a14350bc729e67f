import { useState } from "react";
import { label } from "../../format";
import { Icon } from "../../parts/Icon";
import { Popover } from "../../parts/Popover";
import type { Column } from "../../schema";

const spaces: Record<string, string> = { "": "run", config: "config" };

function bySpace(columns: Column[], part: string): [string, Column[]][] {
  const found = new Map<string, Column[]>();
  for (const one of columns) {
    if (!one.name.toLowerCase().includes(part.toLowerCase())) continue;
    const space = spaces[one.space] ?? one.space;
    found.set(space, [...(found.get(space) ?? []), one]);
  }
  return [...found];
}

const mostListed = 300;

interface ColumnProps {
  columns: Column[];
  shown: string[];
  automatic: boolean;
  choose: (columns: string[]) => void;
}

export function ColumnChooser({ columns, shown, automatic, choose }: ColumnProps) {
  const [part, setPart] = useState("");
  const toggle = (name: string) => choose(shown.includes(name) ? shown.filter((one) => one !== name) : [...shown, name]);
  return (
    <Popover label={`Columns ${shown.length}`} title="Columns" align="right">
      {() => (
        <div className="chooser">
          <div className="line">
            <input className="field" type="search" placeholder="Find a column" aria-label="Find a column" autoFocus value={part} onChange={(event) => setPart(event.target.value)} />
            <button type="button" className={`button ${automatic ? "on" : ""}`} aria-pressed={automatic} onClick={() => choose([])} title="Those in which the runs differ">
              what varies
            </button>
          </div>
          {bySpace(columns.filter(({ name }) => !["name", "verdict", "grade", "id"].includes(name)).slice(0, mostListed), part).map(([space, members]) => (
            <fieldset key={space}>
              <legend>{space}</legend>
              {members.map(({ name, runs, varies }) => (
                <label key={name} className="item">
                  <input type="checkbox" checked={shown.includes(name)} onChange={() => toggle(name)} />
                  {label(name)}
                  <small>{varies ? `${runs}` : "all the same"}</small>
                </label>
              ))}
            </fieldset>
          ))}
        </div>
      )}
    </Popover>
  );
}

interface GroupProps {
  columns: Column[];
  group: string;
  choose: (column: string) => void;
}

export function GroupChooser({ columns, group, choose }: GroupProps) {
  const [part, setPart] = useState("");
  const useful = columns.filter(({ name, varies, space }) => varies && space !== "metrics" && space !== "system" && !["id", "created", "ended", "duration", "name"].includes(name));
  return (
    <Popover label={group ? `Group: ${label(group)}` : "Group"} title="Group" className={`button ${group ? "on" : ""}`} align="right">
      {(close) => (
        <div className="chooser">
          <input className="field" type="search" placeholder="Group by" aria-label="Group by" autoFocus value={part} onChange={(event) => setPart(event.target.value)} />
          {group && (
            <button
              type="button"
              className="item"
              onClick={() => {
                choose("");
                close();
              }}
            >
              <Icon name="close" size={13} /> no groups
            </button>
          )}
          {bySpace(useful, part).map(([space, members]) => (
            <fieldset key={space}>
              <legend>{space}</legend>
              {members.map(({ name }) => (
                <button
                  key={name}
                  type="button"
                  className="item"
                  aria-pressed={name === group}
                  onClick={() => {
                    choose(name);
                    close();
                  }}
                >
                  {label(name)}
                </button>
              ))}
            </fieldset>
          ))}
        </div>
      )}
    </Popover>
  );
}
