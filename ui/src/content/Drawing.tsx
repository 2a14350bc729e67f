/** What Plotly or Vega draw of a description, in a frame of no origin that may ask for nothing. */
import { useEffect, useMemo, useRef, useState } from "react";
import { count } from "../format";
import { css, useShade } from "../theme";
import { Figure } from "./Figure";
import { Lines, numbered } from "./Lines";
import { rowsOf, wordsOf } from "./specs";

interface Props {
  library: "Plotly" | "Vega";
  spec: Record<string, unknown>;
  label: string;
}

interface Told {
  ready?: boolean;
  height?: number;
  left?: string[];
  error?: string;
  svg?: string;
}

const [leastPixels, usualPixels, mostPixels] = [60, 440, 1600];
const patienceMs = 20_000;

function lookOf(shade: string) {
  return { dark: shade === "dark", surface: css("--surface"), text: css("--text"), muted: css("--muted"), line: css("--line") };
}

export default function Drawing({ library, spec, label }: Props) {
  const shade = useShade();
  const frame = useRef<HTMLIFrameElement>(null);
  const [told, setTold] = useState<Told>({});
  const takers = useRef<((svg: string | null) => void)[]>([]);
  useEffect(() => {
    const hear = ({ source, data }: MessageEvent<Told>) => {
      if (!source || source !== frame.current?.contentWindow) return;
      if (data.ready) frame.current.contentWindow.postMessage({ spec, look: lookOf(shade) }, "*");
      else if (typeof data.svg === "string") for (const take of takers.current.splice(0)) take(data.svg);
      else setTold(data);
    };
    addEventListener("message", hear);
    return () => removeEventListener("message", hear);
  }, [spec, shade]);
  const svg = () =>
    new Promise<string | null>((done) => {
      takers.current.push(done);
      setTimeout(() => done(null), patienceMs);
      frame.current?.contentWindow?.postMessage({ ask: "svg" }, "*");
    });
  const table = useMemo(() => rowsOf(spec), [spec]);
  const words = useMemo(() => wordsOf(spec), [spec]);
  const lines = useMemo(() => (told.error ? numbered(JSON.stringify(spec, null, 2)) : []), [spec, told.error]);
  const height = Math.min(mostPixels, Math.max(leastPixels, told.height ?? usualPixels));
  if (told.error) {
    return (
      <>
        <Lines lines={lines} label={`${label} as text`} />
        <p className="aside">Not drawn: {told.error.slice(0, 300)}. Shown is the description for {library}.</p>
      </>
    );
  }
  return (
    <>
      <Figure title={label} table={() => table} svg={svg} className="described">
        <iframe key={shade} ref={frame} sandbox="allow-scripts" referrerPolicy="no-referrer" src={`/drawing/${library.toLowerCase()}`} title={`${label}: ${words}`} style={{ height }} />
      </Figure>
      <p className="aside">
        Drawn by {library}
        {told.left?.length ? `, without ${told.left.join(", ").slice(0, 300)}` : ""}; {count(table.rows.length, "row")} of data.
      </p>
    </>
  );
}
