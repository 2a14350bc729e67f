/** What can be done with one run, from its row. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ask } from "../../api";
import { colours, colourVar } from "../../colour";
import { plain } from "../../format";
import { Dialog } from "../../parts/Dialog";
import { Icon } from "../../parts/Icon";
import { Popover } from "../../parts/Popover";
import type { Routes } from "../../schema";
import { navigate, useView } from "../../url";
import { colourTag, type Row } from "./data";
import { runsDefaults } from "./view";

type Changes = Routes["PATCH /api/v1/runs/{id}"]["body"];

export function useChangeRun(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Changes) => ask("PATCH /api/v1/runs/{id}", { path: { id }, body }),
    onSuccess: () => client.invalidateQueries({ predicate: ({ meta }) => meta?.runs !== undefined }),
  });
}

export function RowMenu({ row }: { row: Row }) {
  const [editing, setEditing] = useState(false);
  return (
    <>
      <Popover label={<Icon name="more" />} title={`${row.name}: actions`} className="quiet" align="right">
        {(close) => <Actions row={row} close={close} edit={() => setEditing(true)} />}
      </Popover>
      {editing && <EditRun id={row.id} onClose={() => setEditing(false)} />}
    </>
  );
}

function Actions({ row, close, edit }: { row: Row; close: () => void; edit: () => void }) {
  const [view, change] = useView(runsDefaults);
  const changing = useChangeRun(row.id);
  const swap = (list: string[]) => (list.includes(row.id) ? list.filter((one) => one !== row.id) : [...list, row.id]);
  const then = (act: () => void) => () => {
    close();
    act();
  };
  return (
    <>
      <button type="button" className="item" onClick={then(() => navigate(`/runs/${row.id}`))}>
        Open
      </button>
      <button type="button" className="item" onClick={then(edit)}>
        Name, tags, notes
      </button>
      <button type="button" className="item" onClick={then(() => change({ pin: swap(view.pin) }))}>
        {view.pin.includes(row.id) ? "Unpin" : "Pin to the top"}
      </button>
      <button type="button" className="item" onClick={then(() => change({ hide: swap(view.hide), sel: view.sel.filter((one) => one !== row.id) }))}>
        Hide
      </button>
      <button type="button" className="item" onClick={then(() => void navigator.clipboard.writeText(row.id))}>
        Copy id <small className="mono">{row.id}</small>
      </button>
      <div className="swatches" role="group" aria-label="Colour">
        {Array.from({ length: colours }, (_, at) => (
          <button
            key={at}
            type="button"
            aria-label={`colour ${at + 1}`}
            aria-pressed={row.colour === at}
            style={{ background: colourVar(at) }}
            onClick={then(() => changing.mutate({ tags: { [colourTag]: String(at + 1) } }))}
          />
        ))}
      </div>
    </>
  );
}

/** Name, notes and tags of a run. */
export function EditRun({ id, onClose }: { id: string; onClose: () => void }) {
  const { data } = useQuery({
    queryKey: ["run", id],
    queryFn: ({ signal }) => ask("GET /api/v1/runs/{id}", { path: { id } }, signal),
    meta: { runs: [id] },
  });
  const changing = useChangeRun(id);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const tags = readTags(String(form.get("tags")));
    const gone = Object.keys(data?.tags ?? {}).filter((name) => !(name in tags));
    const body = { name: String(form.get("name")), notes: String(form.get("notes")), tags: { ...tags, ...Object.fromEntries(gone.map((name) => [name, null])) } };
    changing.mutate(body, { onSuccess: onClose });
  };
  return (
    <Dialog title="Name, tags, notes" onClose={onClose}>
      <h2>Name, tags, notes</h2>
      {data && (
        <form className="edit" onSubmit={submit}>
          <label>
            name
            <input className="field" name="name" defaultValue={data.name ?? ""} />
          </label>
          <label>
            tags, one a line
            <textarea className="field mono" name="tags" rows={4} defaultValue={writeTags(data.tags)} />
          </label>
          <label>
            notes
            <textarea className="field" name="notes" rows={5} defaultValue={data.notes ?? ""} />
          </label>
          {changing.error && <p role="alert">{changing.error.message}</p>}
          <div className="line">
            <button type="submit" className="button first" disabled={changing.isPending}>
              Save
            </button>
            <button type="button" className="button" onClick={onClose}>
              Cancel
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

export function readTags(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line.trim());
  return Object.fromEntries(
    lines.map((line) => {
      const [name = "", ...rest] = line.split("=");
      return [name.trim(), rest.join("=").trim()];
    }),
  );
}

function writeTags(tags: Record<string, unknown>): string {
  return Object.entries(tags)
    .map(([name, value]) => `${name} = ${plain(value)}`)
    .join("\n");
}
