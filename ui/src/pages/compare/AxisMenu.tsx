import { type FormEvent, useState } from "react";
import { Popover } from "../../parts/Popover";
import type { SetView } from "../../url";
import type { Axis, Brush } from "./axes";
import type { CompareView } from "./view";

interface Props {
  axis: Axis;
  brush: Brush | undefined;
  set: (brush: Brush | null) => void;
  names: string[];
  view: CompareView;
  change: SetView<CompareView>;
}

/** An axis by its name: what is taken of it, exactly; where it stands, and how its numbers lie. */
export function AxisMenu({ axis, brush, set, names, view, change }: Props) {
  const at = names.indexOf(axis.name);
  const moved = (by: number) => {
    const next = names.filter((name) => name !== axis.name);
    next.splice(at + by, 0, axis.name);
    change({ axis: next });
  };
  const scale = () => change({ scale: view.scale.includes(axis.name) ? view.scale.filter((one) => one !== axis.name) : [...view.scale, axis.name] });
  return (
    <div className="axis-title">
      <Popover label={axis.title} title={`Axis ${axis.title}`} className={`quiet ${brush ? "brushed" : ""}`} align={at > names.length / 2 ? "right" : "left"}>
        {(close) => (
          <div className="axis-menu">
            {axis.kind === "number" ? <Between axis={axis} brush={brush} set={set} /> : <Texts axis={axis} brush={brush} set={set} />}
            <div className="line">
              <button type="button" className="button small" disabled={at === 0} onClick={() => moved(-1)}>
                ← move
              </button>
              <button type="button" className="button small" disabled={at === names.length - 1} onClick={() => moved(1)}>
                move →
              </button>
              {axis.kind === "number" && axis.low > 0 && (
                <button type="button" className={`button small ${axis.log ? "on" : ""}`} aria-pressed={axis.log} onClick={scale}>
                  log
                </button>
              )}
              <button
                type="button"
                className="button small"
                onClick={() => {
                  close();
                  change({ axis: names.filter((name) => name !== axis.name) });
                }}
              >
                take off
              </button>
            </div>
          </div>
        )}
      </Popover>
    </div>
  );
}

function Between({ axis, brush, set }: { axis: Axis; brush: Brush | undefined; set: (brush: Brush | null) => void }) {
  const held = brush && "low" in brush ? brush : null;
  const [from, setFrom] = useState(held ? String(held.low) : "");
  const [to, setTo] = useState(held ? String(held.high) : "");
  const take = (event: FormEvent) => {
    event.preventDefault();
    const [low, high] = [from.trim() ? Number(from) : axis.low, to.trim() ? Number(to) : axis.high];
    if (!from.trim() && !to.trim()) set(null);
    else if (!Number.isNaN(low) && !Number.isNaN(high)) set({ column: axis.name, low, high });
  };
  return (
    <form className="line" onSubmit={take}>
      <input className="field" inputMode="decimal" aria-label="from" placeholder={String(axis.low)} value={from} onChange={(event) => setFrom(event.target.value)} />
      –
      <input className="field" inputMode="decimal" aria-label="to" placeholder={String(axis.high)} value={to} onChange={(event) => setTo(event.target.value)} />
      <button type="submit" className="button">
        Take
      </button>
    </form>
  );
}

function Texts({ axis, brush, set }: { axis: Axis; brush: Brush | undefined; set: (brush: Brush | null) => void }) {
  const taken = brush && "texts" in brush ? brush.texts : [];
  const toggle = (text: string) => {
    const texts = taken.includes(text) ? taken.filter((one) => one !== text) : [...taken, text];
    set(texts.length ? { column: axis.name, texts } : null);
  };
  return (
    <div className="axis-texts">
      {axis.categories.map((text) => (
        <label key={text} className="item">
          <input type="checkbox" checked={taken.includes(text)} onChange={() => toggle(text)} />
          {text || "empty"}
        </label>
      ))}
    </div>
  );
}
