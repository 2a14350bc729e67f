import { useSyncExternalStore } from "react";
import { ago, moment, span } from "../format";

let now = Date.now() / 1000;
const watchers = new Set<() => void>();

/** One clock for all: a table has hundreds of times. */
setInterval(() => {
  now = Date.now() / 1000;
  for (const watcher of watchers) watcher();
}, 1000);

function subscribe(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** The time now in seconds since 1970, in steps of `stepS`: what shows minutes is not drawn each second. */
function useNow(stepS: number): number {
  return useSyncExternalStore(subscribe, () => Math.floor(now / stepS) * stepS);
}

/** How long ago; the moment itself on hover. `worded` as within a sentence. */
export function Ago({ time, worded = false }: { time: number; worded?: boolean }) {
  const now = useNow(15);
  const said = ago(now - time);
  return (
    <time dateTime={new Date(time * 1000).toISOString()} title={moment(time)}>
      {worded ? (said === "now" ? "just now" : `${said} ago`) : said}
    </time>
  );
}

/** How long something took, or has been at it. */
export function Took({ seconds, since }: { seconds: number; since?: number | undefined }) {
  const now = useNow(since === undefined ? 3600 : 1);
  return <span>{span(since === undefined ? seconds : Math.max(seconds, now - since))}</span>;
}
