/** All charts of some runs: a section for each metric prefix. */
import { useMemo } from "react";
import { Icon } from "../parts/Icon";
import type { SetView } from "../url";
import { ChartCard } from "./ChartCard";
import "./charts.css";
import { type ChartRun, isClock } from "./lines";
import { type ChartSettings, type ChartView, useSettings } from "./settings";

const heights: Record<string, number> = { s: 150, m: 210, l: 340 };

interface Props {
  metrics: string[];
  runs: ChartRun[];
  view: ChartView;
  change: SetView<ChartView>;
}

export function Panels({ metrics, runs, view, change }: Props) {
  const settings = useSettings(view, change);
  const sections = useMemo(() => sectionsOf(metrics, view.metric), [metrics, view.metric]);
  return (
    <div className={`panels size-${view.size}`}>
      <Toolbar view={view} change={change} metrics={metrics} />
      {sections.length === 0 && <p className="note">{view.metric ? "No metric of these runs has that in its name." : "Nothing was logged yet."}</p>}
      {sections.map(([name, members]) => (
        <Section key={name} name={name} metrics={members} runs={runs} settings={settings} view={view} change={change} />
      ))}
    </div>
  );
}

interface SectionProps {
  name: string;
  metrics: string[];
  runs: ChartRun[];
  settings: ChartSettings;
  view: ChartView;
  change: SetView<ChartView>;
}

function Section({ name, metrics, runs, settings, view, change }: SectionProps) {
  const open = !view.fold.includes(name);
  const toggle = () => change({ fold: open ? [...view.fold, name] : view.fold.filter((one) => one !== name) }, "replace");
  return (
    <section aria-label={name}>
      <h2>
        <button type="button" onClick={toggle} aria-expanded={open}>
          <Icon name={open ? "down" : "right"} size={13} />
          {name} <span>{metrics.length}</span>
        </button>
      </h2>
      {open && (
        <div className="charts">
          {metrics.map((metric) => (
            <ChartCard key={metric} metric={metric} runs={runs} settings={settings} height={heights[view.size] ?? 210} />
          ))}
        </div>
      )}
    </section>
  );
}

/** By what stands before the first slash; metrics without one come first, clocks and those of the machine last. */
export function sectionsOf(metrics: string[], part: string): [string, string[]][] {
  const found = new Map<string, string[]>();
  for (const metric of metrics) {
    if (!metric.toLowerCase().includes(part.toLowerCase())) continue;
    const slash = metric.indexOf("/");
    const name = slash > 0 ? metric.slice(0, slash) : "metrics";
    found.set(name, [...(found.get(name) ?? []), metric]);
  }
  // What only says how far a run is comes behind what it came to.
  for (const members of found.values()) members.sort((one, other) => Number(isClock(one)) - Number(isClock(other)));
  const rank = ([name, members]: [string, string[]]) => (name === "system" ? 3 : members.every(isClock) ? 2 : name === "metrics" ? 0 : 1);
  return [...found].sort((one, other) => rank(one) - rank(other) || one[0].localeCompare(other[0]));
}

function Toolbar({ view, change, metrics }: { view: ChartView; change: SetView<ChartView>; metrics: string[] }) {
  const toggle = (name: "log" | "clip") => change({ [name]: view[name] ? "" : "1" });
  return (
    <div className="toolbar" role="toolbar" aria-label="Charts">
      <input
        className="field"
        type="search"
        placeholder="Find a metric"
        aria-label="Find a metric"
        value={view.metric}
        onChange={(event) => change({ metric: event.target.value }, "replace")}
      />
      <select className="field" aria-label="X axis" value={view.x} onChange={(event) => change({ x: event.target.value, zoom: "" })}>
        <option value="step">step</option>
        <option value="relative">time since start</option>
        <option value="wall">time of day</option>
        {metrics.filter(isClock).map((metric) => (
          <option key={metric} value={`metric:${metric}`}>
            {metric}
          </option>
        ))}
      </select>
      <label title="How much of what came before each point keeps. The logged values stay visible behind.">
        smooth
        <input type="range" min="0" max="0.99" step="0.01" value={view.smooth} onChange={(event) => change({ smooth: event.target.value }, "replace")} />
        <output>{Number(view.smooth).toFixed(2)}</output>
      </label>
      <button type="button" className={`button small ${view.log ? "on" : ""}`} aria-pressed={Boolean(view.log)} onClick={() => toggle("log")}>
        log
      </button>
      <button
        type="button"
        className={`button small ${view.clip ? "on" : ""}`}
        aria-pressed={Boolean(view.clip)}
        onClick={() => toggle("clip")}
        title="Draw the middle 96 % of the values; the rest runs off the edge"
      >
        clip outliers
      </button>
      <fieldset className="sizes" aria-label="Size of the charts">
        {["s", "m", "l"].map((size) => (
          <button key={size} type="button" className={`button small ${view.size === size ? "on" : ""}`} aria-pressed={view.size === size} aria-label={`size ${size}`} onClick={() => change({ size }, "replace")}>
            {size.toUpperCase()}
          </button>
        ))}
      </fieldset>
      {view.zoom && (
        <button type="button" className="button small on" onClick={() => change({ zoom: "" })}>
          <Icon name="close" size={12} /> zoom
        </button>
      )}
    </div>
  );
}
