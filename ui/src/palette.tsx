/** Ctrl-K: pages, projects and runs by name. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useState } from "react";
import { ask } from "./api";
import { plain } from "./format";
import { Dialog } from "./parts/Dialog";
import { sections } from "./sections";
import { setTheme, themes } from "./theme";
import { navigate } from "./url";

interface Choice {
  name: string;
  kind: string;
  go: () => void;
}

const mostRuns = 12;

function useChoices(typed: string): Choice[] {
  const { data: projects } = useQuery({
    queryKey: ["projects"],
    queryFn: ({ signal }) => ask("GET /api/v1/projects", {}, signal),
  });
  const like = `name ilike '%${typed.replaceAll("'", "''")}%'`;
  const { data: runs } = useQuery({
    queryKey: ["palette", typed],
    queryFn: ({ signal }) =>
      ask("POST /api/v1/table", { body: { query: typed ? like : "", columns: ["name", "project"], count: mostRuns } }, signal),
    placeholderData: keepPreviousData,
  });
  const fits = (name: string) => name.toLowerCase().includes(typed.toLowerCase());
  const choices: Choice[] = [
    ...sections.map(({ name, path }) => ({ name, kind: "page", go: () => navigate(path) })),
    ...(projects?.projects ?? []).map(({ name }) => ({
      name,
      kind: "project",
      go: () => navigate(`/runs?project=${encodeURIComponent(name)}`),
    })),
    ...compareChosen(),
    ...themes.map((theme) => ({ name: `Theme: ${theme}`, kind: "theme", go: () => setTheme(theme) })),
  ].filter(({ name }) => fits(name));
  const found = (runs?.ids ?? []).map((id, at) => ({
    name: plain(runs?.columns[0]?.[at]) || id,
    kind: plain(runs?.columns[1]?.[at]) || "run",
    go: () => navigate(`/runs/${id}`),
  }));
  return [...choices, ...found];
}

/** Where runs are chosen, to see them beside each other. */
function compareChosen(): Choice[] {
  const runs = new URLSearchParams(location.search).getAll("sel").filter(Boolean);
  if (location.pathname !== "/runs" || runs.length < 2) return [];
  return [{ name: `Compare the ${runs.length} chosen runs`, kind: "page", go: () => navigate(`/compare?${new URLSearchParams(runs.map((run) => ["run", run]))}`) }];
}

export default function Palette({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const choices = useChoices(typed.trim());
  const current = Math.min(at, choices.length - 1);
  const go = (choice: Choice | undefined) => {
    onClose();
    choice?.go();
  };
  const key = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) setAt((current + step + choices.length) % choices.length);
    else if (event.key === "Enter") go(choices[current]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Go anywhere" onClose={onClose} className="palette">
      <input
        role="combobox"
        aria-expanded="true"
        aria-controls="choices"
        aria-activedescendant={`choice${current}`}
        aria-label="Page, project or run"
        placeholder="Page, project or run"
        value={typed}
        onKeyDown={key}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
        }}
      />
      <ul id="choices" role="listbox" aria-label="Choices">
        {choices.map((choice, row) => (
          <li
            key={`${choice.kind} ${choice.name} ${row}`}
            id={`choice${row}`}
            role="option"
            aria-selected={row === current}
            className="item"
            ref={(item) => {
              if (row === current) item?.scrollIntoView({ block: "nearest" });
            }}
            onMouseDown={(event) => {
              event.preventDefault();
              go(choice);
            }}
          >
            {choice.name}
            <small>{choice.kind}</small>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
