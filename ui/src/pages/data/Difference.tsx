import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ask } from "../../api";
import { parseCsv } from "../../content/kinds";
import { shownBytes, usePart } from "../../content/part";
import { bytes, count } from "../../format";
import { Diff } from "../../parts/Diff";
import { Skeleton } from "../../parts/States";
import type { DataVersion } from "../../schema";
import { changesBetween } from "./rows";

/** How one content differs from another. */
export function Difference({ path, old, fresh }: { path: string; old: DataVersion; fresh: DataVersion }) {
  const { data, error } = useQuery({
    queryKey: ["difference", old.digest, fresh.digest],
    queryFn: ({ signal }) =>
      ask(
        "GET /api/v1/runs/{id}/contents/{digest}/against/{other}/{digest_there}",
        { path: { id: old.run, digest: old.digest, other: fresh.run, digest_there: fresh.digest } },
        signal,
      ),
  });
  return (
    <section className="card" aria-label="Difference">
      <h2>
        {old.digest.slice(0, 12)} → {fresh.digest.slice(0, 12)} <span>{data?.summary}</span>
      </h2>
      {error && <p className="note">{error.message}</p>}
      {!data && !error && <Skeleton rows={4} />}
      {/\.[ct]sv$/i.test(path) && <TableChanges old={old} fresh={fresh} />}
      {data && (data.diff ? <Diff text={data.diff} label={path} /> : <p className="note">No text, or too large to be shown line by line.</p>)}
    </section>
  );
}

/** What became of the rows and columns of a table. */
function TableChanges({ old, fresh }: { old: DataVersion; fresh: DataVersion }) {
  const [before, after] = [usePart(old.run, old.digest, shownBytes).data, usePart(fresh.run, fresh.digest, shownBytes).data];
  const change = useMemo(() => {
    if (!before || !after) return null;
    const [one, other] = [before, after].map((part) => parseCsv(new TextDecoder().decode(part.bytes), part.bytes.length < part.size));
    return one && other ? changesBetween(one, other) : null;
  }, [before, after]);
  if (!before || !after || !change) return null;
  const { rows, added, removed, changes, key } = change;
  const cut = before.bytes.length < before.size || after.bytes.length < after.size;
  return (
    <dl className="facts table-changes" aria-label="Rows and columns">
      <dt>rows</dt>
      <dd>
        <span className="ok">+{rows.added.toLocaleString("en")}</span> <span className="bad">−{rows.removed.toLocaleString("en")}</span>
        {rows.changed > 0 && `, ${rows.changed.toLocaleString("en")} changed`}, {rows.same.toLocaleString("en")} the same
        <span className="muted">
          {" "}
          {key === null ? "as wholes" : `by ${key}`}
          {cut && `, of the first ${bytes(shownBytes)}`}
        </span>
      </dd>
      {[...added.map((name) => [name, "added", "ok"]), ...removed.map((name) => [name, "removed", "bad"])].map(([name, word, tone]) => (
        <Column key={name} name={name ?? ""} word={word ?? ""} tone={tone ?? ""} />
      ))}
      {changes.map(([name, many]) => (
        <Column key={name} name={name} word={`changed in ${count(many, "row")}`} tone="" />
      ))}
    </dl>
  );
}

/** What became of one column of a table. */
export function Column({ name, word, tone }: { name: string; word: string; tone: string }) {
  return (
    <>
      <dt>column</dt>
      <dd>
        <code>{name}</code> <span className={tone}>{word}</span>
      </dd>
    </>
  );
}
