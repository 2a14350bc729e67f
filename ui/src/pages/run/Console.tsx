/** What the run printed: searchable, in its colours, only the lines on the screen drawn. */
import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import { ask } from "../../api";
import { count } from "../../format";
import { Failed, Skeleton } from "../../parts/States";
import { save } from "../../save";
import type { Document } from "../../schema";
import { linesOf, pieces } from "./ansi";

const linePixels = 19;

export function Console({ run, find, setFind }: { run: Document; find: string; setFind: (find: string) => void }) {
  const [stream, setStream] = useState("stdout");
  const { data, error } = useQuery({
    queryKey: ["output", run.id],
    queryFn: ({ signal }) => ask("GET /api/v1/runs/{id}/output", { path: { id: run.id } }, signal),
    meta: { runs: [run.id] },
  });
  const lines = useMemo(() => linesOf(data?.[stream] ?? "").map((text, at) => ({ at: at + 1, text })), [data, stream]);
  const shown = useMemo(() => (find ? lines.filter(({ text }) => text.toLowerCase().includes(find.toLowerCase())) : lines), [lines, find]);
  if (error) return <Failed error={error} />;
  if (!data) return <Skeleton rows={8} />;
  return (
    <section className="card" aria-label="Console">
      <h2 className="line">
        <input className="field" type="search" placeholder="Find in the output" aria-label="Find in the output" value={find} onChange={(event) => setFind(event.target.value)} />
        <div className="line" role="group" aria-label="Stream">
          {Object.keys(data).map((name) => (
            <button key={name} type="button" className={`button small ${name === stream ? "on" : ""}`} aria-pressed={name === stream} onClick={() => setStream(name)}>
              {name}
            </button>
          ))}
        </div>
        <span>{find ? `${shown.length} of ${count(lines.length, "line")}` : count(lines.length, "line")}</span>
        <button type="button" className="button small" onClick={() => save(`${run.id}-${stream}.txt`, data[stream] ?? "")}>
          Save
        </button>
      </h2>
      <Lines lines={shown} />
    </section>
  );
}

function Lines({ lines }: { lines: { at: number; text: string }[] }) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => linePixels,
    overscan: 20,
  });
  if (!lines.length) return <p className="note">Nothing.</p>;
  return (
    <div className="console" ref={scroller} tabIndex={0} role="log" aria-label="Output">
      <div style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start, key }) => (
          <div key={key} ref={virtual.measureElement} data-index={index} style={{ transform: `translateY(${start}px)` }}>
            <i>{lines[index]?.at}</i>
            <span>
              {pieces(lines[index]?.text ?? "").map((piece, at) => (
                <span key={at} className={piece.classes}>
                  {piece.text}
                </span>
              ))}
            </span>
          </div>
        ))}
      </div>
    </div>
  );
}
