/** Live updates: the server names the runs that changed, and what shows them is asked for again. */
import type { QueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { send } from "./api";

const gatherMs = 250;
const surveyEveryMs = 3000;
const retryMs = 1500;

export type Liveness = "live" | "paused" | "lost";

/** Keeps `client` up to date as long as the tab is seen; says whether it does. */
export function useLive(client: QueryClient): Liveness {
  const [state, setState] = useState<Liveness>("paused");
  useEffect(() => {
    let stop: AbortController | null = null;
    const follow = () => {
      stop?.abort();
      if (document.hidden) return setState("paused");
      stop = new AbortController();
      void listen(stop.signal, new Updates(client, stop.signal), setState);
    };
    follow();
    document.addEventListener("visibilitychange", follow);
    return () => {
      document.removeEventListener("visibilitychange", follow);
      stop?.abort();
    };
  }, [client]);
  return state;
}

async function listen(signal: AbortSignal, updates: Updates, say: (state: Liveness) => void): Promise<void> {
  for (let first = true; !signal.aborted; first = false) {
    try {
      const answer = await send("GET", "/api/v1/live", undefined, signal);
      say("live");
      if (!first) updates.changed(null);
      for await (const data of events(answer)) updates.changed((JSON.parse(data) as { runs: string[] | null }).runs);
    } catch {
      if (signal.aborted) return;
    }
    say("lost");
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}

/** The data of each event of a stream. `EventSource` could not send a token. */
async function* events(answer: Response): AsyncGenerator<string> {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    text += part.value;
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data:")) yield line.slice(5);
  }
}

/** What changes after a quiet moment is asked for at once; a run that logs a thousand times a second, four times. */
class Updates {
  private waiting: Set<string> | null = new Set();
  private timer = 0;
  private applied = 0;
  private surveyed = 0;

  constructor(
    private readonly client: QueryClient,
    private readonly signal: AbortSignal,
  ) {}

  changed(runs: string[] | null): void {
    if (runs === null) this.waiting = null;
    else for (const run of runs) this.waiting?.add(run);
    this.timer ||= window.setTimeout(() => this.apply(), Math.max(0, this.applied + gatherMs - Date.now()));
  }

  private apply(): void {
    const runs = this.waiting;
    this.waiting = new Set();
    this.timer = 0;
    this.applied = Date.now();
    if (this.signal.aborted) return;
    const survey = Date.now() - this.surveyed > surveyEveryMs;
    if (survey) this.surveyed = Date.now();
    void this.client.invalidateQueries({
      predicate: ({ meta }) => {
        const shows = meta?.runs;
        if (shows === "survey") return survey;
        if (shows === "all" || (shows && runs === null)) return true;
        return Array.isArray(shows) && shows.some((run) => runs?.has(String(run)));
      },
    });
  }
}
