/** Datasets with their versions; and what the runs read and wrote, by path, each content of it a version. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ask } from "../../api";
import { bytes, count } from "../../format";
import { Ago } from "../../parts/Ago";
import { Command } from "../../parts/Copy";
import { Heads } from "../../parts/Heads";
import { Link } from "../../parts/Link";
import { Empty, Failed, Skeleton } from "../../parts/States";
import { WideTable } from "../../parts/WideTable";
import type { Data as Found, Datasets, DataVersion } from "../../schema";
import { useView } from "../../url";
import { Dataset } from "./Dataset";
import { Difference } from "./Difference";
import "./data.css";

type Item = Found["data"][number];

const defaults = { project: "", find: "", path: "", old: "", new: "", dataset: "", before: "", after: "" };

export default function Data() {
  const [view, change] = useView(defaults);
  const { data, error, refetch } = useQuery({
    queryKey: ["data", view.project],
    queryFn: ({ signal }) => ask("GET /api/v1/data", { query: { project: view.project || undefined } }, signal),
    meta: { runs: "survey" },
  });
  const datasets = useQuery({
    queryKey: ["datasets"],
    queryFn: ({ signal }) => ask("GET /api/v1/datasets", {}, signal),
    meta: { runs: "survey" },
  });
  const shown = useMemo(() => data?.data.filter(({ path }) => path.toLowerCase().includes(view.find.toLowerCase())) ?? [], [data, view.find]);
  if (error ?? datasets.error) return <Failed error={error ?? datasets.error} retry={() => void refetch().then(() => datasets.refetch())} />;
  if (!data || !datasets.data) return <Skeleton rows={10} />;
  const named = datasets.data.datasets;
  if (!data.data.length && !named.length && !view.dataset) return <None />;
  const dataset = view.dataset || (view.path || view.find ? "" : (named[0]?.name ?? ""));
  const open = dataset ? undefined : (data.data.find(({ path }) => path === view.path) ?? shown[0]);
  return (
    <div className="data">
      <h1 className="unseen">Data</h1>
      <div className="choice">
        {named.length > 0 && <Named datasets={named} current={dataset} choose={(name) => change({ dataset: name, before: "", after: "", path: "", old: "", new: "" })} />}
        {data.data.length > 0 && <Paths shown={shown} find={view.find} open={open} look={(find) => change({ find }, "replace")} choose={(path) => change({ path, old: "", new: "", dataset: "", before: "", after: "" })} />}
      </div>
      {dataset && <Dataset key={dataset} name={dataset} before={view.before} after={view.after} compare={(before, after) => change({ dataset, before, after }, "replace")} />}
      {open && <Versions item={open} old={view.old} fresh={view.new} compare={(old, fresh) => change({ path: open.path, old, new: fresh }, "replace")} />}
    </div>
  );
}

type NamedDataset = Datasets["datasets"][number];

function Named({ datasets, current, choose }: { datasets: NamedDataset[]; current: string; choose: (name: string) => void }) {
  return (
    <section className="card" aria-label="Datasets">
      <h2>
        Datasets <span>{datasets.length.toLocaleString("en")}</span>
      </h2>
      <ul className="paths">
        {datasets.map(({ name, versions, size }) => (
          <li key={name}>
            <button type="button" className="item" aria-current={name === current} onClick={() => choose(name)}>
              <span>{name}</span>
              <small>
                {count(versions, "version")}, {bytes(size)}
              </small>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

interface PathsProps {
  shown: Item[];
  find: string;
  open: Item | undefined;
  look: (find: string) => void;
  choose: (path: string) => void;
}

/** Every file that runs read or wrote, whether it is of a dataset or not. */
function Paths({ shown, find, open, look, choose }: PathsProps) {
  return (
    <section className="card" aria-label="Paths">
      <h2 className="line">
        <input className="field" type="search" placeholder="find a path" aria-label="Find a path" value={find} onChange={(event) => look(event.target.value)} />
        <span>{count(shown.length, "path")}</span>
      </h2>
      <ul className="paths">
        {shown.map((item) => (
          <li key={item.path}>
            <button type="button" className="item" aria-current={item === open} onClick={() => choose(item.path)}>
              <span className="mono">{item.path}</span>
              <small>{count(item.versions.length, "version")}</small>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function None() {
  return (
    <Empty title="No data yet">
      <p>Every file that a run below the project reads or writes is kept by its content. Nothing has to be declared:</p>
      <Command text="anew run train.py" />
    </Empty>
  );
}

interface VersionsProps {
  item: Item;
  old: string;
  fresh: string;
  compare: (old: string, fresh: string) => void;
}

function Versions({ item, old, fresh, compare }: VersionsProps) {
  const { versions } = item;
  const newer = versions.find((one) => one.digest === fresh) ?? versions[0];
  const older = versions.find((one) => one.digest === old) ?? versions.find((one) => one !== newer);
  return (
    <div className="column">
      <section className="card" aria-label={`Versions of ${item.path}`}>
        <h2>
          <span className="mono path">{item.path}</span>
          <span>{count(versions.length, "version")}</span>
        </h2>
        <WideTable label="Versions" className="left low">
          <Heads names={["content", "size", "read by", "written by", "last used", "compare"]} unseen="lineage" />
          <tbody>
            {versions.map((one) => (
              <Version key={one.digest} version={one} old={one === older} fresh={one === newer} alone={versions.length < 2} compare={(a, b) => compare(a ? one.digest : (older?.digest ?? ""), b ? one.digest : (newer?.digest ?? ""))} />
            ))}
          </tbody>
        </WideTable>
      </section>
      {older && newer && older !== newer && <Difference path={item.path} old={older} fresh={newer} />}
    </div>
  );
}

interface VersionProps {
  version: DataVersion;
  old: boolean;
  fresh: boolean;
  alone: boolean;
  compare: (asOld: boolean, asFresh: boolean) => void;
}

function Version({ version, old, fresh, alone, compare }: VersionProps) {
  const short = version.digest.slice(0, 12);
  return (
    <tr>
      <th scope="row" className="mono" title={version.digest}>
        {short}
      </th>
      <td>{version.size === null ? "–" : bytes(version.size)}</td>
      <td>{version.read ? count(version.read, "run") : "–"}</td>
      <td>{version.wrote ? count(version.wrote, "run") : "–"}</td>
      <td>
        <Ago time={version.last} worded />
      </td>
      <td>
        {!alone && (
          <>
            <label>
              <input type="radio" name="old" checked={old} onChange={() => compare(true, false)} aria-label={`${short} as the old one`} /> old
            </label>{" "}
            <label>
              <input type="radio" name="new" checked={fresh} onChange={() => compare(false, true)} aria-label={`${short} as the new one`} /> new
            </label>
          </>
        )}
      </td>
      <td>
        <Link href={`/lineage?of=data:${version.digest}`} className="button small">
          Lineage
        </Link>
      </td>
    </tr>
  );
}
