import { plain } from "../../format";
import { Copy } from "../../parts/Copy";
import { Empty } from "../../parts/States";
import type { PartProps } from "./Run";

export function Config({ run, view, change }: PartProps) {
  const all = Object.entries(run.config);
  const fits = all.filter(([name, value]) => `${name} ${plain(value)}`.toLowerCase().includes(view.find.toLowerCase()));
  if (!all.length) {
    return (
      <Empty title="No config">
        <p>This run parsed no arguments, and logged no settings. Either is noticed:</p>
        <pre className="code">{"parser.add_argument(\"--lr\", type=float)\nanew.init(config={\"lr\": 0.01})"}</pre>
      </Empty>
    );
  }
  return (
    <section className="card" aria-label="Config">
      <h2 className="line">
        <input className="field" type="search" placeholder={`Find among ${all.length}`} aria-label="Find a setting" value={view.find} onChange={(event) => change({ find: event.target.value }, "replace")} />
        <Copy text={() => JSON.stringify(run.config, null, 2)} what="the config as JSON">
          JSON
        </Copy>
      </h2>
      <table className="results left">
        <tbody>
          {fits.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td className="mono">
                {plain(value)}
                {run.config_conflicts[name] && <span className="muted"> (also {run.config_conflicts[name].map(plain).join(", ")})</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {!fits.length && <p className="note">Nothing fits.</p>}
    </section>
  );
}
