/** A dataset: its versions, what each says of itself, which runs read it, and how two of them differ. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { ask } from "../../api";
import { bytes, count } from "../../format";
import { Ago } from "../../parts/Ago";
import { Status, Verdict } from "../../parts/Badge";
import { Facts } from "../../parts/Facts";
import { Heads } from "../../parts/Heads";
import { Link } from "../../parts/Link";
import { Failed, Skeleton } from "../../parts/States";
import { WideTable } from "../../parts/WideTable";
import type { DatasetVersion } from "../../schema";
import { VersionDifference } from "./VersionDifference";

interface Props {
  name: string;
  /** Numbers of versions as the address has them, empty for those that are shown first. */
  before: string;
  after: string;
  compare: (before: string, after: string) => void;
}

export function Dataset({ name, before, after, compare }: Props) {
  const { data, error, refetch } = useQuery({
    queryKey: ["dataset", name],
    queryFn: ({ signal }) => ask("GET /api/v1/datasets/{name}", { path: { name } }, signal),
    meta: { runs: "survey" },
    placeholderData: keepPreviousData,
  });
  if (error) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton rows={8} />;
  const { versions } = data;
  const newer = versions.find((one) => String(one.number) === after) ?? versions[0];
  const older = versions.find((one) => String(one.number) === before) ?? versions.find((one) => one.number < (newer?.number ?? 0)) ?? versions.find((one) => one !== newer);
  return (
    <div className="column">
      <section className="card" aria-label={`Versions of ${data.name}`}>
        <h2>
          <span className="path">{data.name}</span>
          <span>{count(versions.length, "version")}</span>
        </h2>
        <WideTable label="Versions" className="left low">
          <Heads names={["version", "files", "size", "made", "message", "read by", ...(versions.length > 1 ? ["compare"] : [])]} />
          <tbody>
            {versions.map((one) => (
              <Row key={one.number} version={one}>
                {versions.length > 1 && (
                  <td>
                    <label>
                      <input type="radio" name="before" checked={one === older} onChange={() => compare(String(one.number), String(newer?.number ?? ""))} aria-label={`v${one.number} as the old one`} /> old
                    </label>{" "}
                    <label>
                      <input type="radio" name="after" checked={one === newer} onChange={() => compare(String(older?.number ?? ""), String(one.number))} aria-label={`v${one.number} as the new one`} /> new
                    </label>
                  </td>
                )}
              </Row>
            ))}
          </tbody>
        </WideTable>
      </section>
      {older && newer && older !== newer && <VersionDifference name={data.name} before={older.number} after={newer.number} />}
      {newer && <Contents version={newer} />}
      {newer && <Readers version={newer} />}
    </div>
  );
}

function Row({ version, children }: { version: DatasetVersion; children: React.ReactNode }) {
  return (
    <tr>
      <th scope="row">
        <span className="line">
          v{version.number}
          <code className="muted" title={version.digest}>
            {version.digest.slice(0, 12)}
          </code>
          {version.aliases.map((alias) => (
            <span key={alias} className="badge near">
              @{alias}
            </span>
          ))}
        </span>
      </th>
      <td>{version.files.toLocaleString("en")}</td>
      <td>{bytes(version.size)}</td>
      <td>
        <Ago time={version.created} worded /> <span className="muted">by {version.actor}</span>
        {version.run_id && (
          <>
            {" "}
            <Link href={`/runs/${version.run_id}`} className="text">
              in a run
            </Link>
          </>
        )}
      </td>
      <td className="wraps">{version.message || <span className="muted">–</span>}</td>
      <td>{version.runs.length ? count(version.runs.length, "run") : <span className="muted">–</span>}</td>
      {children}
    </tr>
  );
}

/** What a version says of itself: tables with their columns, classes of pictures. */
function Contents({ version }: { version: DatasetVersion }) {
  const { tables = {}, classes = {}, unread = {} } = version.facts;
  const most = Math.max(...Object.values(classes), 1);
  return (
    <section className="card" aria-label={`What v${version.number} holds`}>
      <h2>
        What v{version.number} holds <span>{count(version.files, "file")}</span>
      </h2>
      <Facts
        rows={[
          ["added from", <code key="path">{version.path || "."}</code>],
          ...Object.entries(tables).map(([path, { columns, rows }]): [string, React.ReactNode] => [
            path,
            <span key={path}>
              {rows === null ? "rows not counted" : count(rows, "row")}, {count(Object.keys(columns).length, "column")}:{" "}
              {Object.entries(columns).map(([name, type], at) => (
                <span key={name}>
                  {at > 0 && ", "}
                  <code>{name}</code> <span className="muted">{type}</span>
                </span>
              ))}
            </span>,
          ]),
          ...Object.entries(unread).map(([path, why]): [string, React.ReactNode] => [path, <span key={path} className="muted">not read as a table: {why}</span>]),
        ]}
      />
      {Object.keys(classes).length > 0 && (
        <table className="classes" aria-label="Pictures by class">
          <tbody>
            {Object.entries(classes).map(([name, many]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{many.toLocaleString("en")}</td>
                <td aria-hidden="true">
                  <i style={{ width: `${(100 * many) / most}%` }} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Readers({ version }: { version: DatasetVersion }) {
  return (
    <section className="card" aria-label={`Runs that read v${version.number}`}>
      <h2>
        v{version.number} was read by{" "}
        <span>
          {count(version.runs.length, "run")}
          {version.runs.length > 0 && (
            <>
              {" · "}
              <Link href={`/lineage?of=data:${version.digest}`} className="text">
                lineage
              </Link>
            </>
          )}
        </span>
      </h2>
      {version.runs.length === 0 ? (
        <p className="note">None yet: a run that reads its files is linked to it by itself.</p>
      ) : (
        <WideTable label="Runs" className="left">
          <Heads names={["run", "verdict", "started"]} />
          <tbody>
            {version.runs.map((run) => (
              <tr key={run.id}>
                <th scope="row">
                  <Status status={run.status} />{" "}
                  <Link href={`/runs/${run.id}`} className="text">
                    {run.name ?? run.id.slice(0, 12)}
                  </Link>
                </th>
                <td>
                  <Verdict verdict={run.verdict} />
                </td>
                <td>
                  <Ago time={run.created} worded />
                </td>
              </tr>
            ))}
          </tbody>
        </WideTable>
      )}
    </section>
  );
}
