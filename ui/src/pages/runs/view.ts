import { chartDefaults } from "../../charts/settings";

/** All that the address of this page can say. */
export const runsDefaults = {
  ...chartDefaults,
  q: "",
  project: "",
  sort: "-created",
  col: [] as string[],
  group: "",
  open: [] as string[],
  pin: [] as string[],
  hide: [] as string[],
  sel: [] as string[],
  again: "",
  split: "53",
};

export type RunsView = typeof runsDefaults;
