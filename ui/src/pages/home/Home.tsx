/** What there is: projects, and what ran lately. */
import { useQuery } from "@tanstack/react-query";
import { ask } from "../../api";
import { count } from "../../format";
import { Ago, Took } from "../../parts/Ago";
import { Grade, Status, Verdict } from "../../parts/Badge";
import { Link } from "../../parts/Link";
import { Failed, Skeleton, Start } from "../../parts/States";
import type { Project } from "../../schema";
import { rowsOf } from "../runs/data";
import "./home.css";

const columns = ["name", "status", "created", "duration", "verdict", "grade", "project", "tags.`anew.colour`"];
const mostRuns = 15;

export default function Home() {
  const projects = useQuery({
    queryKey: ["projects"],
    queryFn: ({ signal }) => ask("GET /api/v1/projects", {}, signal),
    meta: { runs: "survey" },
  });
  const runs = useLatest("latest", "");
  const broken = useLatest("broken", "status in ('failed', 'crashed')");
  if (projects.error) return <Failed error={projects.error} retry={() => void projects.refetch()} />;
  if (runs.data?.ids.length === 0) return <Start />;
  const known = projects.data?.projects.filter((one) => !one.deleted && one.runs > 0) ?? [];
  return (
    <div className="home">
      <h1 className="unseen">Home</h1>
      <section className="card" aria-label="Projects">
        <h2>
          Projects <span>{known.length}</span>
        </h2>
        {projects.data ? known.map((project) => <ProjectLine key={project.id} project={project} />) : <Skeleton rows={3} />}
      </section>
      <Latest title="Latest runs" found={runs.data} />
      {broken.data && broken.data.ids.length > 0 && <Latest title="Failed or crashed" found={broken.data} />}
    </div>
  );
}

function useLatest(name: string, query: string) {
  return useQuery({
    queryKey: ["table", "home", name],
    queryFn: ({ signal }) => ask("POST /api/v1/table", { body: { query, columns, count: mostRuns, reproductions: false } }, signal),
    meta: { runs: "all" },
  });
}

function ProjectLine({ project }: { project: Project }) {
  return (
    <Link href={`/runs?project=${encodeURIComponent(project.name)}`} className="line-link">
      <b>{project.name}</b>
      <span>{count(project.runs, "run")}</span>
    </Link>
  );
}

function Latest({ title, found }: { title: string; found: Parameters<typeof rowsOf>[0] | undefined }) {
  return (
    <section className="card latest" aria-label={title}>
      <h2>
        {title} <span>{found ? count(found.total, "run") : ""}</span>
      </h2>
      {!found && <Skeleton rows={6} />}
      {found &&
        rowsOf(found, columns).map((row) => (
          <Link key={row.id} href={`/runs/${row.id}`} className="line-link">
            <b>{row.name}</b>
            <span className="project">{row.cells.get("project")}</span>
            {row.status === "finished" ? <Verdict verdict={row.verdict} /> : <Status status={row.status} worded />}
            <Grade letter={row.grade} />
            <span className="right">
              <Took seconds={row.duration} since={row.status === "running" ? row.created : undefined} />
            </span>
            <span className="right">
              <Ago time={row.created} />
            </span>
          </Link>
        ))}
    </section>
  );
}
