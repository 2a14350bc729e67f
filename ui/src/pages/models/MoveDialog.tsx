/** Moves a version to another stage, or gives it an alias; says first what that will do. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "../../api";
import { Dialog } from "../../parts/Dialog";
import type { Model, ModelVersion } from "../../schema";

const stages = ["Staging", "Production", "Archived", "None"];

export function MoveDialog({ model, version, onClose }: { model: Model; version: ModelVersion; onClose: () => void }) {
  const [stage, setStage] = useState(stages.find((one) => one !== version.stage) ?? "Staging");
  const [archive, setArchive] = useState(true);
  const client = useQueryClient();
  const path = { name: model.name, number: String(version.number) };
  const active = stage === "Production" || stage === "Staging";
  const others = Object.values(model.versions).filter((one) => one.stage === stage && one.number !== version.number);
  const move = useMutation({
    mutationFn: () =>
      ask("POST /api/v1/models/{name}/versions/{number}/stage", { path, body: { stage, archive_existing: active && archive && others.length > 0 } }),
    onSuccess: (changed) => {
      client.setQueryData(["model", model.name], changed);
      void client.invalidateQueries({ queryKey: ["models"] });
      onClose();
    },
  });
  return (
    <Dialog title={`Move version ${version.number}`} onClose={onClose}>
      <form
        className="move"
        onSubmit={(event) => {
          event.preventDefault();
          move.mutate();
        }}
      >
        <h2>
          Move {model.name} v{version.number}
        </h2>
        <label className="line">
          to
          <select className="field" value={stage} onChange={(event) => setStage(event.target.value)}>
            {stages.map((one) => (
              <option key={one} value={one} disabled={one === version.stage}>
                {one === "None" ? "no stage" : one}
              </option>
            ))}
          </select>
        </label>
        {active && others.length > 0 && (
          <label className="line">
            <input type="checkbox" checked={archive} onChange={(event) => setArchive(event.target.checked)} />
            archive {others.map((one) => `v${one.number}`).join(", ")}, now in {stage.toLowerCase()}
          </label>
        )}
        <p className="muted">It is written to the ledger, with your name and the time.</p>
        {move.error && <p className="bad">{move.error.message}</p>}
        <div className="line">
          <button type="submit" className="button first" disabled={move.isPending}>
            {stage === "Production" ? "Put it into production" : "Move it"}
          </button>
          <button type="button" className="button" onClick={onClose}>
            Leave it
          </button>
        </div>
      </form>
    </Dialog>
  );
}
