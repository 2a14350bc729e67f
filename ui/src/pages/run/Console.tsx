/** What the run printed: both streams as they came, searchable, in its colours, followed while it runs. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { ask } from "../../api";
import { type NumberedLine, Lines } from "../../content/Lines";
import { count, moment } from "../../format";
import { coloured } from "../../parts/Ansi";
import { Empty, Failed, Skeleton } from "../../parts/States";
import { save } from "../../save";
import { joined, nothing, type Printed } from "./printed";
import type { PartProps } from "./Run";

const mostPages = 8; // of a megabyte each, asked for unasked

export function usePrinted(id: string) {
  const client = useQueryClient();
  const key = ["console", id];
  const read = async (pages: number, signal?: AbortSignal) => {
    let held = client.getQueryData<Printed>(key) ?? nothing;
    for (let page = 0; page < pages; page++) {
      held = joined(held, await ask("GET /api/v1/runs/{id}/console", { path: { id }, query: { after: held.after || undefined } }, signal));
      if (!held.more) break;
    }
    return held;
  };
  const found = useQuery({
    queryKey: key,
    // What is shown to its limit does not grow by itself.
    queryFn: ({ signal }) => (client.getQueryData<Printed>(key)?.more ? read(0) : read(mostPages, signal)),
    meta: { runs: [id] },
    structuralSharing: false,
  });
  return { ...found, readOn: async () => client.setQueryData(key, await read(mostPages)) };
}

const endBytes = 65_536;

/** The end of what a run printed, however much stands before it. */
export function useEnd(id: string) {
  return useQuery({
    queryKey: ["console", "end", id],
    queryFn: async ({ signal }) => joined(nothing, await ask("GET /api/v1/runs/{id}/console", { path: { id }, query: { last: endBytes } }, signal)).lines,
    meta: { runs: [id] },
  });
}

export function Console({ run, view, change }: PartProps) {
  const { data, error, readOn } = usePrinted(run.id);
  const [stream, setStream] = useState("");
  const running = run.status === "running";
  const [follow, setFollow] = useState(running);
  const lines = useMemo(() => fitting(data ?? nothing, stream, view.find), [data, stream, view.find]);
  if (error) return <Failed error={error} />;
  if (!data) return <Skeleton rows={8} />;
  if (!data.lines.length) {
    return (
      <Empty title={running ? "Nothing yet" : "It printed nothing"}>
        <p>{running ? "What it prints appears here as it comes." : "Nothing came on its output, or it was not run by anew run."}</p>
      </Empty>
    );
  }
  const streams = [...new Set(data.lines.map((line) => line.stream))];
  const all = count(data.lines.length, "line");
  return (
    <section className="card console" aria-label="Console">
      <h2 className="line">
        <input className="field" type="search" placeholder="Find in the output" aria-label="Find in the output" value={view.find} onChange={(event) => change({ find: event.target.value }, "replace")} />
        {streams.length > 1 && <Streams names={["", ...streams]} chosen={stream} choose={setStream} />}
        <span>{lines.length < data.lines.length ? `${lines.length.toLocaleString("en")} of ${all}` : all}</span>
        <span className="grow" />
        {running && (
          <button type="button" className={`button small ${follow ? "on" : ""}`} aria-pressed={follow} onClick={() => setFollow(!follow)}>
            Follow
          </button>
        )}
        <button type="button" className="button small" onClick={() => save(`${run.id}.txt`, new Blob([lines.map((line) => `${line.text}\n`).join("")], { type: "text/plain" }))}>
          Save
        </button>
      </h2>
      {lines.length ? <Lines lines={lines} label="Output" wrap follow={follow} {...(running && { onFollow: setFollow })} draw={coloured} /> : <p className="note">No line has that in it.</p>}
      {data.more && (
        <p className="aside line">
          This is the beginning of what it printed.
          <button type="button" className="button small" onClick={() => void readOn()}>
            Read on
          </button>
        </p>
      )}
    </section>
  );
}

function fitting({ lines }: Printed, stream: string, find: string): NumberedLine[] {
  const asked = find.toLowerCase();
  const found: NumberedLine[] = [];
  lines.forEach((line, at) => {
    if ((stream && line.stream !== stream) || (asked && !line.text.toLowerCase().includes(asked))) return;
    found.push({ at: at + 1, text: line.text, tone: line.stream, title: `${line.stream}, ${moment(line.time)}` });
  });
  return found;
}

function Streams({ names, chosen, choose }: { names: string[]; chosen: string; choose: (name: string) => void }) {
  return (
    <div className="line" role="group" aria-label="Stream">
      {names.map((name) => (
        <button key={name} type="button" className={`button small ${name === chosen ? "on" : ""}`} aria-pressed={name === chosen} onClick={() => choose(name)}>
          {name || "both"}
        </button>
      ))}
    </div>
  );
}
