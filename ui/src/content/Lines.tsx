/** Many lines of text with their numbers: only those on the screen stand in the page. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useRef } from "react";
import "./content.css";
import { type Token, toned } from "./source";

export interface NumberedLine {
  at: number;
  text: string;
  tone?: string;
  title?: string;
  /** The text in the colours of its language. */
  tokens?: Token[] | undefined;
}

interface Props {
  lines: NumberedLine[];
  label: string;
  /** Long lines go on below; else one scrolls sideways. */
  wrap?: boolean;
  /** Stay at the end while lines come. */
  follow?: boolean;
  onFollow?: (follow: boolean) => void;
  draw?: (text: string) => ReactNode;
}

const linePixels = 19;
const mostLetters = 4000;
const nearEndPixels = 30;

export function Lines({ lines, label, wrap = false, follow = false, onFollow, draw = plainly }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => linePixels, overscan: 20 });
  useEffect(() => {
    if (follow && lines.length) virtual.scrollToIndex(lines.length - 1, { align: "end" });
  }, [follow, lines.length, virtual]);
  // Whoever scrolls up wants to read; whoever comes back to the end wants to follow.
  const scrolled = () => {
    const box = scroller.current;
    if (box) onFollow?.(box.scrollHeight - box.scrollTop - box.clientHeight < nearEndPixels);
  };
  const digits = String(lines.at(-1)?.at ?? 1).length;
  return (
    <div className={`text-lines ${wrap ? "wrap" : ""}`} ref={scroller} onScroll={scrolled} tabIndex={0} role="region" aria-label={label}>
      <div style={{ height: virtual.getTotalSize(), "--digits": `${digits}ch` } as React.CSSProperties}>
        {virtual.getVirtualItems().map(({ index, start, key }) => {
          const line = lines[index];
          return (
            <div key={key} ref={wrap ? virtual.measureElement : undefined} data-index={index} className={line?.tone} title={line?.title} style={{ transform: `translateY(${start}px)` }}>
              <i>{line?.at}</i>
              <span>{line?.tokens && line.text.length <= mostLetters ? toned(line.tokens) : draw(shortened(line?.text ?? ""))}</span>
            </div>
          );
        })}
      </div>
    </div>
  );
}

function plainly(text: string): ReactNode {
  return text;
}

function shortened(text: string): string {
  return text.length > mostLetters ? `${text.slice(0, mostLetters)} … ${text.length - mostLetters} letters more` : text;
}

export function numbered(text: string): NumberedLine[] {
  const lines = text.split(/\r\n|\n|\r/);
  if (lines.length > 1 && lines.at(-1) === "") lines.pop();
  return lines.map((line, at) => ({ at: at + 1, text: line }));
}
