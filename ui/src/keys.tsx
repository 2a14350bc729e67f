/** Keyboard: each page says which keys it takes; `?` lists them. */
import { useEffect } from "react";

export interface Key {
  /** As in `KeyboardEvent.key`; "mod+k" for Control or Command. */
  key: string;
  about: string;
  act: () => void;
}

const layers: Key[][] = [];

/** The keys in force, with what they do. */
export function knownKeys(): Key[] {
  return layers.flat();
}

/** Take these keys as long as the component is there. Later ones win; typing in a field is left alone. */
export function useKeys(keys: Key[]): void {
  useEffect(() => {
    layers.push(keys);
    return () => {
      layers.splice(layers.indexOf(keys), 1);
    };
  }, [keys]);
}

window.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.altKey) return;
  const mod = event.ctrlKey || event.metaKey;
  const target = event.target as HTMLElement;
  const typing = target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  const inDialog = Boolean(target.closest?.("dialog, .popup"));
  if (!mod && (inDialog || (typing && (target as HTMLInputElement).type !== "checkbox"))) return;
  const pressed = mod ? `mod+${event.key.toLowerCase()}` : event.key;
  const found = knownKeys().findLast(({ key }) => key === pressed);
  if (!found) return;
  event.preventDefault();
  found.act();
});
