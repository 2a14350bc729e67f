/** The pages: what the header and the palette list, and which code each loads. */
import { lazy, type ReactNode } from "react";

const Home = lazy(() => import("./pages/home/Home"));
const Runs = lazy(() => import("./pages/runs/Runs"));
const Run = lazy(() => import("./pages/run/Run"));
const Compare = lazy(() => import("./pages/compare/Compare"));
const Board = lazy(() => import("./pages/reproductions/Board"));
const Models = lazy(() => import("./pages/models/Models"));
const ModelPage = lazy(() => import("./pages/models/ModelPage"));
const Data = lazy(() => import("./pages/data/Data"));
const LineagePage = lazy(() => import("./pages/lineage/LineagePage"));
const Evidence = lazy(() => import("./pages/reproductions/Evidence"));

export const sections = [
  { path: "/", name: "Home" },
  { path: "/runs", name: "Runs" },
  { path: "/compare", name: "Compare" },
  { path: "/reproductions", name: "Reproductions" },
  { path: "/models", name: "Models" },
  { path: "/data", name: "Data" },
  { path: "/lineage", name: "Lineage" },
];

/** The page of a path, null where there is none. The rest of its view is in the search part of the address. */
export function pageOf(path: string): ReactNode {
  const [, section = "", ...rest] = path.split("/").map(decodeURIComponent);
  if (!section) return <Home />;
  if (section === "runs") return rest[0] ? <Run id={rest[0]} key={rest[0]} /> : <Runs />;
  if (section === "compare") return <Compare />;
  if (section === "reproductions") return rest[0] && rest[1] ? <Evidence id={rest[0]} seq={rest[1]} /> : <Board />;
  if (section === "models") return rest[0] ? <ModelPage name={rest.join("/")} /> : <Models />;
  if (section === "data") return <Data />;
  if (section === "lineage") return <LineagePage />;
  return null;
}

export function isIn(path: string, section: string): boolean {
  return section === "/" ? path === "/" : path === section || path.startsWith(`${section}/`);
}
