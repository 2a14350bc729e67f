/** Pictures, sounds, films and pages that a run made: hostile until shown otherwise, so never in our own document. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { ask } from "../api";
import { Dialog } from "../parts/Dialog";
import { tamed } from "./tamed";

function useBlob(content: Uint8Array<ArrayBuffer> | string, mime: string): string {
  const [url, setUrl] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([content], { type: mime }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [content, mime]);
  return url;
}

interface Props {
  bytes: Uint8Array<ArrayBuffer>;
  mime: string;
  label: string;
}

export function Picture({ bytes, mime, label }: Props) {
  const url = useBlob(bytes, mime);
  return url ? <Shown url={url} label={label} /> : <div className="picture" />;
}

/** Drawn as a picture an SVG runs no script and asks for nothing; as data it has no origin, wherever it is opened. */
export function Vector({ text, label }: { text: string; label: string }) {
  return <Shown url={`data:image/svg+xml,${encodeURIComponent(text)}`} label={label} />;
}

const fewPixels = 96;

function Shown({ url, label }: { url: string; label: string }) {
  const [state, setState] = useState<"" | "small" | "damaged">("");
  const [full, setFull] = useState(false);
  if (state === "damaged") return <p className="note">This picture is damaged: no browser can draw it.</p>;
  const picture = (
    <img
      src={url}
      alt={label}
      className={state}
      onError={() => setState("damaged")}
      onLoad={(event) => setState(event.currentTarget.naturalWidth <= fewPixels && event.currentTarget.naturalWidth > 0 ? "small" : "")}
    />
  );
  return (
    <>
      <button type="button" className="picture" onClick={() => setFull(true)} aria-label={`${label}: larger`}>
        {picture}
      </button>
      {full && (
        <Dialog title={label} onClose={() => setFull(false)} className="larger">
          <button type="button" className="picture" onClick={() => setFull(false)} aria-label={`${label}: back`}>
            {picture}
          </button>
        </Dialog>
      )}
    </>
  );
}

interface StreamProps {
  run: string;
  digest: string;
  label: string;
}

/** Where the browser plays a content from: it asks for the parts that it needs, however large the whole is. */
function useAddress(run: string, digest: string) {
  return useQuery({
    queryKey: ["played", run, digest],
    queryFn: ({ signal }) => ask("GET /api/v1/runs/{id}/contents/{digest}/address", { path: { id: run, digest } }, signal),
    staleTime: Infinity,
    gcTime: 0,
  });
}

export function Sound(props: StreamProps) {
  return <Stream {...props} tag="audio" className="sound" />;
}

export function Film(props: StreamProps) {
  return <Stream {...props} tag="video" className="film" />;
}

function Stream({ run, digest, label, tag: Tag, className }: StreamProps & { tag: "audio" | "video"; className: string }) {
  const { data, error } = useAddress(run, digest);
  const [bad, setBad] = useState(false);
  if (error || bad) return <p className="note">{error ? error.message : "No browser of this kind can play it, or it is damaged. Saved, it may be played elsewhere."}</p>;
  return <Tag className={className} controls preload="metadata" src={data?.address} aria-label={label} onError={() => setBad(true)} />;
}

/** A page in a frame of no origin that runs no script, sends no form and asks for nothing. */
export function Page({ text, label }: { text: string; label: string }) {
  const page = useMemo(() => tamed(text), [text]);
  const url = useBlob(page, "text/html;charset=utf-8");
  return (
    <>
      {url && <iframe className="sandboxed" sandbox="" referrerPolicy="no-referrer" src={url} title={label} />}
      <p className="aside">Shown without its scripts and styles: what a run logged may run nothing here. Save it to see it whole.</p>
    </>
  );
}
