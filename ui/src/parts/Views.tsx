/** Views of a page under a name, kept on the server for everybody. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ask } from "../api";
import { moment } from "../format";
import type { Views as Found } from "../schema";
import { navigate } from "../url";
import { Icon } from "./Icon";
import { Popover } from "./Popover";

const key = ["views"];

/** The saved views of the page whose path is `path`, and a way to save the present one. */
export function Views({ path }: { path: string }) {
  return (
    <Popover label="Views" title="Saved views" align="right">
      {(close) => <Listed path={path} close={close} />}
    </Popover>
  );
}

function Listed({ path, close }: { path: string; close: () => void }) {
  const { data, error } = useQuery({ queryKey: key, queryFn: ({ signal }) => ask("GET /api/v1/views", {}, signal) });
  const own = data?.views.filter(({ address }) => address === path || address.startsWith(`${path}?`)) ?? [];
  return (
    <div className="views">
      {error && <p className="note">{error.message}</p>}
      {own.map((view) => (
        <div key={view.name} className="line">
          <button
            type="button"
            className="item"
            title={`${view.by ? `by ${view.by}, ` : ""}${moment(view.saved)}`}
            onClick={() => {
              close();
              navigate(view.address);
            }}
          >
            {view.name}
          </button>
          <Forget name={view.name} />
        </div>
      ))}
      {data && !own.length && <p className="note">Nobody has saved a view yet.</p>}
      <SaveView />
    </div>
  );
}

function useKeep() {
  const client = useQueryClient();
  return (found: Found) => client.setQueryData(key, found);
}

function Forget({ name }: { name: string }) {
  const keep = useKeep();
  const { mutate, isPending } = useMutation({ mutationFn: () => ask("DELETE /api/v1/views/{name}", { path: { name } }), onSuccess: keep });
  return (
    <button type="button" className="quiet" disabled={isPending} aria-label={`Forget ${name}`} onClick={() => mutate()}>
      <Icon name="close" size={12} />
    </button>
  );
}

/** Under the name of another it takes its place. */
function SaveView() {
  const [name, setName] = useState("");
  const keep = useKeep();
  const saving = useMutation({
    mutationFn: () => ask("POST /api/v1/views/{name}", { path: { name: name.trim() }, body: { address: location.pathname + location.search } }),
    onSuccess: (found) => {
      keep(found);
      setName("");
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim()) saving.mutate();
  };
  return (
    <form className="line" onSubmit={submit}>
      <input className="field" aria-label="Name of this view" placeholder="Save this view as" value={name} onChange={(event) => setName(event.target.value)} />
      <button type="submit" className="button" disabled={!name.trim() || saving.isPending}>
        Save
      </button>
      {saving.error && <p role="alert">{saving.error.message}</p>}
    </form>
  );
}
