import { useMutation } from "@tanstack/react-query";
import { send } from "../../api";
import { bytes } from "../../format";
import { save } from "../../save";
import type { Document, RunFile } from "../../schema";

/** What the run read and wrote. */
export function Files({ run }: { run: Document }) {
  return (
    <div className="column">
      <FileTable title="Wrote" files={run.outputs} run={run.id} />
      <FileTable title="Read" files={run.inputs} />
    </div>
  );
}

function FileTable({ title, files, run }: { title: string; files: RunFile[]; run?: string }) {
  return (
    <section className="card" aria-label={title}>
      <h2>
        {title} <span>{files.length}</span>
      </h2>
      {files.length ? (
        <table className="results left">
          <tbody>
            {files.map((file) => (
              <tr key={file.path}>
                <th scope="row" className="mono">
                  {file.path}
                </th>
                <td>{file.size === undefined ? "" : bytes(file.size)}</td>
                <td className="mono muted" title={file.digest ?? ""}>
                  {file.digest?.slice(0, 12) ?? "not kept"}
                </td>
                <td>{run && file.digest && file.stored !== false && <Download run={run} path={file.path} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p className="note">None.</p>
      )}
    </section>
  );
}

/** Asked for with our token, which a plain link would not send. */
function Download({ run, path }: { run: string; path: string }) {
  const { mutate, isPending, error } = useMutation({
    mutationFn: async () => {
      const answer = await send("GET", `/api/v1/runs/${run}/files/${path.split("/").map(encodeURIComponent).join("/")}`);
      save(path.split("/").at(-1) ?? "file", await answer.blob());
    },
  });
  return (
    <button type="button" className="button small" disabled={isPending} onClick={() => mutate()} title={error?.message}>
      {error ? "failed" : "Save"}
    </button>
  );
}
