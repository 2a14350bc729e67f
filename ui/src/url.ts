/** The address is the state: what a page shows stands in it, so that Back works and a link shows the same. */
import { useCallback, useMemo, useSyncExternalStore } from "react";

export type How = "push" | "replace";
type View = Record<string, string | string[]>;

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

export function navigate(to: string, how: How = "push"): void {
  if (to === location.pathname + location.search) return;
  if (how === "push") history.pushState(null, "", to);
  else history.replaceState(null, "", to);
  for (const listener of listeners) listener();
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname);
}

/** What the address says after its question mark; a value that is missing has its default. */
export function readView<T extends View>(search: string, defaults: T): T {
  const given = new URLSearchParams(search);
  const view: View = {};
  for (const [name, usual] of Object.entries(defaults)) {
    if (Array.isArray(usual)) view[name] = given.has(name) ? given.getAll(name).filter(Boolean) : usual;
    else view[name] = given.get(name) ?? usual;
  }
  return view as T;
}

/** The search part that says `changes`, besides what `search` says; defaults are left out. */
export function writeView<T extends View>(search: string, defaults: T, changes: Partial<T>): string {
  const said = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    said.delete(name);
    if (value === undefined || same(value, defaults[name])) continue;
    if (!Array.isArray(value)) said.set(name, value);
    else for (const one of value.length ? value : [""]) said.append(name, one);
  }
  const text = said.toString();
  return text && `?${text}`;
}

function same(one: string | string[], other: string | string[] | undefined): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other;
  return one.length === other.length && one.every((value, at) => value === other[at]);
}

export type SetView<T> = (changes: Partial<T>, how?: How) => void;

/** The view of a page, and how to change it. `defaults` must be a constant. */
export function useView<T extends View>(defaults: T): [T, SetView<T>] {
  const search = useSyncExternalStore(subscribe, () => location.search);
  const view = useMemo(() => readView(search, defaults), [search, defaults]);
  const change = useCallback<SetView<T>>(
    (changes, how = "push") => navigate(location.pathname + writeView(location.search, defaults, changes), how),
    [defaults],
  );
  return [view, change];
}
