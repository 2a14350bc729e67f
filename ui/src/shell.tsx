/** What stands around every page: the header, the keys, the palette. */
import { useQueryClient } from "@tanstack/react-query";
import { Component, lazy, type ReactNode, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { type Key, knownKeys, useKeys } from "./keys";
import { useLive } from "./live";
import { Dialog } from "./parts/Dialog";
import { Icon } from "./parts/Icon";
import { Link } from "./parts/Link";
import { Empty, Failed, Skeleton } from "./parts/States";
import { isIn, loadPage, pageOf, sections } from "./sections";
import { setTheme, themes, useTheme } from "./theme";
import { usePath } from "./url";

const Palette = lazy(() => import("./palette"));

export function Shell() {
  const path = usePath();
  const [open, setOpen] = useState<"" | "palette" | "keys">("");
  const keys = useMemo<Key[]>(
    () => [
      { key: "?", about: "this list", act: () => setOpen("keys") },
      { key: "mod+k", about: "go anywhere", act: () => setOpen("palette") },
    ],
    [],
  );
  useKeys(keys);
  useEffect(() => {
    document.title = `${sections.find((one) => isIn(path, one.path))?.name ?? "Page"} · Anew`;
  }, [path]);
  return (
    <div className="shell">
      <Header path={path} onPalette={() => setOpen("palette")} />
      <main className="page">
        <Guard key={path}>
          <Suspense fallback={<Skeleton rows={12} />}>{pageOf(path) ?? <Nowhere />}</Suspense>
        </Guard>
      </main>
      {open === "keys" && <KeyList onClose={() => setOpen("")} />}
      {open === "palette" && (
        <Suspense>
          <Palette onClose={() => setOpen("")} />
        </Suspense>
      )}
    </div>
  );
}

function Nowhere() {
  return (
    <Empty title="There is no such page">
      <Link href="/runs" className="button">
        All runs
      </Link>
    </Empty>
  );
}

function Header({ path, onPalette }: { path: string; onPalette: () => void }) {
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    // Where the pages do not fit, the one that is open is in sight.
    const chosen = nav.current?.querySelector<HTMLElement>("[aria-current]");
    if (chosen && nav.current) nav.current.scrollLeft = chosen.offsetLeft - nav.current.offsetLeft - (nav.current.clientWidth - chosen.offsetWidth) / 2;
  }, [path]);
  return (
    <header className="top">
      <Link href="/" className="logo" aria-label="Anew: home">
        <Icon name="anew" size={20} />
        <span className="wide">anew</span>
      </Link>
      <nav aria-label="Pages" ref={nav}>
        {sections.map((one) => (
          <Link key={one.path} href={one.path} onPointerEnter={() => void loadPage(one.path)} aria-current={isIn(path, one.path) ? "page" : undefined}>
            {one.name}
          </Link>
        ))}
      </nav>
      <Live />
      <button type="button" className="pill" onClick={onPalette} aria-label="Ctrl K: go anywhere">
        <Icon name="search" size={14} />
        <span className="wide">Ctrl K</span>
      </button>
      <ThemeButton />
    </header>
  );
}

const liveness = {
  live: "what you see is kept up to date",
  paused: "paused while the tab is hidden",
  lost: "the server does not answer; trying again",
};

function Live() {
  const state = useLive(useQueryClient());
  return (
    <span className={`pill ${state}`} title={liveness[state]} role="status">
      <i />
      {state}
    </span>
  );
}

const themeIcons = { system: "screen", light: "sun", dark: "moon" } as const;

function ThemeButton() {
  const theme = useTheme();
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? "system";
  return (
    <button type="button" className="quiet" onClick={() => setTheme(next)} aria-label={`Theme: ${theme}; change to ${next}`} title={`Theme: ${theme}`}>
      <Icon name={themeIcons[theme]} />
    </button>
  );
}

function KeyList({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <h2>Keys</h2>
      <dl className="keys">
        {knownKeys().map(({ key, about }) => (
          <KeyLine key={key} name={key} about={about} />
        ))}
      </dl>
    </Dialog>
  );
}

function KeyLine({ name, about }: { name: string; about: string }) {
  return (
    <>
      <dt>
        <kbd>{name.replace("mod+k", "Ctrl K").replace("Escape", "Esc")}</kbd>
      </dt>
      <dd>{about}</dd>
    </>
  );
}

/** An error of ours is told, and leaves the header in place. */
class Guard extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    return this.state.error ? <Failed error={this.state.error} retry={() => location.reload()} /> : this.props.children;
  }
}
