/** The place of a chart in its section: columns wide and pixels high, drawn larger or smaller at its corner. */
import { type KeyboardEvent, type PointerEvent, type ReactNode, useLayoutEffect, useRef, useState } from "react";
import { columns, type Extent, held, type Panel } from "./layout";

interface Props {
  metric: string;
  panel: Panel;
  usual: Extent;
  /** Of the section, in pixels. */
  width: number;
  children: (height: number) => ReactNode;
}

const [rowPixels, gapPixels, captionPixels] = [4, 12, 36];
const keys: Record<string, [columns: number, pixels: number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -20], ArrowDown: [0, 20] };

export function Cell({ metric, panel, usual, width, children }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [draft, setDraft] = useState<Extent | null>(null);
  const { span, height } = held(draft ?? panel.extent ?? usual, width);
  const tall = useHeight(box, height + captionPixels);
  const start = useRef<(Extent & { x: number; y: number }) | null>(null);
  const down = (event: PointerEvent<HTMLButtonElement>) => {
    start.current = { span, height, x: event.clientX, y: event.clientY };
    event.currentTarget.setPointerCapture(event.pointerId);
  };
  const move = (event: PointerEvent) => {
    const from = start.current;
    if (from) setDraft(held({ span: from.span + ((event.clientX - from.x) / width) * columns, height: from.height + event.clientY - from.y }, width));
  };
  const end = (keep: boolean) => {
    start.current = null;
    setDraft(null);
    if (keep && draft) panel.resize(draft);
  };
  const key = (event: KeyboardEvent) => {
    const by = keys[event.key];
    if (event.key === "Escape" && draft) end(false);
    else if (event.key === "Home") panel.resize(null);
    else if (by) panel.resize(held({ span: span + by[0], height: height + by[1] }, width));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div className={`cell ${draft ? "resized" : ""}`} style={{ gridColumn: `span ${span}`, gridRow: `span ${Math.ceil((tall + gapPixels) / rowPixels)}` }}>
      <div ref={box}>{children(height)}</div>
      <button
        type="button"
        className="corner"
        aria-label={`${metric}: ${span} of ${columns} wide, ${height} pixels high; arrow keys change it, Home takes that back`}
        title="Drag to make it larger or smaller; so do the arrow keys"
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={() => end(true)}
        onPointerCancel={() => end(false)}
        onKeyDown={key}
        onDoubleClick={() => panel.resize(null)}
      />
    </div>
  );
}

/** How high an element is: rows of the grid are reserved for that, a title on two lines and all. */
function useHeight(box: React.RefObject<HTMLDivElement | null>, expected: number): number {
  const [height, setHeight] = useState(0);
  useLayoutEffect(() => {
    if (!box.current) return;
    const sizes = new ResizeObserver(([entry]) => entry && setHeight(Math.ceil(entry.contentRect.height)));
    sizes.observe(box.current);
    return () => sizes.disconnect();
  }, [box]);
  return height || expected;
}
