/** The source as it ran: file by file, against its commit, or against another run. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ask } from "../../api";
import { Content } from "../../content/Content";
import { contentAddress } from "../../content/part";
import { count } from "../../format";
import { Copy } from "../../parts/Copy";
import { Diff } from "../../parts/Diff";
import { SaveButton } from "../../parts/SaveButton";
import { Empty, Failed, Skeleton } from "../../parts/States";
import type { Code as Source, Document } from "../../schema";
import { Against } from "./Against";
import type { PartProps } from "./Run";

export function useCode(id: string) {
  return useQuery({
    queryKey: ["code", id],
    queryFn: ({ signal }) => ask("GET /api/v1/runs/{id}/code", { path: { id } }, signal),
    enabled: id !== "",
    meta: { runs: [id] },
  });
}

const ways = { "": "As it ran", commit: "Against the commit", run: "Against a run" };

export function Code({ run, view, change }: PartProps) {
  const { data, error } = useCode(run.id);
  if (error) return <Failed error={error} />;
  if (!data) return <Skeleton rows={10} />;
  if (!data.files.length) {
    return (
      <Empty title="No code">
        <p>The source of this run was not kept: it was logged from elsewhere, or its code does not lie below its folder.</p>
      </Empty>
    );
  }
  return (
    <>
      <div className="line code-bar">
        <div className="line" role="group" aria-label="Show the code">
          {Object.entries(ways).map(([way, name]) => (
            <button key={way} type="button" className={`button small ${view.diff === way ? "on" : ""}`} aria-pressed={view.diff === way} disabled={way === "commit" && !data.commit} onClick={() => change({ diff: way })}>
              {name}
            </button>
          ))}
        </div>
        <Commit code={data} />
      </div>
      {view.diff === "commit" && <AgainstCommit code={data} />}
      {view.diff === "run" && <Against run={run} code={data} view={view} change={change} />}
      {view.diff === "" && <Files run={run} code={data} view={view} change={change} />}
    </>
  );
}

function Commit({ code }: { code: Source }) {
  if (!code.commit) return <span className="muted">under no version control; the files are kept all the same</span>;
  return (
    <span className="muted commit">
      {code.branch && `${code.branch} at `}
      <code>{code.commit.slice(0, 12)}</code>
      <Copy text={code.commit} what="the commit" />
      {code.dirty ? "and what had not been committed" : "to the letter"}
    </span>
  );
}

function AgainstCommit({ code }: { code: Source }) {
  const pieces = useMemo(() => cutByFile(code.diff), [code.diff]);
  if (!pieces.length) return <p className="note">{code.dirty ? "The difference was not kept, or is too large to be shown." : "It ran as it had been committed."}</p>;
  return (
    <div className="column">
      {pieces.map(({ path, text }) => (
        <section key={path} className="card" aria-label={path}>
          <h2>
            <code>{path}</code>
            <Changes text={text} />
          </h2>
          <Diff text={text} label={path} />
        </section>
      ))}
    </div>
  );
}

export function Changes({ text }: { text: string }) {
  const [added, removed] = ["+", "-"].map((sign) => text.split("\n").filter((line) => line.startsWith(sign) && !/^(---|\+\+\+) /.test(line)).length);
  return (
    <span>
      <span className="ok">+{added}</span> <span className="bad">−{removed}</span>
    </span>
  );
}

/** Git's difference as one piece for each file, without what git says above it. */
export function cutByFile(diff: string): { path: string; text: string }[] {
  return diff
    .split(/^(?=diff --git )/m)
    .filter((text) => text.startsWith("diff --git "))
    .map((text) => {
      const head = /^diff --git (?:"?a\/.*?"?) "?b\/(.*?)"?$/m.exec(text);
      const start = text.search(/^@@/m);
      const said = start < 0 ? text.split("\n").slice(1).join("\n") : text.slice(start);
      return { path: head?.[1] ?? "file", text: said.trimEnd() };
    });
}

type SourceFile = Source["files"][number];

/** The entry script first, then what else ran, then what only lay there. */
export function ordered(code: Source): SourceFile[] {
  const rank = (file: SourceFile) => (file.path === code.script ? 0 : file.used ? 1 : 2);
  return code.files.toSorted((one, other) => rank(one) - rank(other) || one.path.localeCompare(other.path));
}

function Files({ run, code, view, change }: PartProps & { code: Source }) {
  const files = useMemo(() => ordered(code), [code]);
  const shown = files.filter(({ path }) => path.toLowerCase().includes(view.find.toLowerCase()));
  const open = files.find(({ path }) => path === view.file) ?? files[0];
  const used = files.filter((file) => file.used).length;
  return (
    <div className="beside">
      <section className="card" aria-label="Files">
        <h2 className="line">
          <input className="field" type="search" placeholder={`Find among ${files.length}`} aria-label="Find a file" value={view.find} onChange={(event) => change({ find: event.target.value }, "replace")} />
        </h2>
        <ul className="file-list">
          {shown.slice(0, mostListed).map((file) => (
            <li key={file.path}>
              <button type="button" className={`item ${file.used ? "" : "muted"}`} aria-current={file === open} onClick={() => change({ file: file.path })}>
                <code>{file.path}</code>
                {file.path === code.script ? <small>entry</small> : file.used ? <small>ran</small> : null}
              </button>
            </li>
          ))}
        </ul>
        <p className="aside">
          {used} of {count(files.length, "file")} ran{shown.length > mostListed && `; ${count(shown.length - mostListed, "file")} more, find them by name`}
        </p>
      </section>
      {open && <OneFile run={run} file={open} />}
    </div>
  );
}

const mostListed = 400;

function OneFile({ run, file }: { run: Document; file: SourceFile }) {
  return (
    <section className="card" aria-label={file.path}>
      <h2>
        <code className="path">{file.path}</code>
        <span className="line">
          <code title={file.digest}>{file.digest.slice(0, 12)}</code>
          <SaveButton address={contentAddress(run.id, file.digest)} name={file.path.split("/").at(-1) ?? "file"} />
        </span>
      </h2>
      <Content key={file.digest} run={run.id} source file={{ path: file.path, digest: file.digest, type: "text/plain" }} />
    </section>
  );
}
