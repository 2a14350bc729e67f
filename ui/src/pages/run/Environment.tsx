/** What it ran on: Python and its packages, the machine, variables, threads, randomness, compiled libraries. */
import type { ReactNode } from "react";
import { useState } from "react";
import { isList, isRecord } from "../../content/kinds";
import { bytes, count, plain } from "../../format";
import { Copy } from "../../parts/Copy";
import { Facts } from "../../parts/Facts";
import { Empty } from "../../parts/States";
import type { Document } from "../../schema";
import type { PartProps } from "./Run";

export function packagesOf(run: Document): [string, unknown][] {
  return entries(run.environment.packages);
}

function entries(value: unknown): [string, unknown][] {
  return isRecord(value) ? Object.entries(value) : [];
}

export function Environment({ run, view, change }: PartProps) {
  const { environment, hardware, seeds } = run;
  if (![environment, hardware, seeds].some((one) => Object.keys(one).length)) {
    return (
      <Empty title="Not known">
        <p>Nothing was captured of what this run ran on: it was not run by anew run.</p>
      </Empty>
    );
  }
  const edited = new Set(entries(environment.edited).map(([name]) => name));
  return (
    <div className="beside">
      <div className="column">
        <Python run={run} />
        <Machine hardware={hardware} environment={environment} />
        <Randomness seeds={seeds} />
      </div>
      <div className="column">
        <Listed title="Packages" rows={packagesOf(run)} find={view.find} setFind={(find) => change({ find }, "replace")} mark={(name) => (edited.has(name) ? "changed after it was installed" : "")} />
        <Listed title="Variables" rows={entries(run.variables)} />
        <Listed title="Compiled libraries" rows={entries(environment.native)} />
      </div>
    </div>
  );
}

function Card({ title, says, children }: { title: string; says?: ReactNode; children: ReactNode }) {
  return (
    <section className="card" aria-label={title}>
      <h2>
        {title} <span>{says}</span>
      </h2>
      {children}
    </section>
  );
}

function Python({ run }: { run: Document }) {
  const { python, implementation, executable, digest } = run.environment;
  return (
    <Card title="Python" says={plain(implementation)}>
      <Facts
        rows={[
          ["version", plain(python)],
          ["interpreter", <code key="">{plain(executable)}</code>],
          ["folder", <code key="">{run.cwd}</code>],
          ["digest of all", digest ? <code title={plain(digest)}>{plain(digest).slice(0, 16)}</code> : ""],
        ]}
      />
    </Card>
  );
}

function Machine({ hardware, environment }: { hardware: Record<string, unknown>; environment: Record<string, unknown> }) {
  const gpus = isList(hardware.gpus) ? hardware.gpus : [];
  const threads = entries(environment.threads).map(([name, value]) => `${name} ${plain(value)}`);
  return (
    <Card title="Hardware" says={plain(hardware.machine)}>
      <Facts
        rows={[
          ["processor", plain(hardware.cpu)],
          ["cores", hardware.cores ? `${plain(hardware.cores_usable)} of ${plain(hardware.cores)} usable${hardware.cpu_quota ? `, quota ${plain(hardware.cpu_quota)}` : ""}` : ""],
          ["instructions", isList(hardware.cpu_features) ? hardware.cpu_features.map(plain).join(" ") : ""],
          ["memory", typeof hardware.memory_bytes === "number" ? bytes(hardware.memory_bytes) : ""],
          ["GPUs", gpus.length ? gpus.map((gpu, at) => <div key={at}>{isRecord(gpu) ? [gpu.name, gpu.memory, gpu.driver].map(plain).filter(Boolean).join(", ") || plain(gpu) : plain(gpu)}</div>) : "none"],
          ["system", plain(hardware.os)],
          ["threads", threads.join(", ")],
        ]}
      />
    </Card>
  );
}

/** Each generator: how it began, and whether chance got in. */
function Randomness({ seeds }: { seeds: Record<string, unknown> }) {
  const generators = entries(seeds.generators);
  const seeded = isList(seeds.seeded) ? seeds.seeded.filter(isRecord) : [];
  if (!Object.keys(seeds).length) return null;
  return (
    <Card title="Randomness" says={seeds.replayable === true ? "can be put back" : ""}>
      <Facts
        rows={[
          ["hash seed", plain(seeds.hash_seed) + (seeds.hash_randomized === true ? ", random" : "")],
          ...seeded.map((call): [string, ReactNode] => [plain(call.generator), `seeded with ${plain(call.seed)}`]),
          ...generators.map(([name, state]): [string, ReactNode] => [name, isRecord(state) ? told(state) : plain(state)]),
          ...entries(seeds.draws).map(([name, drawn]): [string, ReactNode] => [`${name} (system)`, isRecord(drawn) ? `${count(Number(drawn.times), "draw")}, ${bytes(Number(drawn.bytes))}` : plain(drawn)]),
        ]}
      />
    </Card>
  );
}

function told(state: Record<string, unknown>): string {
  if (state.seeded) return "seeded by the script";
  return state.drawn_unseeded ? "drawn from without a seed; its start is kept" : "not drawn from; its start is kept";
}

interface ListedProps {
  title: string;
  rows: [string, unknown][];
  find?: string;
  setFind?: (find: string) => void;
  mark?: (name: string) => string;
}

/** Names with values, to be searched where there are many. */
function Listed({ title, rows, find, setFind, mark }: ListedProps) {
  const [typed, setTyped] = useState("");
  const asked = (find ?? typed).toLowerCase();
  const fits = rows.filter(([name, value]) => `${name} ${plain(value)}`.toLowerCase().includes(asked));
  if (!rows.length) return null;
  return (
    <Card
      title={title}
      says={
        <span className="line">
          {rows.length > 8 && <input className="field small" type="search" placeholder={`Find among ${rows.length}`} aria-label={`Find among the ${title.toLowerCase()}`} value={find ?? typed} onChange={(event) => (setFind ?? setTyped)(event.target.value)} />}
          <Copy text={() => fits.map(([name, value]) => `${name}${title === "Packages" ? "==" : "="}${plain(value)}`).join("\n")} what={`the ${title.toLowerCase()}`} />
        </span>
      }
    >
      <div className="listed" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
        <table className="results left">
          <tbody>
            {fits.map(([name, value]) => (
              <tr key={name}>
                <th scope="row" className="mono">
                  {name}
                </th>
                <td className="mono">
                  {shown(value)} {mark?.(name) && <small className="warn">{mark(name)}</small>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        {!fits.length && <p className="note">Nothing fits.</p>}
      </div>
    </Card>
  );
}

function shown(value: unknown): string {
  return isRecord(value) ? Object.entries(value).map(([name, one]) => `${name} ${plain(one)}`).join(", ") : plain(value);
}
