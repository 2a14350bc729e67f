/** What there is: projects, what runs and ran lately, what failed, what can be trusted, and what it takes on the disk. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { ask } from "../../api";
import { colourVar } from "../../colour";
import { count } from "../../format";
import { Ago, Took } from "../../parts/Ago";
import { Grade, Status, Verdict } from "../../parts/Badge";
import { Link } from "../../parts/Link";
import { Failed, Skeleton, Start } from "../../parts/States";
import type { Project } from "../../schema";
import { rowsOf } from "../runs/data";
import { Disk, Trust } from "./Shares";
import "./home.css";

const columns = ["name", "status", "created", "duration", "verdict", "grade", "project", "tags.`anew.colour`"];
const going = "status in ('running', 'scheduled')";
const broken = "status in ('failed', 'crashed', 'killed')";

export default function Home() {
  const projects = useQuery({
    queryKey: ["projects"],
    queryFn: ({ signal }) => ask("GET /api/v1/projects", {}, signal),
    meta: { runs: "survey" },
  });
  const latest = useLatest("latest", "", 18);
  const running = useLatest("running", going, 8);
  const failed = useLatest("failed", broken, 6);
  if (projects.error) return <Failed error={projects.error} retry={() => void projects.refetch()} />;
  if (latest.data?.ids.length === 0) return <Start />;
  // All at once: what came later would push the rest down.
  if (!projects.data || !latest.data || !running.data || !failed.data) return <Skeleton rows={16} />;
  const known = projects.data.projects.filter((one) => !one.deleted && one.runs > 0);
  return (
    <div className="home">
      <h1 className="unseen">Home</h1>
      <div className="column">
        <section className="card" aria-label="Projects">
          <h2>
            Projects <span>{known.length || ""}</span>
          </h2>
          <div className="projects">
            {known.map((project) => (
              <ProjectLine key={project.id} project={project} />
            ))}
          </div>
        </section>
        <Trust />
        <Disk />
      </div>
      <div className="column">
        {running.data.total > 0 && <Latest title="Running" href={runsOf(going)} found={running.data} />}
        <Latest title="Latest runs" href="/runs" found={latest.data} />
        {failed.data.total > 0 && <Latest title="Failed or crashed" href={runsOf(broken)} found={failed.data} />}
      </div>
    </div>
  );
}

function runsOf(query: string): string {
  return `/runs?q=${encodeURIComponent(query)}`;
}

function useLatest(name: string, query: string, most: number) {
  return useQuery({
    queryKey: ["table", "home", name],
    queryFn: ({ signal }) => ask("POST /api/v1/table", { body: { query, columns, count: most, reproductions: false } }, signal),
    meta: { runs: "all" },
    placeholderData: keepPreviousData,
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

interface LatestProps {
  title: string;
  href: string;
  found: Parameters<typeof rowsOf>[0];
}

function Latest({ title, href, found }: LatestProps) {
  const more = found.total - found.ids.length;
  return (
    <section className="card latest" aria-label={title}>
      <h2>
        {title}
        <Link href={href} className="text" aria-label={`${title}: all of them`}>
          {more > 0 ? `all ${found.total.toLocaleString("en")}` : "all"}
        </Link>
      </h2>
      {rowsOf(found, columns).map((row) => (
          <Link key={row.id} href={`/runs/${row.id}`} className="line-link">
            <i className="swatch" style={{ background: colourVar(row.colour) }} />
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
