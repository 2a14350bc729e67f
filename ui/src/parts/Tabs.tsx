import { useEffect, useRef } from "react";

interface Tab<Name extends string> {
  name: Name;
  amount?: number;
}

interface Props<Name extends string> {
  label: string;
  tabs: Tab<Name>[];
  current: string;
  choose: (name: Name) => void;
  children?: React.ReactNode;
}

/** The parts of a page in one line, which scrolls sideways where there is no room for it. */
export function Tabs<Name extends string>({ label, tabs, current, choose, children }: Props<Name>) {
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    const chosen = bar.current?.querySelector<HTMLElement>("[aria-current]");
    // Not scrollIntoView: it would move the page, too.
    if (chosen && bar.current) bar.current.scrollLeft = chosen.offsetLeft - (bar.current.clientWidth - chosen.offsetWidth) / 2;
  }, [current]);
  return (
    <nav className="tabs" aria-label={label} ref={bar}>
      {tabs.map(({ name, amount }) => (
        <button key={name} type="button" aria-current={name === current ? "page" : undefined} onClick={() => choose(name)}>
          {name} {amount ? <small>{amount.toLocaleString("en")}</small> : null}
        </button>
      ))}
      {children}
    </nav>
  );
}
