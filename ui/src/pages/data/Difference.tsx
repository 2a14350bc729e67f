import { useQuery } from "@tanstack/react-query";
import { ask } from "../../api";
import { Diff } from "../../parts/Diff";
import { Skeleton } from "../../parts/States";
import type { DataVersion } from "../../schema";

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
      {data && (data.diff ? <Diff text={data.diff} label={path} /> : <p className="note">No text, or too large to be shown line by line.</p>)}
    </section>
  );
}
