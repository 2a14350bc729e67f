import { bytes, plain } from "../../format";
import type { LineageNode } from "./layout";

export const signs: Record<string, string> = { run: "▸", data: "▤", model: "◆", more: "…" };

/** A part of a lineage in a few words. */
export function about({ kind, about }: LineageNode): string {
  if (kind === "run") return `run, ${plain(about.verdict) || plain(about.status)}`;
  if (kind === "model") return `model, ${about.stage === "None" ? "no stage" : plain(about.stage).toLowerCase()}`;
  if (kind === "data") return ["data", typeof about.size === "number" ? bytes(about.size) : "", plain(about.digest).slice(0, 10)].filter(Boolean).join(", ");
  return "not shown one by one";
}
