/** Tags and notes: what people say of a run, changed in place. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ask } from "../../api";
import { plain } from "../../format";
import { Icon } from "../../parts/Icon";
import type { Document } from "../../schema";

type Changes = { name?: string; notes?: string; tags?: Record<string, string | null> };

function useChange(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Changes) => ask("PATCH /api/v1/runs/{id}", { path: { id }, body }),
    onSuccess: (run) => {
      client.setQueryData(["run", id], run);
      void client.invalidateQueries({ queryKey: ["table"] });
    },
  });
}

export function Said({ run }: { run: Document }) {
  const { mutate, error, isPending } = useChange(run.id);
  // What begins with our name, or MLflow's, is bookkeeping.
  const tags = Object.entries(run.tags).filter(([name]) => !/^(anew|mlflow)\./.test(name));
  return (
    <section className="card" aria-label="Tags and notes" aria-busy={isPending}>
      <h2>Tags and notes</h2>
      <div className="inside">
        <ul className="tags" aria-label="Tags">
          {tags.map(([name, value]) => (
            <li key={name}>
              <span>
                {name}
                {plain(value) && <b> {plain(value)}</b>}
              </span>
              <button type="button" className="quiet" aria-label={`Remove the tag ${name}`} onClick={() => mutate({ tags: { [name]: null } })}>
                <Icon name="close" size={11} />
              </button>
            </li>
          ))}
          <li className="new">
            <NewTag add={(name, value) => mutate({ tags: { [name]: value } })} />
          </li>
        </ul>
        <Notes key={run.notes ?? ""} notes={run.notes ?? ""} save={(notes) => mutate({ notes })} />
        {error && (
          <p className="bad" role="alert">
            {error.message}
          </p>
        )}
      </div>
    </section>
  );
}

function NewTag({ add }: { add: (name: string, value: string) => void }) {
  const [typed, setTyped] = useState("");
  const enter = (event: FormEvent) => {
    event.preventDefault();
    const [name = "", ...value] = typed.split("=");
    if (!name.trim()) return;
    add(name.trim(), value.join("=").trim());
    setTyped("");
  };
  return (
    <form onSubmit={enter}>
      <input className="field" aria-label="Add a tag: a name, or name=value" placeholder="add name=value" value={typed} onChange={(event) => setTyped(event.target.value)} />
    </form>
  );
}

function Notes({ notes, save }: { notes: string; save: (notes: string) => void }) {
  const [typed, setTyped] = useState<string | null>(null);
  if (typed === null) {
    return (
      <button type="button" className={`notes ${notes ? "" : "muted"}`} onClick={() => setTyped(notes)} title="Change the notes">
        {notes || "Add a note"}
      </button>
    );
  }
  const done = (event: FormEvent) => {
    event.preventDefault();
    setTyped(null);
    if (typed !== notes) save(typed);
  };
  return (
    <form className="inside-form" onSubmit={done}>
      <textarea
        className="field"
        aria-label="Notes"
        autoFocus
        rows={Math.min(12, Math.max(3, typed.split("\n").length + 1))}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") setTyped(null);
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) done(event);
        }}
      />
      <div className="line">
        <button type="submit" className="button small first">
          Keep
        </button>
        <button type="button" className="button small" onClick={() => setTyped(null)}>
          Leave it
        </button>
      </div>
    </form>
  );
}
