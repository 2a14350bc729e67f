/** What moves a metric: how much of its differences each setting accounts for, over all runs around the compared ones. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { ApiError, ask } from "../../api";
import { Figure } from "../../content/Figure";
import { count, label } from "../../format";
import { type TableCell, tableSvg } from "../../parts/picture";
import { Failed, Skeleton } from "../../parts/States";
import { WideTable } from "../../parts/WideTable";
import type { Importance as Found } from "../../schema";
import { css } from "../../theme";
import { ColumnSelect } from "./Choosers";
import { targetOf, useVarying } from "./data";
import type { PartProps } from "./Parallel";

export default function Importance({ around, view, change }: PartProps) {
  const columns = useVarying(around, null);
  const target = targetOf(view, columns ?? []);
  const { data, error } = useQuery({
    queryKey: ["importance", around, target],
    queryFn: ({ signal }) => ask("POST /api/v1/importance", { body: { ...around, metric: target } }, signal),
    meta: { runs: "survey" },
    enabled: target !== "",
    placeholderData: keepPreviousData,
  });
  if (error) return <Failed error={error instanceof ApiError ? error : String(error)} />;
  if (!columns) return <Skeleton rows={8} />;
  if (!target) return <p className="note">These runs share no metric that differs.</p>;
  const metrics = columns.filter(({ space, number }) => space === "metrics" && number);
  const wide = around.query ? "that pass the filter" : around.project ? `of ${around.project}` : "of all";
  return (
    <div className="column">
      <div className="parts-bar">
        <ColumnSelect title="what moves" columns={metrics} value={target} choose={(name) => change({ target: name })} />
        {data && (
          <span role="status">
            among the {count(data.runs, "run")} {wide} that logged it
          </span>
        )}
      </div>
      <section className="card" aria-label="Importance">
        {!data && <Skeleton rows={6} />}
        {data && data.parameters.length > 0 && (
          <Figure className="bars" title={`What moves ${label(target)}`} plain table={() => figuresOf(data)} svg={() => drawnOf(data, `What moves ${label(target)}`)}>
            <Bars found={data} onOpen={(name) => change({ tab: "scatter", across: name, target, all: "1" })} />
          </Figure>
        )}
        {data?.parameters.length === 0 && <p className="note">No setting varies among three runs at least that logged it.</p>}
      </section>
      <p className="muted method">
        Importance is the share of the variance of {label(target)}, taken by its ranks, that lies between the values of a setting (the correlation ratio), less what random groups would
        have. Correlation is Spearman's. Settings are looked at one by one: what two do together only is not seen, and of settings that were always changed together both are named.
      </p>
    </div>
  );
}

const heads = ["setting", "importance", "correlation", "values", "runs"];

function figuresOf({ parameters }: Found) {
  return { columns: heads, rows: parameters.map((one) => [one.label, one.importance, one.correlation, one.values, one.runs]) };
}

function drawnOf({ parameters }: Found, title: string): string {
  const rows = parameters.map(({ label, importance, correlation, values, runs }): TableCell[] => {
    const half = (correlation ?? 0) / 2;
    return [
      { text: label },
      { text: importance.toFixed(2), bar: { from: 0, to: importance, colour: css("--accent-soft") } },
      { text: correlation === null ? "no order" : signed(correlation), bar: { from: 0.5 + Math.min(0, half), to: 0.5 + Math.max(0, half), colour: css(half < 0 ? "--warn-soft" : "--near-soft") } },
      { text: String(values) },
      { text: String(runs) },
    ];
  });
  return tableSvg(title, heads, rows, 110);
}

function signed(value: number): string {
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(2)}`;
}

function Bars({ found, onOpen }: { found: Found; onOpen: (name: string) => void }) {
  return (
    <WideTable label="Importance" className="importance">
      <thead>
        <tr>
          <th scope="col">setting</th>
          <th scope="col" className="bar-head">
            importance
          </th>
          <th scope="col" className="bar-head">
            correlation
          </th>
          <th scope="col">values</th>
          <th scope="col">runs</th>
        </tr>
      </thead>
      <tbody>
        {found.parameters.map((one) => (
          <tr key={one.name}>
            <th scope="row">
              <button type="button" className="text" title="Draw it" onClick={() => onOpen(one.name)}>
                {one.label}
              </button>
            </th>
            <td>
              <div className="bar-cell">
                <i className="share" style={{ width: `${one.importance * 100}%` }} />
                <b>{one.importance.toFixed(2)}</b>
              </div>
            </td>
            <td>{one.correlation === null ? <span className="muted">no order</span> : <Correlation value={one.correlation} />}</td>
            <td>{one.values}</td>
            <td>{one.runs}</td>
          </tr>
        ))}
      </tbody>
    </WideTable>
  );
}

/** From the middle to the right where both rise together, to the left where one falls. */
function Correlation({ value }: { value: number }) {
  const width = `${Math.abs(value) * 50}%`;
  return (
    <div className="bar-cell">
      <i className={value < 0 ? "falls" : "rises"} style={value < 0 ? { right: "50%", width } : { left: "50%", width }} />
      <b>{signed(value)}</b>
    </div>
  );
}
