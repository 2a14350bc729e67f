import { useQuery } from "@tanstack/react-query";
import { ask } from "../../api";
import { Dialog } from "../../parts/Dialog";
import { Diff } from "../../parts/Diff";
import { Icon } from "../../parts/Icon";
import { Skeleton } from "../../parts/States";

/** A file as two runs used it. */
export interface Sides {
  path: string;
  run: string;
  digest: string;
  other: string;
  there: string;
  names: [string, string];
}

/** How a file of the first run differs from that of another, line by line. */
export function CodeDifference({ sides, onClose }: { sides: Sides; onClose: () => void }) {
  const { path, run, digest, other, there, names } = sides;
  const { data, error } = useQuery({
    queryKey: ["difference", digest, there],
    queryFn: ({ signal }) =>
      ask("GET /api/v1/runs/{id}/contents/{digest}/against/{other}/{digest_there}", { path: { id: run, digest, other, digest_there: there } }, signal),
  });
  return (
    <Dialog title={`Difference of ${path}`} onClose={onClose} className="broad">
      <h2 className="line">
        <span className="mono">{path}</span>
        <span className="muted">
          {names[0]} → {names[1]}
        </span>
        <span className="grow" />
        <button type="button" className="quiet" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </h2>
      {error && <p className="note">{error.message}</p>}
      {!data && !error && <Skeleton rows={6} />}
      {data && (data.diff ? <Diff text={data.diff} label={path} /> : <p className="note">No text, or too large to be shown line by line.</p>)}
    </Dialog>
  );
}
