/** What differs between the runs, row by row; what is the same is told once, and only when asked for. */
import { useMemo, useState } from "react";
import { colourOf, colourVar } from "../../colour";
import { number, plain } from "../../format";
import { Grade, Status, Verdict } from "../../parts/Badge";
import { Icon } from "../../parts/Icon";
import { Link } from "../../parts/Link";
import { save, toCsv } from "../../save";
import type { ComparedRow, Comparison } from "../../schema";
import type { SetView } from "../../url";
import { CodeDifference, type Sides } from "./CodeDifference";
import type { ComparedRun } from "./data";
import { bestOf, type Section, shownSections, sinks, tally } from "./differences";
import type { CompareView } from "./view";

interface Props {
  comparison: Comparison;
  runs: ComparedRun[];
  view: CompareView;
  change: SetView<CompareView>;
}

export function Differences({ comparison, runs, view, change }: Props) {
  const { sections } = comparison;
  const shown = useMemo(() => shownSections(sections, view.stat, view.same === "1", view.find), [sections, view.stat, view.same, view.find]);
  const { equal, different } = useMemo(() => tally(sections), [sections]);
  const [sides, setSides] = useState<Sides | null>(null);
  return (
    <section className="card differences" aria-label="Differences">
      <Bar view={view} change={change} equal={equal} different={different} csv={() => asCsv(runs, shown)} />
      <div className="sheet" tabIndex={0} role="region" aria-label="Differences, as a table">
        <table>
          <Head runs={runs} />
          {shown.map((section) => (
            <SectionRows key={section.name} section={section} runs={runs} view={view} change={change} show={setSides} />
          ))}
        </table>
        {shown.length === 0 && <p className="note">{view.find ? "Nothing has that in its name or values." : "Nothing differs but when they ran."}</p>}
      </div>
      {sides && <CodeDifference sides={sides} onClose={() => setSides(null)} />}
    </section>
  );
}

interface BarProps {
  view: CompareView;
  change: SetView<CompareView>;
  equal: number;
  different: number;
  csv: () => string;
}

function Bar({ view, change, equal, different, csv }: BarProps) {
  return (
    <h2 className="line">
      <input className="field" type="search" placeholder="Find a row" aria-label="Find a row" value={view.find} onChange={(event) => change({ find: event.target.value }, "replace")} />
      <select className="field" aria-label="Which value of a metric" value={view.stat} onChange={(event) => change({ stat: event.target.value })}>
        <option value="metrics">last values</option>
        <option value="least">least values</option>
        <option value="greatest">greatest values</option>
      </select>
      <button type="button" className={`button small ${view.same ? "on" : ""}`} aria-pressed={view.same === "1"} onClick={() => change({ same: view.same ? "" : "1" })}>
        and what is the same
      </button>
      <span>
        {different} differ, {equal} are the same
      </span>
      <span className="grow" />
      <button type="button" className="button small" onClick={() => save("comparison.csv", csv())}>
        Save as CSV
      </button>
    </h2>
  );
}

function asCsv(runs: ComparedRun[], sections: Section[]): string {
  const rows = sections.flatMap(({ name, rows }) => rows.map((row) => [name, row.name, ...runs.map((_, at) => row.values[row.equal ? 0 : at])]));
  return toCsv([["", "", ...runs.map((run) => run.name ?? run.id)], ...rows]);
}

function Head({ runs }: { runs: ComparedRun[] }) {
  return (
    <thead>
      <tr>
        <th scope="col">
          <span className="unseen">what</span>
        </th>
        {runs.map((run) => (
          <th key={run.id} scope="col">
            <div className="who">
              <i className="swatch" style={{ background: colourVar(colourOf(run.id, run.tags["anew.colour"])) }} />
              <Link href={`/runs/${run.id}`}>{run.name ?? run.id}</Link>
            </div>
            <div className="line">
              {run.status === "finished" ? <Verdict verdict={run.verdict} /> : <Status status={run.status} worded />}
              <Grade letter={run.grade} />
            </div>
          </th>
        ))}
      </tr>
    </thead>
  );
}

interface SectionProps {
  section: Section;
  runs: ComparedRun[];
  view: CompareView;
  change: SetView<CompareView>;
  show: (sides: Sides) => void;
}

function SectionRows({ section, runs, view, change, show }: SectionProps) {
  const metrics = section.name === "metrics";
  const turn = (name: string) => change({ turned: view.turned.includes(name) ? view.turned.filter((one) => one !== name) : [...view.turned, name] }, "replace");
  return (
    <tbody>
      <tr className="section">
        <th scope="rowgroup" colSpan={runs.length + 1}>
          <span>
            {section.name} <small>{section.rows.length}</small>
          </span>
        </th>
      </tr>
      {section.rows.map((row) => (
        <tr key={row.name}>
          <th scope="row">
            <span>{row.name}</span>
            {metrics && !row.equal && <Direction name={row.name} less={sinks(row.name, view.turned)} turn={() => turn(row.name)} />}
          </th>
          <Cells row={row} section={section.name} runs={runs} less={sinks(row.name, view.turned)} show={show} />
        </tr>
      ))}
    </tbody>
  );
}

function Direction({ name, less, turn }: { name: string; less: boolean; turn: () => void }) {
  const says = less ? "less is better" : "more is better";
  return (
    <button type="button" className="quiet direction" title={`${says}; turn it`} aria-label={`${name}: ${says}; turn it`} onClick={turn}>
      {less ? "↓" : "↑"}
    </button>
  );
}

interface CellsProps {
  row: ComparedRow;
  section: string;
  runs: ComparedRun[];
  less: boolean;
  show: (sides: Sides) => void;
}

function Cells({ row, section, runs, less, show }: CellsProps) {
  if (row.equal)
    return (
      <td colSpan={runs.length} className="equal">
        {shownValue(section, row.values[0])}
      </td>
    );
  const best = section === "metrics" ? bestOf(row.values, less) : [];
  const [first] = row.values;
  return row.values.map((value, at) => {
    const run = runs[at];
    const text = shownValue(section, value);
    const classes = [section === "metrics" || section === "config" ? "figure" : "", best.includes(at) ? "best" : "", value === first && at > 0 ? "as-first" : ""];
    const differs = section === "code" && typeof value === "string" && typeof first === "string" && value !== first && isDigest(value) && isDigest(first);
    return (
      <td key={run?.id ?? at} className={classes.filter(Boolean).join(" ")} title={plain(value)}>
        {best.includes(at) && <Icon name="check" size={12} />}
        {differs && run && runs[0] ? (
          <button type="button" className="text" onClick={() => show({ path: row.name, run: runs[0]?.id ?? "", digest: first, other: run.id, there: value, names: [runs[0]?.name ?? "", run.name ?? ""] })}>
            {text}
          </button>
        ) : (
          text
        )}
        {best.includes(at) && <span className="unseen"> best</span>}
      </td>
    );
  });
}

const digestLetters = 64;

function isDigest(value: string): boolean {
  return value.length >= digestLetters && /^[0-9a-f]+$/.test(value);
}

function shownValue(section: string, value: ComparedRow["values"][number] | undefined): string {
  if (value === null || value === undefined) return "–";
  if (section === "metrics" && typeof value === "number") return number(value);
  const text = plain(value);
  return (section === "code" || section === "data") && /^[0-9a-f]{40,}$/.test(text) ? text.slice(0, 10) : text;
}
