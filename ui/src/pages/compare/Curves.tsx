/** All metrics of the compared runs on top of each other. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ask } from "../../api";
import { Panels } from "../../charts/Panels";
import { Skeleton } from "../../parts/States";
import type { SetView } from "../../url";
import { metricNames } from "../runs/data";
import { type ComparedRun, useChartRuns } from "./data";
import type { CompareView } from "./view";

interface Props {
  runs: ComparedRun[];
  view: CompareView;
  change: SetView<CompareView>;
}

export default function Curves({ runs, view, change }: Props) {
  const drawn = useChartRuns(runs);
  const ids = drawn.map((run) => run.id);
  const { data } = useQuery({
    queryKey: ["columns", "of runs", ids],
    queryFn: async ({ signal }) => (await ask("POST /api/v1/columns", { body: { runs: ids } }, signal)).columns,
    meta: { runs: "survey" },
  });
  const metrics = useMemo(() => metricNames(data ?? []), [data]);
  if (!data) return <Skeleton rows={8} />;
  return <Panels metrics={metrics} runs={drawn} view={view} change={change} />;
}
