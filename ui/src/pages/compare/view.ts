import { chartDefaults } from "../../charts/settings";

/** All that the address of this page can say. */
export const compareDefaults = {
  ...chartDefaults,
  run: [] as string[],
  tab: "differences",
  /** The runs around those that are compared: what importance is told from, and what can be drawn with them. */
  q: "",
  project: "",
  stat: "metrics",
  same: "",
  find: "",
  /** Metrics of which the other end is best than their name says. */
  turned: [] as string[],
  all: "",
  target: "",
  axis: [] as string[],
  /** Axes that are drawn by value where they would be by magnitude, or the other way round. */
  scale: [] as string[],
  brush: [] as string[],
  across: "",
  tint: "",
  step: "",
};

export type CompareView = typeof compareDefaults;
