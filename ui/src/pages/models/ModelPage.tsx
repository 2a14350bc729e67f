/** One model: its versions side by side, where each stands, and who moved it there. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "../../api";
import { number } from "../../format";
import { Ago } from "../../parts/Ago";
import { Grade, Verdict } from "../../parts/Badge";
import { Link } from "../../parts/Link";
import { Failed, Skeleton } from "../../parts/States";
import { WideTable } from "../../parts/WideTable";
import type { Document, Model, ModelVersion } from "../../schema";
import { Aliases, Stage } from "./badges";
import { History } from "./History";
import { MoveDialog } from "./MoveDialog";
import "./models.css";

const mostMetrics = 5;
const mostCompared = 50;

export default function ModelPage({ name }: { name: string }) {
  const { data, error, refetch } = useQuery({
    queryKey: ["model", name],
    queryFn: ({ signal }) => ask("GET /api/v1/models/{name}", { path: { name } }, signal),
  });
  if (error) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton rows={8} />;
  return (
    <article className="models">
      <header className="run-title">
        <h1>{data.name}</h1>
        <Aliases model={data} />
        <span className="grow" />
        <span className="muted">
          changed <Ago time={data.updated} worded />
        </span>
      </header>
      {data.description && <p className="notes">{data.description}</p>}
      <Versions model={data} />
      <History name={data.name} changed={data.updated} />
    </article>
  );
}

function Versions({ model }: { model: Model }) {
  const [moving, setMoving] = useState<ModelVersion | null>(null);
  const versions = Object.values(model.versions).sort((one, other) => other.number - one.number);
  const runs = useRuns(versions);
  const metrics = sharedMetrics([...runs.values()]);
  const compared = [...runs.keys()].slice(0, mostCompared);
  return (
    <section className="card" aria-label="Versions">
      <h2>
        Versions <span>{versions.length}</span>
        {compared.length > 1 && (
          <Link href={`/compare?${compared.map((id) => `run=${encodeURIComponent(id)}`).join("&")}`} className="text">
            compare their runs
          </Link>
        )}
      </h2>
      <WideTable label="Versions" className="versions">
        <thead>
          <tr>
            <th scope="col">version</th>
            <th scope="col">stands</th>
            <th scope="col">run</th>
            <th scope="col">verdict</th>
            <th scope="col">grade</th>
            {metrics.map((metric) => (
              <th key={metric} scope="col" className="number">
                {metric}
              </th>
            ))}
            <th scope="col">made</th>
            <th scope="col">
              <span className="unseen">move</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {versions.map((version) => (
            <Row key={version.number} model={model} version={version} run={runs.get(version.run_id)} metrics={metrics} move={() => setMoving(version)} />
          ))}
        </tbody>
      </WideTable>
      {moving && <MoveDialog model={model} version={moving} onClose={() => setMoving(null)} />}
    </section>
  );
}

interface RowProps {
  model: Model;
  version: ModelVersion;
  run: Document | undefined;
  metrics: string[];
  move: () => void;
}

function Row({ model, version, run, metrics, move }: RowProps) {
  return (
    <tr>
      <th scope="row">
        v{version.number} <Aliases model={model} version={version.number} />
      </th>
      <td>
        <Stage stage={version.stage} />
      </td>
      <td>
        {version.run_id ? (
          <Link href={`/runs/${version.run_id}`} className="text">
            {run?.name ?? version.run_id.slice(0, 12)}
          </Link>
        ) : (
          <code title={version.source}>{version.source.slice(0, 40)}</code>
        )}
      </td>
      <td>{run && <Verdict verdict={run.verdict} />}</td>
      <td>{run && <Grade letter={run.grade.letter} />}</td>
      {metrics.map((metric) => {
        const value = run?.metrics[metric];
        return (
          <td key={metric} className="number">
            {typeof value === "number" ? number(value) : "–"}
          </td>
        );
      })}
      <td>
        <Ago time={version.created} worded />
      </td>
      <td className="line">
        <Link href={`/lineage?of=${encodeURIComponent(`model:${model.name}/${version.number}`)}`} className="button small">
          Lineage
        </Link>
        <button type="button" className="button small" onClick={move}>
          Move…
        </button>
      </td>
    </tr>
  );
}

function useRuns(versions: ModelVersion[]): Map<string, Document> {
  const ids = [...new Set(versions.map((one) => one.run_id).filter(Boolean))];
  const found = useQueries({
    queries: ids.map((id) => ({
      queryKey: ["run", id],
      queryFn: ({ signal }: { signal: AbortSignal }) => ask("GET /api/v1/runs/{id}", { path: { id } }, signal),
      meta: { runs: [id] },
      retry: false,
    })),
  });
  return new Map(found.flatMap(({ data }) => (data ? [[data.id, data] as const] : [])));
}

/** The metrics that most of the runs have. */
function sharedMetrics(runs: Document[]): string[] {
  const many = new Map<string, number>();
  for (const run of runs) for (const name of Object.keys(run.metrics)) many.set(name, (many.get(name) ?? 0) + 1);
  return [...many]
    .sort((one, other) => other[1] - one[1])
    .slice(0, mostMetrics)
    .map(([name]) => name);
}
