/** What a page shows when it has nothing else to show yet, or at all. */
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { ApiError, setToken } from "../api";
import { Command } from "./Copy";
import { Link } from "./Link";

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <section className="empty">
      <h1>{title}</h1>
      {children}
    </section>
  );
}

/** A store without runs: the two lines that start. */
export function Start() {
  return (
    <Empty title="No runs yet">
      <p>Put two words before a script that trains something; nothing in it has to change:</p>
      <Command text="anew run train.py" />
      <p>or log from within, and every figure appears here as it is logged:</p>
      <pre className="code">{"import anew\nanew.log({\"loss\": loss}, step=step)"}</pre>
      <p>
        <code>anew demo</code> fills a store with small real models, one of them run anew.
      </p>
    </Empty>
  );
}

export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  if (error instanceof ApiError && error.status === 401) return <TokenBox />;
  const [title, said] =
    error instanceof ApiError && error.status === 404
      ? ["Not here", error.message]
      : ["That did not work", error instanceof Error ? error.message : String(error)];
  return (
    <section className="empty" role="alert">
      <h1>{title}</h1>
      <p>{said}</p>
      <div className="line">
        {retry && (
          <button type="button" className="button" onClick={retry}>
            Try again
          </button>
        )}
        {title === "Not here" && (
          <Link href="/" className="button">
            Home
          </Link>
        )}
      </div>
    </section>
  );
}

/** Asks for a token; it is kept for this tab alone. */
function TokenBox() {
  const client = useQueryClient();
  const [typed, setTyped] = useState("");
  const enter = (event: FormEvent) => {
    event.preventDefault();
    setToken(typed.trim());
    void client.resetQueries();
  };
  return (
    <section className="empty">
      <h1>This server asks who you are</h1>
      <p>
        Whoever runs it makes a token with <code>anew token create NAME</code>. It is kept for this tab alone.
      </p>
      <form className="line" onSubmit={enter}>
        <input
          className="field"
          type="password"
          autoComplete="current-password"
          aria-label="Token"
          placeholder="anew_…"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <button type="submit" className="button first">
          Enter
        </button>
      </form>
    </section>
  );
}

/** Grey bars where rows will be. */
export function Skeleton({ rows, height = 32 }: { rows: number; height?: number }) {
  return (
    <div className="skeleton" aria-hidden="true">
      {Array.from({ length: rows }, (_, at) => (
        <i key={at} style={{ height, "--w": `${55 + ((at * 37) % 40)}%` } as React.CSSProperties} />
      ))}
    </div>
  );
}
