import { useEffect, useState } from "react";
import { ago, moment, span } from "../format";

/** The time now, in seconds since 1970, anew every so often. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** How long ago; the moment itself on hover. */
export function Ago({ time }: { time: number }) {
  const now = useNow(15_000);
  return (
    <time dateTime={new Date(time * 1000).toISOString()} title={moment(time)}>
      {ago(now - time)}
    </time>
  );
}

/** How long something took, or has been at it. */
export function Took({ seconds, since }: { seconds: number; since?: number | undefined }) {
  const now = useNow(since === undefined ? 3_600_000 : 1000);
  return <span>{span(since === undefined ? seconds : Math.max(seconds, now - since))}</span>;
}
