/** All charts of some runs: a section for each metric prefix. */
import { useMemo, useRef } from "react";
import { useBox } from "../parts/box";
import { Icon } from "../parts/Icon";
import { Popover } from "../parts/Popover";
import type { SetView } from "../url";
import { Cell } from "./Cell";
import { ChartCard } from "./ChartCard";
import "./charts.css";
import { panelOf, sectionsOf, usualExtent } from "./layout";
import { type ChartRun, isClock } from "./lines";
import { type ChartSettings, type ChartView, useSettings } from "./settings";

interface Props {
  metrics: string[];
  runs: ChartRun[];
  view: ChartView;
  change: SetView<ChartView>;
}

export function Panels({ metrics, runs, view, change }: Props) {
  const settings = useSettings(view, change);
  const sections = useMemo(() => sectionsOf(metrics, view), [metrics, view]);
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
  const grid = useRef<HTMLElement>(null);
  const { width } = useBox(grid);
  const usual = usualExtent(view.size, width, metrics.length);
  const open = !view.fold.includes(name);
  const toggle = () => change({ fold: open ? [...view.fold, name] : view.fold.filter((one) => one !== name) }, "replace");
  return (
    <section aria-label={name} ref={grid}>
      <h2>
        <button type="button" onClick={toggle} aria-expanded={open}>
          <Icon name={open ? "down" : "right"} size={13} />
          {name} <span>{metrics.length}</span>
        </button>
      </h2>
      {open && (
        <div className="charts grid">
          {metrics.map((metric) => {
            const panel = panelOf(metric, metrics, view, change);
            return (
              <Cell key={metric} metric={metric} panel={panel} usual={usual} width={width}>
                {(height) => <ChartCard metric={metric} runs={runs} settings={settings} height={height} panel={panel} />}
              </Cell>
            );
          })}
        </div>
      )}
    </section>
  );
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
      <Hidden view={view} change={change} metrics={metrics} />
      {view.zoom && (
        <button type="button" className="button small on" onClick={() => change({ zoom: "" })}>
          <Icon name="close" size={12} /> zoom
        </button>
      )}
    </div>
  );
}

/** The charts that were taken off, to be put back. */
function Hidden({ view, change, metrics }: { view: ChartView; change: SetView<ChartView>; metrics: string[] }) {
  const off = view.off.filter((metric) => metrics.includes(metric));
  if (!off.length) return null;
  return (
    <Popover label={<>{off.length} off</>} title="Charts that are taken off" className="button small on">
      {() => (
        <>
          {off.map((metric) => (
            <button key={metric} type="button" className="item" onClick={() => change({ off: view.off.filter((one) => one !== metric) })}>
              <Icon name="plus" size={13} /> {metric}
            </button>
          ))}
        </>
      )}
    </Popover>
  );
}
