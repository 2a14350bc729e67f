import { useState } from "react";
import { Icon } from "./Icon";

const shownMs = 1500;

/** A button that copies `text`, and says that it did. */
export function Copy({ text, what, children }: { text: string | (() => string); what: string; children?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(typeof text === "string" ? text : text());
    setDone(true);
    setTimeout(() => setDone(false), shownMs);
  };
  return (
    <button type="button" className={children ? "button" : "quiet"} onClick={() => void copy()} aria-label={`Copy ${what}`} title={`Copy ${what}`}>
      <Icon name={done ? "check" : "copy"} />
      {children && (done ? "Copied" : children)}
      <span className="unseen" role="status">
        {done ? "copied" : ""}
      </span>
    </button>
  );
}

/** A command to be run elsewhere. */
export function Command({ text }: { text: string }) {
  return (
    <div className="command">
      <code>{text}</code>
      <Copy text={text} what="the command" />
    </div>
  );
}
