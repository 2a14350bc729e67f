/** The registry: every model, and what stands where. */
import { useQuery } from "@tanstack/react-query";
import { ask } from "../../api";
import { count } from "../../format";
import { Ago } from "../../parts/Ago";
import { Command } from "../../parts/Copy";
import { Heads } from "../../parts/Heads";
import { Link } from "../../parts/Link";
import { Empty, Failed, Skeleton } from "../../parts/States";
import { WideTable } from "../../parts/WideTable";
import type { Model } from "../../schema";
import { Aliases, Stage } from "./badges";
import "./models.css";

export default function Models() {
  const { data, error, refetch } = useQuery({
    queryKey: ["models"],
    queryFn: ({ signal }) => ask("GET /api/v1/models", {}, signal),
  });
  if (error) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton rows={6} />;
  if (!data.models.length) return <None />;
  return (
    <div className="models">
      <h1 className="unseen">Models</h1>
      <section className="card" aria-label="Models">
        <h2>
          Models <span>{data.models.length}</span>
        </h2>
        <WideTable label="Models" className="left">
          <Heads names={["model", "in production", "in staging", "aliases", "versions", "changed"]} />
          <tbody>
            {data.models.map((model) => (
              <Row key={model.name} model={model} />
            ))}
          </tbody>
        </WideTable>
      </section>
    </div>
  );
}

function None() {
  return (
    <Empty title="No models yet">
      <p>What MLflow's clients register is here; nothing in a script changes but where it reports to:</p>
      <Command text={`export MLFLOW_TRACKING_URI=${location.origin}`} />
      <pre className="code">{'mlflow.sklearn.log_model(model, name="model", registered_model_name="churn")'}</pre>
    </Empty>
  );
}

function Row({ model }: { model: Model }) {
  const versions = Object.values(model.versions);
  return (
    <tr>
      <th scope="row">
        <Link href={`/models/${encodeURIComponent(model.name)}`} className="text">
          {model.name}
        </Link>
      </th>
      {["Production", "Staging"].map((stage) => (
        <td key={stage}>
          {versions.filter((one) => one.stage === stage).map((one) => (
            <Stage key={one.number} stage={stage} text={`v${one.number}`} />
          ))}
        </td>
      ))}
      <td>
        <Aliases model={model} />
      </td>
      <td>{count(versions.length, "version")}</td>
      <td>
        <Ago time={model.updated} worded />
      </td>
    </tr>
  );
}
