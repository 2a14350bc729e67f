/** What the runs read and wrote, by path: each content a version, each two of them comparable. */
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
import type { Data as Found, DataVersion } from "../../schema";
import { useView } from "../../url";
import { Difference } from "./Difference";
import "./data.css";

type Item = Found["data"][number];

const defaults = { project: "", find: "", path: "", old: "", new: "" };

export default function Data() {
  const [view, change] = useView(defaults);
  const { data, error, refetch } = useQuery({
    queryKey: ["data", view.project],
    queryFn: ({ signal }) => ask("GET /api/v1/data", { query: { project: view.project || undefined } }, signal),
    meta: { runs: "survey" },
  });
  const shown = useMemo(() => data?.data.filter(({ path }) => path.toLowerCase().includes(view.find.toLowerCase())) ?? [], [data, view.find]);
  if (error) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton rows={10} />;
  if (!data.data.length) return <None />;
  const open = data.data.find(({ path }) => path === view.path) ?? shown[0];
  return (
    <div className="data">
      <h1 className="unseen">Data</h1>
      <section className="card" aria-label="Paths">
        <h2 className="line">
          <input
            className="field"
            type="search"
            placeholder="find a path"
            aria-label="Find a path"
            value={view.find}
            onChange={(event) => change({ find: event.target.value }, "replace")}
          />
          <span>{count(shown.length, "path")}</span>
        </h2>
        <ul className="paths">
          {shown.map((item) => (
            <li key={item.path}>
              <button type="button" className="item" aria-current={item === open} onClick={() => change({ path: item.path, old: "", new: "" })}>
                <span className="mono">{item.path}</span>
                <small>{count(item.versions.length, "version")}</small>
              </button>
            </li>
          ))}
        </ul>
      </section>
      {open && <Versions item={open} old={view.old} fresh={view.new} compare={(old, fresh) => change({ path: open.path, old, new: fresh }, "replace")} />}
    </div>
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
        <WideTable label="Versions" className="left">
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
