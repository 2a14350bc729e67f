/** Two wholes and their parts: the runs by verdict, and the disk by what takes it. */
import { useQuery } from "@tanstack/react-query";
import { ask } from "../../api";
import { bytes, plain } from "../../format";
import { Verdict } from "../../parts/Badge";
import { Link } from "../../parts/Link";
import { Skeleton } from "../../parts/States";

interface Share {
  name: string;
  size: number;
  colour: string;
}

/** A bar in parts; what they are is said below it. */
function Bar({ shares, label }: { shares: Share[]; label: string }) {
  const whole = shares.reduce((sum, { size }) => sum + size, 0);
  return (
    <div className="shares" role="img" aria-label={label}>
      {shares.map(({ name, size, colour }) => size > 0 && <i key={name} style={{ flexGrow: size / (whole || 1), background: colour }} />)}
    </div>
  );
}

const verdicts: [verdict: string | null, colour: string][] = [
  ["identical", "var(--ok)"],
  ["equivalent", "var(--near)"],
  ["diverged", "var(--bad)"],
  ["failed", "var(--run8)"],
  ["not_reproducible", "var(--warn)"],
  [null, "var(--line)"],
];

export function Trust() {
  const { data } = useQuery({
    queryKey: ["groups", "home", "verdict"],
    queryFn: ({ signal }) => ask("GET /api/v1/groups", { query: { by: "verdict", reproductions: "false" } }, signal),
    meta: { runs: "survey" },
  });
  const shares = verdicts.map(([verdict, colour]) => ({
    verdict,
    name: verdict ?? "not run anew",
    colour,
    size: Number(data?.groups.find((group) => group.verdict === verdict)?.count ?? 0),
  }));
  const whole = shares.reduce((sum, { size }) => sum + size, 0);
  const tried = whole - (shares.at(-1)?.size ?? 0);
  return (
    <section className="card" aria-label="Verdicts">
      <h2>
        Run anew <span>{data ? `${tried.toLocaleString("en")} of ${whole.toLocaleString("en")} runs` : ""}</span>
      </h2>
      {data ? <Bar shares={shares} label={`${tried} of ${whole} runs were run anew`} /> : <Skeleton rows={1} />}
      {shares.map(
        ({ verdict, name, size }) =>
          size > 0 && (
            <Link key={name} href={`/runs?q=${encodeURIComponent(verdict ? `verdict = '${verdict}'` : "verdict is null")}`} className="line-link">
              <Verdict verdict={verdict} />
              <span>{size.toLocaleString("en")}</span>
            </Link>
          ),
      )}
    </section>
  );
}

const parts: [part: string, name: string, colour: string][] = [
  ["objects", "contents: code, data, models, media", "var(--run0)"],
  ["runs", "journals: metrics, settings, output", "var(--run2)"],
  ["index", "index, made anew at any time", "var(--run3)"],
];

export function Disk() {
  const { data } = useQuery({
    queryKey: ["usage"],
    queryFn: ({ signal }) => ask("GET /api/v1/usage", {}, signal),
    staleTime: 60_000,
  });
  const named = parts.map(([part, name, colour]) => ({ name, colour, size: Number(data?.parts[part] ?? 0) }));
  const whole = Object.values(data?.parts ?? {}).reduce((sum, size) => sum + size, 0);
  const shares = [...named, { name: "all else", colour: "var(--faint)", size: whole - named.reduce((sum, { size }) => sum + size, 0) }];
  const told = shares.map(({ name, size }) => `${name} ${bytes(size)}`).join(", ");
  return (
    <section className="card" aria-label="On the disk">
      <h2>
        On the disk <span>{data ? `${bytes(whole)}, ${bytes(data.free)} free` : ""}</span>
      </h2>
      {data ? <Bar shares={shares} label={plain(told)} /> : <Skeleton rows={1} />}
      {shares.map(({ name, colour, size }) => (
        <p key={name} className="line-link">
          <i className="swatch" style={{ background: colour }} />
          <span className="grow">{name}</span>
          <span>{bytes(size)}</span>
        </p>
      ))}
    </section>
  );
}
