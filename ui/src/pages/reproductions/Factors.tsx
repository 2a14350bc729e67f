/** What a run is made of, factor by factor: the same in both, put back, or to blame. */
import { count } from "../../format";
import type { Evidence } from "../../schema";

const factors = ["code", "data", "environment", "config", "seed", "hardware", "network", "time", "nondeterminism"];
const names: Record<string, string> = { seed: "Randomness", nondeterminism: "Races" };

interface Fact {
  sign: string;
  tone: string;
  about: string;
  says: string;
}

export function Factors({ evidence }: { evidence: Evidence }) {
  if (evidence.verdict === "not_reproducible") return <Missing evidence={evidence} />;
  const shown = factors.map((factor) => ({ factor, fact: factOf(factor, evidence) })).filter(({ fact }) => fact);
  return (
    <section className="card" aria-label="Factors">
      <h2>
        What it is made of <span>{count(shown.length, "factor")}</span>
      </h2>
      <ul className="factors">
        {shown.map(({ factor, fact }) => (
          <li key={factor}>
            <b className={fact?.tone}>{fact?.sign}</b>
            <span>
              <b>{names[factor] ?? factor[0]?.toUpperCase() + factor.slice(1)}</b> <span className="muted">{fact?.about}</span>
            </span>
            <span className={fact?.tone}>{fact?.says}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What is known of a factor: nothing is called the same that was not put back or compared. */
function factOf(factor: string, evidence: Evidence): Fact | null {
  const causes = (evidence.causes ?? []).filter((cause) => cause.factor === factor);
  if (causes.length)
    return { sign: "≠", tone: "bad", about: causes.map((cause) => cause.what).join(", "), says: "the cause" };
  if (factor === "code") return { sign: "=", tone: "ok", about: "as it ran, from the store", says: "put back" };
  if (factor === "data") return { sign: "=", tone: "ok", about: "every input by its digest", says: "put back" };
  if (factor === "config") return { sign: "=", tone: "ok", about: "arguments, variables and config files", says: "put back" };
  if (factor === "environment") {
    const { how = "", differences } = evidence.environment ?? {};
    const many = Array.isArray(differences) ? differences.length : 0;
    if (many) return { sign: "≈", tone: "warn", about: `${how}; ${count(many, "difference")} known`, says: "not the same" };
    return { sign: "=", tone: "ok", about: how === "current" ? "the present one is the captured one" : `rebuilt: ${how}`, says: "the same" };
  }
  if (factor === "seed") {
    const replayed = evidence.replayed ?? [];
    if (!replayed.length) return { sign: "=", tone: "ok", about: "it drew nothing from the system", says: "none" };
    return { sign: "=", tone: "near", about: replayed.map((one) => one.what).join(", "), says: "replayed" };
  }
  return null;
}

function Missing({ evidence }: { evidence: Evidence }) {
  const missing = Array.isArray(evidence.missing) ? (evidence.missing as Record<string, string>[]) : [];
  return (
    <section className="card" aria-label="What is missing">
      <h2>
        What is missing <span>nothing was run</span>
      </h2>
      <ul className="factors">
        {missing.map((one) => (
          <li key={one.what}>
            <b className="bad">∅</b>
            <span>
              <b>{one.factor}</b> <code>{one.what}</code>
            </span>
            <span className="muted">{one.why}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
