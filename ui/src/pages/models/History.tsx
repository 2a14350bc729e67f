/** What the ledger says of a model. */
import { useQuery } from "@tanstack/react-query";
import { ask } from "../../api";
import { plain } from "../../format";
import { Ago } from "../../parts/Ago";
import { Skeleton } from "../../parts/States";
import type { LedgerEntry } from "../../schema";

export function History({ name, changed }: { name: string; changed: number }) {
  const { data, error } = useQuery({
    queryKey: ["model history", name, changed],
    queryFn: ({ signal }) => ask("GET /api/v1/models/{name}/history", { path: { name } }, signal),
  });
  return (
    <section className="card" aria-label="History">
      <h2>
        What was done <span>from the ledger</span>
      </h2>
      {error && <p className="note bad">{error.message}</p>}
      {!data && !error && <Skeleton rows={4} />}
      <ol className="history">
        {data?.entries.map((entry) => (
          <li key={entry.seq}>
            <span>{saidOf(entry)}</span>
            <span className="muted">{entry.actor}</span>
            <Ago time={entry.time} worded />
            <code className="muted" title={`entry ${entry.seq}, ${entry.hash}`}>
              {entry.hash.slice(0, 10)}
            </code>
          </li>
        ))}
      </ol>
    </section>
  );
}

function saidOf({ body }: LedgerEntry): string {
  const version = body.version === undefined ? "" : `v${plain(body.version)}`;
  const [before, after] = [plain(body.before), plain(body.after)];
  switch (body.action) {
    case "create":
      return "the model was created";
    case "rename":
      return `renamed from ${before} to ${after}`;
    case "version":
      return `${version} was made`;
    case "stage":
      return `${version} moved from ${stage(before)} to ${stage(after)}${archived(body.archived)}`;
    case "alias":
      return after ? `@${plain(body.alias)} now stands for v${after}${before && ` (was v${before})`}` : `@${plain(body.alias)} was removed from v${before}`;
    case "tag":
      return `${version || "the model"}: tag ${plain(body.key)} ${after ? `is ${after}` : "was removed"}`;
    case "describe":
      return `${version || "the model"} was described`;
    case "delete":
      return `${version || "the model"} was deleted`;
    default:
      return plain(body.action);
  }
}

function stage(name: string): string {
  return name === "None" ? "no stage" : name.toLowerCase();
}

function archived(versions: unknown): string {
  return Array.isArray(versions) && versions.length ? `; ${versions.map((one) => `v${plain(one)}`).join(", ")} archived` : "";
}
