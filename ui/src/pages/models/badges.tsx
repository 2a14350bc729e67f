import type { Model } from "../../schema";

const tones: Record<string, string> = { Production: "ok", Staging: "near", Archived: "none", None: "none" };

export function Stage({ stage, text }: { stage: string; text?: string }) {
  return <span className={`badge ${tones[stage] ?? "none"}`}>{text ?? (stage === "None" ? "no stage" : stage.toLowerCase())}</span>;
}

/** The aliases of a model, or of one of its versions. */
export function Aliases({ model, version }: { model: Model; version?: number }) {
  return Object.entries(model.aliases)
    .filter(([, number]) => version === undefined || number === version)
    .map(([alias, number]) => (
      <code key={alias} className="alias">
        @{alias}
        {version === undefined && ` v${number}`}
      </code>
    ));
}
