import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "../../api";
import { plain } from "../../format";
import { Icon } from "../../parts/Icon";
import { Popover } from "../../parts/Popover";
import { quote } from "../runs/data";
import { mostRuns } from "./data";

const mostListed = 12;

/** Finds another run by its name. */
export function AddRun({ taken, add }: { taken: string[]; add: (id: string) => void }) {
  if (taken.length >= mostRuns) return null;
  return (
    <Popover label={<Icon name="plus" size={14} />} title="Add a run" className="button small">
      {(close) => (
        <Found
          taken={taken}
          choose={(id) => {
            add(id);
            close();
          }}
        />
      )}
    </Popover>
  );
}

function Found({ taken, choose }: { taken: string[]; choose: (id: string) => void }) {
  const [typed, setTyped] = useState("");
  const { data } = useQuery({
    queryKey: ["add", typed, taken],
    queryFn: ({ signal }) => {
      const named = typed.trim() ? `name ilike ${quote(`%${typed.trim()}%`)} and ` : "";
      return ask("POST /api/v1/table", { body: { query: `${named}id not in (${taken.map(quote).join(", ")})`, columns: ["name", "project"], count: mostListed } }, signal);
    },
    placeholderData: keepPreviousData,
  });
  return (
    <div className="add-run">
      <input className="field" type="search" placeholder="Find a run" aria-label="Find a run" autoFocus value={typed} onChange={(event) => setTyped(event.target.value)} />
      {data?.ids.map((id, at) => (
        <button key={id} type="button" className="item" onClick={() => choose(id)}>
          {plain(data.columns[0]?.[at]) || id}
          <small>{plain(data.columns[1]?.[at])}</small>
        </button>
      ))}
      {data?.ids.length === 0 && <p className="note">No run has that in its name.</p>}
    </div>
  );
}
