/** How all charts of a page are drawn; it stands in the address. */
import { useMemo } from "react";
import type { SetView } from "../url";
import { clockOf, type Range, type XAxis } from "./lines";

export const chartDefaults = {
  x: "step",
  smooth: "0.6",
  log: "",
  clip: "",
  zoom: "",
  size: "m",
  metric: "",
  fold: [] as string[],
  order: [] as string[],
  off: [] as string[],
  /** Charts of a size of their own. */
  panel: [] as string[],
};

export type ChartView = typeof chartDefaults;

export interface ChartSettings {
  x: XAxis;
  smooth: number;
  log: boolean;
  clip: boolean;
  zoom: Range | null;
  setZoom: (range: Range | null) => void;
}

export function useSettings(view: ChartView, change: SetView<ChartView>): ChartSettings {
  const { x, smooth, log, clip, zoom } = view;
  return useMemo(
    () => ({
      x: isAxis(x) ? x : "step",
      smooth: Math.min(0.999, Math.max(0, Number(smooth) || 0)),
      log: log === "1",
      clip: clip === "1",
      zoom: readRange(zoom),
      setZoom: (range) => change({ zoom: range ? range.map((end) => Number(end.toPrecision(10))).join("..") : "" }),
    }),
    [x, smooth, log, clip, zoom, change],
  );
}

function isAxis(text: string): text is XAxis {
  return text === "relative" || text === "wall" || clockOf(text as XAxis) !== "";
}

function readRange(text: string): Range | null {
  const [low, high] = text.split("..").map(Number);
  return text && low !== undefined && high !== undefined && low < high ? [low, high] : null;
}
