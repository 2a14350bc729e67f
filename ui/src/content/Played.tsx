/** Pictures, sounds, films and pages that a run made: hostile until shown otherwise, so never in our own document. */
import { useEffect, useState } from "react";
import { Dialog } from "../parts/Dialog";

function useBlob(bytes: Uint8Array<ArrayBuffer>, mime: string, before = ""): string {
  const [url, setUrl] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([before, bytes], { type: mime }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [bytes, mime, before]);
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

export function Sound({ bytes, mime, label }: Props) {
  const url = useBlob(bytes, mime);
  return <audio className="sound" controls src={url || undefined} aria-label={label} />;
}

export function Film({ bytes, mime, label }: Props) {
  const url = useBlob(bytes, mime);
  return <video className="film" controls src={url || undefined} aria-label={label} />;
}

// Our own policy holds in the frame, too, as in all that is made from a blob. This one lets not even our server be asked.
const shut = `<!doctype html><meta charset="utf-8"><meta http-equiv="content-security-policy" content="default-src 'none'; img-src data:">`;

/** A page in a frame of no origin that runs no script, sends no form and asks for nothing. */
export function Page({ bytes, label }: { bytes: Uint8Array<ArrayBuffer>; label: string }) {
  const url = useBlob(bytes, "text/html;charset=utf-8", shut);
  return (
    <>
      {url && <iframe className="sandboxed" sandbox="" referrerPolicy="no-referrer" src={url} title={label} />}
      <p className="aside">Shown without its scripts and styles: what a run logged may run nothing here. Save it to see it whole.</p>
    </>
  );
}
