/** The verdict board: which runs have been run anew, with what verdict, by whom and when. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { ask } from "../../api";
import { count } from "../../format";
import { Ago } from "../../parts/Ago";
import { Verdict } from "../../parts/Badge";
import { Command } from "../../parts/Copy";
import { Heads } from "../../parts/Heads";
import { Link } from "../../parts/Link";
import { Empty, Failed, Skeleton } from "../../parts/States";
import { WideTable } from "../../parts/WideTable";
import type { Board as Found } from "../../schema";
import { useView } from "../../url";
import "./reproductions.css";

type Row = Found["verdicts"][number];

const defaults = { project: "", verdict: "" };
const order = ["identical", "equivalent", "diverged", "failed", "not_reproducible"];

export default function Board() {
  const [view, change] = useView(defaults);
  const { data, error, refetch, fetchNextPage, hasNextPage } = useInfiniteQuery({
    queryKey: ["reproductions", view.project],
    queryFn: ({ pageParam, signal }) =>
      ask("GET /api/v1/reproductions", { query: { project: view.project || undefined, before: pageParam } }, signal),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (page) => page.before ?? undefined,
    meta: { runs: "all" },
  });
  if (error) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton rows={10} />;
  const all = data.pages.flatMap((page) => page.verdicts);
  if (!all.length) return <Never />;
  const shown = view.verdict ? all.filter((row) => row.verdict === view.verdict) : all;
  return (
    <div className="board">
      <h1 className="unseen">Reproductions</h1>
      <Tally rows={all} chosen={view.verdict} choose={(verdict) => change({ verdict })} />
      <section className="card" aria-label="Verdicts">
        <WideTable label="Verdicts" className="left verdicts">
          <Heads names={["run", "verdict", "results the same", "because of", "by", "when"]} />
          <tbody>
            {shown.map((row) => (
              <Line key={row.seq} row={row} />
            ))}
          </tbody>
        </WideTable>
        {hasNextPage && (
          <button type="button" className="item" onClick={() => void fetchNextPage()}>
            Show older ones
          </button>
        )}
      </section>
    </div>
  );
}

function Never() {
  return (
    <Empty title="Nothing has been run anew yet">
      <p>Anew puts code, data, environment and randomness of a run back, runs it again, and compares every result:</p>
      <Command text="anew reproduce last" />
    </Empty>
  );
}

/** How many of each verdict; a click shows these alone. */
function Tally({ rows, chosen, choose }: { rows: Row[]; chosen: string; choose: (verdict: string) => void }) {
  return (
    <div className="tally">
      {order.map((verdict) => {
        const many = rows.filter((row) => row.verdict === verdict).length;
        return (
          <button
            key={verdict}
            type="button"
            className="card"
            disabled={!many}
            aria-pressed={chosen === verdict}
            onClick={() => choose(chosen === verdict ? "" : verdict)}
          >
            <b>{many}</b>
            <Verdict verdict={verdict} />
          </button>
        );
      })}
    </div>
  );
}

function Line({ row }: { row: Row }) {
  const causes = row.causes ?? [];
  const reason = causes.length ? causes.map((one) => `${one.factor}: ${one.what}`) : (row.missing ?? []).map((what) => `missing: ${what}`);
  return (
    <tr>
      <th scope="row">
        <Link href={`/reproductions/${row.run}/${row.seq}`} className="text">
          {row.about.name ?? row.run}
        </Link>
        <small className="muted">{row.about.project}</small>
      </th>
      <td>
        <Verdict verdict={row.verdict} />
      </td>
      <td>{row.compared ? `${row.equal} of ${row.compared}` : "–"}</td>
      <td title={reason.join("\n")}>
        {reason[0] ?? <span className="muted">–</span>}
        {reason.length > 1 && <small className="muted"> and {count(reason.length - 1, "more", "more")}</small>}
      </td>
      <td>{row.actor}</td>
      <td>
        <Ago time={row.time} />
      </td>
    </tr>
  );
}
