/** The pages: what the header and the palette list, and which code each loads. */
import { isValidElement, type ReactNode } from "react";
import { lazily } from "./lazily";

const Home = lazily(() => import("./pages/home/Home"));
const Runs = lazily(() => import("./pages/runs/Runs"));
const Run = lazily(() => import("./pages/run/Run"));
const Compare = lazily(() => import("./pages/compare/Compare"));
const Board = lazily(() => import("./pages/reproductions/Board"));
const Models = lazily(() => import("./pages/models/Models"));
const ModelPage = lazily(() => import("./pages/models/ModelPage"));
const Data = lazily(() => import("./pages/data/Data"));
const LineagePage = lazily(() => import("./pages/lineage/LineagePage"));
const Evidence = lazily(() => import("./pages/reproductions/Evidence"));

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

/** Fetch the page of a path, so that it is there when it is to be shown. */
export async function loadPage(path: string): Promise<void> {
  const page = pageOf(path);
  if (isValidElement(page)) await (page.type as typeof Home).load();
}

export function isIn(path: string, section: string): boolean {
  return section === "/" ? path === "/" : path === section || path.startsWith(`${section}/`);
}
