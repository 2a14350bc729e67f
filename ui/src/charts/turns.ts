/** Work that many charts have to do at once, spread over frames so that the page answers meanwhile. */

const mostMs = 8;
const waiting = new Set<() => void>();
let spentMs = 0;
let asked = false;

function next(): void {
  asked = false;
  spentMs = 0;
  for (const work of waiting) {
    if (spentMs >= mostMs) break;
    waiting.delete(work);
    timed(work);
  }
  if (waiting.size) ask();
}

function ask(): void {
  if (asked) return;
  asked = true;
  requestAnimationFrame(next);
}

function timed(work: () => void): void {
  const start = performance.now();
  work();
  spentMs += performance.now() - start;
}

/** Does `work` at once, or in a later frame where this one has had enough. Returns how to leave it undone. */
export function inTurn(work: () => void): () => void {
  ask();
  if (spentMs < mostMs && !waiting.size) timed(work);
  else waiting.add(work);
  return () => waiting.delete(work);
}
