/** What the run read and wrote: each with its digest, its other versions, and what it looks like. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ask } from "../../api";
import { Content } from "../../content/Content";
import { contentAddress } from "../../content/part";
import { bytes, plain } from "../../format";
import { Copy } from "../../parts/Copy";
import { Heads } from "../../parts/Heads";
import { Link } from "../../parts/Link";
import { SaveButton } from "../../parts/SaveButton";
import { Empty } from "../../parts/States";
import { WideTable } from "../../parts/WideTable";
import type { DataVersion, Document, RunFile } from "../../schema";
import type { PartProps } from "./Run";

type Versions = Map<string, DataVersion[]>;

export function Data({ run, view, change }: PartProps) {
  const versions = useVersions(run.project ?? "");
  const all = [...run.outputs.map((file) => ({ side: "wrote", file })), ...run.inputs.map((file) => ({ side: "read", file }))];
  if (!all.length && !run.datasets.length) {
    return (
      <Empty title="No data">
        <p>This run read and wrote no files that we know of. Under anew run every file is found by itself.</p>
      </Empty>
    );
  }
  const open = all.find(({ side, file }) => view.file === `${side}:${file.path}`) ?? all.find(({ file }) => isKept(file));
  const table = (side: string, title: string, files: RunFile[]) => (
    <FileTable title={title} files={files} open={open?.side === side ? open.file : undefined} versions={versions} choose={(path) => change({ file: `${side}:${path}` })} />
  );
  return (
    <div className="beside half">
      <div className="column">
        {table("wrote", "Wrote", run.outputs)}
        {table("read", "Read", run.inputs)}
        {run.datasets.length > 0 && <Datasets run={run} />}
      </div>
      {open && <OneFile run={run.id} file={open.file} versions={versions.get(open.file.path) ?? []} />}
    </div>
  );
}

function isKept(file: RunFile): file is RunFile & { digest: string } {
  return Boolean(file.digest) && file.stored !== false;
}

/** The versions of every path in this project: a content is a version of its path. */
function useVersions(project: string): Versions {
  const { data } = useQuery({
    queryKey: ["data", project],
    queryFn: ({ signal }) => ask("GET /api/v1/data", { query: { project: project || undefined } }, signal),
    meta: { runs: "survey" },
    staleTime: 60_000,
  });
  return useMemo(() => new Map(data?.data.map(({ path, versions }) => [path, versions])), [data]);
}

/** Which of the versions of its path a content is, the first that was seen being 1. */
export function versionOf(versions: DataVersion[], digest: string): number {
  return versions.toSorted((one, other) => one.first - other.first).findIndex((one) => one.digest === digest) + 1;
}

interface TableProps {
  title: string;
  files: RunFile[];
  open: RunFile | undefined;
  versions: Versions;
  choose: (path: string) => void;
}

const mostListed = 500;

function FileTable({ title, files, open, versions, choose }: TableProps) {
  return (
    <section className="card" aria-label={title}>
      <h2>
        {title} <span>{files.length.toLocaleString("en")}</span>
      </h2>
      {files.length ? (
        <WideTable label={title} className="left files">
          <Heads names={["path", "role", "size", "content"]} />
          <tbody>
            {files.slice(0, mostListed).map((file) => (
              <tr key={file.path} className={file === open ? "open" : ""}>
                <th scope="row">
                  <button type="button" className="file" aria-current={file === open} disabled={!isKept(file)} onClick={() => choose(file.path)}>
                    {file.path}
                  </button>
                </th>
                <td>{file.role ?? file.type ?? "file"}</td>
                <td>{file.size === undefined ? "" : bytes(file.size)}</td>
                <td>
                  <Digest file={file} versions={versions.get(file.path) ?? []} />
                </td>
              </tr>
            ))}
          </tbody>
        </WideTable>
      ) : (
        <p className="note">Nothing.</p>
      )}
      {files.length > mostListed && <p className="aside">and {(files.length - mostListed).toLocaleString("en")} more</p>}
    </section>
  );
}

function Digest({ file, versions }: { file: RunFile; versions: DataVersion[] }) {
  if (!file.digest) return <span className="muted">{file.type === "removed" ? "removed" : "not kept"}</span>;
  const version = versions.length > 1 ? versionOf(versions, file.digest) : 0;
  return (
    <>
      <code title={file.digest}>{file.digest.slice(0, 10)}</code>
      {version > 0 && <small className="muted"> v{version}</small>}
      {file.stored === false && <small className="muted"> not kept</small>}
    </>
  );
}

function OneFile({ run, file, versions }: { run: string; file: RunFile; versions: DataVersion[] }) {
  const digest = file.digest ?? "";
  const version = versionOf(versions, digest);
  return (
    <section className="card preview" aria-label={file.path}>
      <h2>
        <code className="path">{file.path}</code>
        <SaveButton address={contentAddress(run, digest)} name={file.path.split("/").at(-1) ?? "file"} />
      </h2>
      <div className="inside about">
        <span>{bytes(file.size ?? 0)}</span>
        <span className="line">
          <code title={digest}>{digest.slice(0, 16)}</code>
          <Copy text={digest} what="the digest" />
        </span>
        <Link href={`/data?path=${encodeURIComponent(file.path)}`} className="text">
          {versions.length > 1 && version ? `version ${version} of ${versions.length}` : "its versions"}
        </Link>
        <Link href={`/lineage?of=data:${digest}`} className="text">
          its lineage
        </Link>
      </div>
      {isKept(file) ? <Content key={digest} run={run} file={file} /> : <p className="note">Known by its digest alone: the content was not kept.</p>}
    </section>
  );
}

/** What the script itself said it read. */
function Datasets({ run }: { run: Document }) {
  return (
    <section className="card" aria-label="Datasets">
      <h2>
        Named by the script <span>{run.datasets.length}</span>
      </h2>
      <WideTable label="Datasets" className="left">
        <Heads names={["name", "context", "digest", "source"]} />
        <tbody>
          {run.datasets.map((one, at) => (
            <tr key={at}>
              <th scope="row">{plain(one.name)}</th>
              <td>{plain(one.context)}</td>
              <td className="mono">{plain(one.digest)}</td>
              <td className="mono">{plain(one.source).slice(0, 200)}</td>
            </tr>
          ))}
        </tbody>
      </WideTable>
    </section>
  );
}
