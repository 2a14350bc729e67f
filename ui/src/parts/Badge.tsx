/** Verdict, status and grade: what can be trusted, in every row. */

const verdicts: Record<string, [sign: string, tone: string, says: string]> = {
  identical: ["≡", "ok", "run anew: every compared result is the same"],
  equivalent: ["≈", "near", "run anew: every result is the same by a rule that is named"],
  diverged: ["≠", "bad", "run anew: some result differs"],
  failed: ["✕", "bad", "running it anew failed"],
  not_reproducible: ["∅", "warn", "something it needs was not captured, or is gone"],
};

export function Verdict({ verdict, large = false }: { verdict: string | null | undefined; large?: boolean }) {
  const [sign, tone, says] = verdicts[verdict ?? ""] ?? ["·", "none", "nobody has run it anew"];
  return (
    <span className={`badge ${tone} ${large ? "large" : ""}`} title={says}>
      <i aria-hidden="true">{sign}</i>
      {verdict ? verdict.replaceAll("_", " ") : "not run anew"}
    </span>
  );
}

const tones: Record<string, string> = { running: "live", scheduled: "wait", failed: "bad", crashed: "bad", killed: "bad" };

/** A dot for what goes on, a word where the run did not simply finish. */
export function Status({ status, worded = false }: { status: string; worded?: boolean }) {
  return (
    <span className={`status ${tones[status] ?? "done"}`} title={status}>
      <i aria-hidden="true" />
      <span className={worded ? "" : "unseen"}>{status}</span>
    </span>
  );
}

const letters = "FDCBA";
const meanings: Record<string, string> = {
  A: "everything needed to run it again is kept",
  B: "everything needed is kept or known by its digest",
  C: "something that can move the result is not under control",
  D: "something the run read is not kept",
  F: "what it ran is not known",
};

/** How far a run can be run again: five bars for A, one for F. */
export function Grade({ letter }: { letter: string | null | undefined }) {
  if (!letter) return <span className="grade none">–</span>;
  const filled = letters.indexOf(letter) + 1;
  const says = `grade ${letter}: ${meanings[letter] ?? ""}`;
  return (
    <span className={`grade g${letter}`} role="img" aria-label={says} title={says}>
      <i style={{ "--filled": filled } as React.CSSProperties} />
      <b>{letter}</b>
    </span>
  );
}
