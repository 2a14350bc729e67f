/** The pages: what the header and the palette list, and which code each loads. */
import { lazy, type ReactNode } from "react";

const Home = lazy(() => import("./pages/home/Home"));
const Runs = lazy(() => import("./pages/runs/Runs"));
const Run = lazy(() => import("./pages/run/Run"));

export const sections = [
  { path: "/", name: "Home" },
  { path: "/runs", name: "Runs" },
];

/** The page of a path, null where there is none. The rest of its view is in the search part of the address. */
export function pageOf(path: string): ReactNode {
  const [, section = "", ...rest] = path.split("/").map(decodeURIComponent);
  if (!section) return <Home />;
  if (section === "runs") return rest[0] ? <Run id={rest[0]} key={rest[0]} /> : <Runs />;
  return null;
}

export function isIn(path: string, section: string): boolean {
  return section === "/" ? path === "/" : path === section || path.startsWith(`${section}/`);
}
