/** Pictures, sounds, films, distributions, tables, texts and pages of a run, over its steps. */
import { useMemo } from "react";
import { Content } from "../../content/Content";
import { saidKind } from "../../content/kinds";
import { contentAddress } from "../../content/part";
import { bytes, count } from "../../format";
import { SaveButton } from "../../parts/SaveButton";
import { Empty } from "../../parts/States";
import { itemsAt, type MediaGroup, type MediaItem, mediaOf, stepsOf } from "./media";
import type { PartProps } from "./Run";

const mostShown = 60;
const mostOfOne = 16;

export function Media({ run, view, change }: PartProps) {
  const groups = useMemo(() => mediaOf(run), [run]);
  const steps = useMemo(() => stepsOf(groups), [groups]);
  const named = groups.filter(({ name }) => name.toLowerCase().includes(view.find.toLowerCase()));
  // The small ones first, so that no gaps are left between them.
  const fits = [...named.filter((one) => !isWide(one)), ...named.filter(isWide)];
  const last = steps.length - 1;
  const place = view.at === "" ? last : Math.max(0, steps.findLastIndex((step) => step <= Number(view.at)));
  if (!groups.length) {
    return (
      <Empty title="No media">
        <p>This run logged no pictures, sounds, tables or texts. They are logged as numbers are:</p>
        <pre className="code">{'anew.log({"samples": image, "weights": anew.Histogram(weights)}, step=step)'}</pre>
      </Empty>
    );
  }
  return (
    <>
      <div className="media-bar">
        <input className="field" type="search" placeholder={`Find among ${groups.length}`} aria-label="Find media by name" value={view.find} onChange={(event) => change({ find: event.target.value }, "replace")} />
        {last > 0 && <Steps steps={steps} place={place} choose={(at) => change({ at: at === last ? "" : String(steps[at]) }, "replace")} />}
      </div>
      <div className="media">
        {fits.slice(0, mostShown).map((group) => (
          <Group key={group.name} run={run.id} group={group} items={itemsAt(group, steps[place] ?? 0)} />
        ))}
      </div>
      {fits.length > mostShown && <p className="note">{count(fits.length - mostShown, "name")} more: find them by name.</p>}
      {!fits.length && <p className="note">Nothing of that name.</p>}
    </>
  );
}

function Steps({ steps, place, choose }: { steps: number[]; place: number; choose: (place: number) => void }) {
  return (
    <label className="line">
      step
      <input type="range" min={0} max={steps.length - 1} value={place} aria-valuetext={`step ${steps[place]}`} onChange={(event) => choose(Number(event.target.value))} />
      <output>{steps[place]}</output>
    </label>
  );
}

/** What needs more room than a picture. */
function isWide({ items: [first], name }: MediaGroup): boolean {
  const kind = saidKind(first ?? { path: "" }) ?? "";
  const table = first?.type === "application/vnd.anew.table+json" && !/confusion|roc|curve/i.test(name);
  return table || ["html", "text", "video"].includes(kind);
}

function Group({ run, group, items }: { run: string; group: MediaGroup; items: MediaItem[] }) {
  const steps = new Set(group.items.map(({ step }) => step)).size;
  const [first] = items;
  return (
    <section className={`card medium ${isWide(group) ? "wide-medium" : ""} ${saidKind(first ?? { path: "" }) === "image" ? "pictures" : ""}`} aria-label={group.name}>
      <h2>
        <b>{group.name}</b>
        <span>{steps > 1 ? `step ${first?.step}, one of ${steps}` : first?.step !== null ? `step ${first?.step}` : bytes(first?.size ?? 0)}</span>
        {items.length === 1 && first && <Save run={run} item={first} />}
      </h2>
      <div className={items.length > 1 ? "several" : ""}>
        {items.slice(0, mostOfOne).map((item, at) => (
          <figure key={`${at} ${item.digest}`}>
            <Content run={run} file={item} />
            {item.caption && <figcaption>{item.caption}</figcaption>}
          </figure>
        ))}
      </div>
      {items.length > mostOfOne && <p className="aside">and {items.length - mostOfOne} more of this step</p>}
    </section>
  );
}

const endings: Record<string, string> = { "image/png": "png", "image/jpeg": "jpg", "text/plain": "txt", "text/html": "html" };

function Save({ run, item }: { run: string; item: MediaItem }) {
  const ending = endings[item.type ?? ""] ?? (item.type?.endsWith("json") ? "json" : "");
  const last = item.path.split("/").at(-1) ?? "file";
  return <SaveButton address={contentAddress(run, item.digest)} name={ending ? `${last}-${item.step ?? 0}.${ending}` : last} />;
}

