/** Everything that was compared: how, by which rules, and where it differs. */
import { useState } from "react";
import { count, number } from "../../format";
import { Heads } from "../../parts/Heads";
import { WideTable } from "../../parts/WideTable";
import type { Compared } from "../../schema";

const few = 40;

export function Outputs({ compared }: { compared: Compared[] }) {
  const [all, setAll] = useState(false);
  const sorted = [...compared].sort((one, other) => Number(one.equal) - Number(other.equal));
  const shown = all ? sorted : sorted.slice(0, few);
  if (!compared.length) return null;
  return (
    <section className="card" aria-label="What was compared">
      <h2>
        What came out <span>{count(compared.length, "output")} compared</span>
      </h2>
      <WideTable label="Outputs" className="left outputs">
        <Heads names={["output", "compared as", "recorded", "run anew"]} unseen="result" />
        <tbody>
          {shown.map((one) => (
            <Output key={`${one.kind} ${one.name}`} item={one} />
          ))}
        </tbody>
      </WideTable>
      {shown.length < sorted.length && (
        <button type="button" className="item" onClick={() => setAll(true)}>
          Show all {sorted.length}
        </button>
      )}
    </section>
  );
}

function Output({ item }: { item: Compared }) {
  const [before, after] = sides(item);
  return (
    <tr className={item.equal ? "" : "differs"}>
      <th scope="row">
        <span className="mono">{item.name}</span> {item.kind !== item.name && <small className="muted">{item.kind.replace("_", " ")}</small>}
      </th>
      <td className="muted">
        {item.how}
        {item.rules.length > 0 && <span title="differences set aside, each by a documented rule">; {item.rules.join(", ")} set aside</span>}
      </td>
      {before === null ? (
        <td colSpan={2} className="mono detail">
          {item.equal ? "" : [item.where, item.detail].filter(Boolean).join(": ")}
        </td>
      ) : (
        <>
          <td className="mono">{before}</td>
          <td className="mono">{after}</td>
        </>
      )}
      <td className={item.equal ? "ok" : "bad"}>
        <b aria-hidden="true">{item.equal ? "=" : "≠"}</b>
        <span className="unseen">{item.equal ? "same" : "differs"}</span>
      </td>
    </tr>
  );
}

/** The two values where they are short: a metric's last ones, or "before -> after" of a detail. */
function sides(item: Compared): [string, string] | [null, null] {
  if (item.last) return [shown(item.last[0]), shown(item.last[1])];
  const [before, after, ...more] = (item.detail ?? "").split(" -> ");
  if (item.equal || before === undefined || after === undefined || more.length || item.where || before.length > 24) return [null, null];
  return [before, after];
}

function shown(value: number | null | undefined): string {
  return typeof value === "number" ? number(value, 6) : "–";
}
