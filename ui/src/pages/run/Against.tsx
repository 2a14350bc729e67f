/** The code of this run beside that of another: which files differ, and how. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useState } from "react";
import { ask } from "../../api";
import { count, plain } from "../../format";
import { Diff } from "../../parts/Diff";
import { Link } from "../../parts/Link";
import { Failed, Skeleton } from "../../parts/States";
import type { Code as Source } from "../../schema";
import { Changes, useCode } from "./Code";
import type { PartProps } from "./Run";

export function Against({ run, code, view, change }: PartProps & { code: Source }) {
  const { data, error } = useCode(view.with);
  return (
    <div className="column">
      <Chooser project={run.project ?? ""} own={run.id} chosen={view.with} choose={(id) => change({ with: id })} />
      {error && <Failed error={error} />}
      {view.with && !data && !error && <Skeleton rows={6} />}
      {data && <Differences run={run.id} other={view.with} code={code} there={data} />}
    </div>
  );
}

interface ChooserProps {
  project: string;
  own: string;
  chosen: string;
  choose: (id: string) => void;
}

const mostOffered = 8;

/** Another run by its name or id: the latest of the project first. */
function Chooser({ project, own, chosen, choose }: ChooserProps) {
  const [typed, setTyped] = useState("");
  const part = `'%${typed.trim().replaceAll("'", "''")}%'`;
  const { data, isPlaceholderData } = useQuery({
    queryKey: ["palette", "against", project, own, typed.trim()],
    queryFn: ({ signal }) => {
      const named = typed.trim() ? ` and (name ilike ${part} or id ilike ${part})` : "";
      return ask("POST /api/v1/table", { body: { query: `id != '${own}'${named}`, project, columns: ["name", "created"], count: mostOffered } }, signal);
    },
    placeholderData: keepPreviousData,
    meta: { runs: "survey" },
  });
  const key = (event: KeyboardEvent) => {
    if (event.key === "Enter" && data?.ids[0] && !isPlaceholderData) choose(data.ids[0]);
  };
  return (
    <section className="card" aria-label="The other run">
      <h2 className="line">
        <input className="field" type="search" placeholder="Another run, by name or id" aria-label="Another run, by name or id" value={typed} onChange={(event) => setTyped(event.target.value)} onKeyDown={key} />
        <span>{data ? `${count(data.total, "run")}${project && ` of ${project}`}` : ""}</span>
      </h2>
      <div className="offered">
        {data?.ids.map((id, at) => (
          <button key={id} type="button" className={`button small ${id === chosen ? "on" : ""}`} aria-pressed={id === chosen} title={id} onClick={() => choose(id)}>
            {plain(data.columns[0]?.[at]) || id}
          </button>
        ))}
      </div>
    </section>
  );
}

interface Change {
  path: string;
  here?: string;
  there?: string;
}

/** By path: what has another content there, and what is on one side only. */
export function changesOf(here: Source, there: Source): Change[] {
  const found = new Map<string, Change>();
  for (const { path, digest } of there.files) found.set(path, { path, there: digest });
  for (const { path, digest } of here.files) found.set(path, { ...found.get(path), path, here: digest });
  return [...found.values()].filter((one) => one.here !== one.there).sort((one, other) => one.path.localeCompare(other.path));
}

const mostOpened = 20;

function Differences({ run, other, code, there }: { run: string; other: string; code: Source; there: Source }) {
  const changes = changesOf(code, there);
  const one = changes.filter((change) => !change.here || !change.there);
  const both = changes.filter((change) => change.here && change.there);
  return (
    <>
      <p className="muted">
        {changes.length ? `${count(both.length, "file")} changed${one.length ? `, ${one.length} on one side only` : ""}; − stands for ` : "The code is the same, file by file, as that of "}
        <Link href={`/runs/${other}`} className="text">
          {other}
        </Link>
        {changes.length > 0 && ", + for this run."}
      </p>
      {both.slice(0, mostOpened).map(({ path, here = "", there: digest = "" }) => (
        <OneDifference key={path} run={other} path={path} here={digest} other={run} there={here} />
      ))}
      {both.length > mostOpened && <p className="note">{count(both.length - mostOpened, "file")} more differ.</p>}
      {one.length > 0 && (
        <section className="card" aria-label="On one side only">
          <h2>
            On one side only <span>{one.length}</span>
          </h2>
          <ul className="inside">
            {one.slice(0, 200).map((change) => (
              <li key={change.path}>
                <code>{change.path}</code> <span className={change.here ? "ok" : "bad"}>{change.here ? "only here" : "only there"}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

interface OneProps {
  run: string;
  path: string;
  here: string;
  other: string;
  there: string;
}

function OneDifference({ run, path, here, other, there }: OneProps) {
  const { data, error } = useQuery({
    queryKey: ["against", run, here, other, there],
    queryFn: ({ signal }) =>
      ask("GET /api/v1/runs/{id}/contents/{digest}/against/{other}/{digest_there}", { path: { id: run, digest: here, other, digest_there: there } }, signal),
    staleTime: Infinity,
  });
  return (
    <section className="card" aria-label={path}>
      <h2>
        <code>{path}</code>
        {data?.diff ? <Changes text={data.diff} /> : <span>{data?.summary}</span>}
      </h2>
      {error && <p className="note">{error.message}</p>}
      {data && (data.diff ? <Diff text={data.diff} label={path} /> : <p className="note">{data.summary || "Too large to be shown line by line, or no text."}</p>)}
      {!data && !error && <Skeleton rows={3} />}
    </section>
  );
}
