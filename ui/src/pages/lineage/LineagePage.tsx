/** What something was made from, and what was made of it: data, runs, models, predictions. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { ask } from "../../api";
import { bytes, count, plain } from "../../format";
import { Ago } from "../../parts/Ago";
import { Grade, Verdict } from "../../parts/Badge";
import { Copy } from "../../parts/Copy";
import { Link } from "../../parts/Link";
import { Empty, Failed, Skeleton } from "../../parts/States";
import { useView } from "../../url";
import { Graph } from "./Graph";
import "./lineage.css";
import type { LineageNode } from "./layout";

const defaults = { of: "", at: "" };

export default function LineagePage() {
  const [view, change] = useView(defaults);
  const of = view.of || undefined;
  const { data, error, refetch } = useQuery({
    queryKey: ["lineage", of],
    queryFn: ({ signal }) => ask("GET /api/v1/lineage", { query: { of } }, signal),
    enabled: of !== undefined,
    placeholderData: keepPreviousData,
  });
  if (!of) return <Where />;
  if (error) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton rows={8} />;
  const chosen = data.nodes.find((node) => node.id === view.at) ?? data.nodes.find((node) => node.id === data.start);
  return (
    <div className="lineage">
      <h1 className="unseen">Lineage</h1>
      <Graph lineage={data} chosen={chosen?.id ?? ""} choose={(at) => change({ at }, "replace")} />
      {data.cut && <p className="muted">There is more than is shown: start from another part to see it.</p>}
      {chosen && <Facts node={chosen} from={data.edges.filter((edge) => edge.to === chosen.id).length} to={data.edges.filter((edge) => edge.from === chosen.id).length} />}
    </div>
  );
}

function Where() {
  return (
    <Empty title="Lineage of what?">
      <p>Open it from a run, from a version of a model, or from a file on the data page. Nothing has to be declared: files are known by their content.</p>
      <div className="line">
        <Link href="/runs" className="button">
          Runs
        </Link>
        <Link href="/data" className="button">
          Data
        </Link>
      </div>
    </Empty>
  );
}

function Facts({ node, from, to }: { node: LineageNode; from: number; to: number }) {
  const { about } = node;
  return (
    <section className="card" aria-label="What is chosen">
      <h2>
        <span className="chosen-name">{node.name}</span>
        <span>
          {count(from, "origin")}, {count(to, "result")}
        </span>
      </h2>
      <div className="inside line">
        {node.kind === "run" && (
          <>
            <Verdict verdict={plain(about.verdict) || null} />
            <Grade letter={plain(about.grade)} />
            {typeof about.created === "number" && <Ago time={about.created} worded />}
            <Link href={`/runs/${node.id.slice(4)}`} className="button small">
              Open the run
            </Link>
          </>
        )}
        {node.kind === "data" && (
          <>
            <code>{plain(about.path)}</code>
            {typeof about.size === "number" && <span>{bytes(about.size)}</span>}
            <code className="muted">{plain(about.digest)}</code>
            <Copy text={plain(about.digest)} what="the digest" />
            {typeof about.dataset === "string" && (
              <Link href={`/data?dataset=${encodeURIComponent(about.dataset)}&after=${plain(about.version)}`} className="button small">
                Open the version
              </Link>
            )}
          </>
        )}
        {node.kind === "model" && (
          <Link href={`/models/${encodeURIComponent(plain(about.model))}`} className="button small">
            Open the model
          </Link>
        )}
        <span className="grow" />
        {node.kind !== "more" && (
          <Link href={`/lineage?of=${encodeURIComponent(node.id)}`} className="button small">
            Start from here
          </Link>
        )}
      </div>
    </section>
  );
}
