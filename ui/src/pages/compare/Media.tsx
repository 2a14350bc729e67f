/** What the runs drew, said and showed, side by side, as it stood at one step. */
import { useQuery } from "@tanstack/react-query";
import { useMemo, useRef } from "react";
import { ask } from "../../api";
import { colourVar } from "../../colour";
import type { ChartRun } from "../../charts/lines";
import { Content } from "../../content/Content";
import { saidKind } from "../../content/kinds";
import { count } from "../../format";
import { useBox } from "../../parts/box";
import { Link } from "../../parts/Link";
import { Failed, Skeleton } from "../../parts/States";
import type { MediaItem } from "../../schema";
import { useChartRuns } from "./data";
import { itemsAt, type Shelf, shelves, stepsOf } from "./media";
import type { PartProps } from "./Parallel";

const mostShelves = 40;
const mostAtOnce = 4;

export default function Media({ runs, view, change }: PartProps) {
  const drawn = useChartRuns(runs);
  const ids = runs.map((run) => run.id);
  const { data, error } = useQuery({
    queryKey: ["media", ids],
    queryFn: async ({ signal }) => (await ask("POST /api/v1/media", { body: { runs: ids } }, signal)).media,
    meta: { runs: ids },
  });
  const all = useMemo(() => shelves(data ?? []), [data]);
  const steps = useMemo(() => stepsOf(data ?? []), [data]);
  if (error) return <Failed error={error} />;
  if (!data) return <Skeleton rows={8} />;
  if (!data.length) return <p className="note">None of these runs logged pictures, tables, sounds or texts, or wrote a picture.</p>;
  const last = steps.length - 1;
  const place = view.step === "" ? last : Math.max(0, steps.findLastIndex((step) => step <= Number(view.step)));
  const found = all.filter(({ name }) => name.toLowerCase().includes(view.find.toLowerCase()));
  return (
    <div className="column">
      <div className="parts-bar">
        <input className="field" type="search" placeholder={`Find among ${all.length}`} aria-label="Find media by name" value={view.find} onChange={(event) => change({ find: event.target.value }, "replace")} />
        {last > 0 && (
          <label className="select steps">
            step
            <input
              type="range"
              min={0}
              max={last}
              value={place}
              aria-valuetext={`step ${steps[place]}`}
              onChange={(event) => change({ step: Number(event.target.value) === last ? "" : String(steps[Number(event.target.value)]) }, "replace")}
            />
            <output>{steps[place]}</output>
          </label>
        )}
      </div>
      {found.slice(0, mostShelves).map((shelf) => (
        <Row key={shelf.name} shelf={shelf} runs={drawn} step={steps[place] ?? 0} />
      ))}
      {found.length > mostShelves && <p className="note">{count(found.length - mostShelves, "name")} more: find them by name.</p>}
      {!found.length && <p className="note">Nothing of that name.</p>}
    </div>
  );
}

function Row({ shelf, runs, step }: { shelf: Shelf; runs: ChartRun[]; step: number }) {
  const box = useRef<HTMLElement>(null);
  const { seen } = useBox(box);
  const steps = stepsOf(shelf.items).length;
  const [first] = shelf.items;
  const kind = first && saidKind({ path: first.key, type: first.type });
  const cells = runs.map((run) => ({ run, items: itemsAt(shelf, run.id, step) }));
  const [having, without] = [cells.filter(({ items }) => items.length > 0), cells.filter(({ items }) => !items.length)];
  const picture = kind === "image" || kind === "vector";
  return (
    <section className="card" aria-label={shelf.name} ref={box}>
      <h2>
        {shelf.name} <span>{steps > 1 ? `${steps} steps` : ""}</span>
      </h2>
      <div className={`side-by-side ${picture ? "" : "broad-cells"}`}>
        {having.map(({ run, items }) => (
          <Cell key={run.id} run={run} items={items} seen={seen} />
        ))}
      </div>
      {without.length > 0 && <p className="aside">Nothing of it in {without.map(({ run }) => run.name).join(", ")}.</p>}
    </section>
  );
}

function Cell({ run, items, seen }: { run: ChartRun; items: MediaItem[]; seen: boolean }) {
  const [first] = items;
  return (
    <figure>
      <figcaption className="who">
        <i className="swatch" style={{ background: colourVar(run.colour) }} />
        <Link href={`/runs/${run.id}?tab=media`}>{run.name}</Link>
        {first?.step !== undefined && <small>step {first.step}</small>}
      </figcaption>
      {seen && items.slice(0, mostAtOnce).map((item, at) => <Content key={`${at} ${item.digest}`} run={run.id} file={{ path: `${run.name}/${item.key}`, digest: item.digest, type: item.type, size: item.size, caption: item.caption ?? `${item.key} of ${run.name}` }} />)}
      {items.length > mostAtOnce && <p className="muted">and {items.length - mostAtOnce} more</p>}
    </figure>
  );
}
