/** What can be done with any drawing: seen as a table, saved as figures or as a picture. */
import type { ReactNode } from "react";
import { save, toCsv } from "../save";
import { Icon } from "./Icon";
import { pngOf } from "./picture";
import { Popover } from "./Popover";

export type Then = (act: () => void) => () => void;

interface Props {
  title: string;
  /** What is drawn, in rows; the first names the columns. */
  rows: () => unknown[][];
  /** The drawing; null while there is none. */
  svg?: () => string | null | Promise<string | null>;
  /** Whether the table is shown, and how to change it: where it does not stand beside the drawing already. */
  table?: [on: boolean, set: (on: boolean) => void];
  more?: (then: Then) => ReactNode;
}

export function FigureMenu({ title, rows, svg, table, more }: Props) {
  const name = title.replace(/[^\w.-]+/g, "-").slice(0, 100);
  const drawn = async (use: (svg: string) => void | Promise<void>) => {
    const found = await svg?.();
    if (found) await use(found);
  };
  const asSvg = () => void drawn((text) => save(`${name}.svg`, new Blob([text], { type: "image/svg+xml" })));
  const asPng = () =>
    void drawn(async (text) => {
      const picture = await pngOf(text);
      if (picture) save(`${name}.png`, picture);
    });
  return (
    <Popover label={<Icon name="more" />} title={`${title}: more`} className="quiet" align="right">
      {(close) => {
        const then: Then = (act) => () => {
          act();
          close();
        };
        return (
          <>
            {table && <Item act={then(() => table[1](!table[0]))}>{table[0] ? "View as chart" : "View as table"}</Item>}
            <Item act={then(() => save(`${name}.csv`, toCsv(rows())))}>Save what is drawn as CSV</Item>
            {svg && (
              <>
                <Item act={then(asPng)} off={table?.[0]}>
                  Save as PNG
                </Item>
                <Item act={then(asSvg)} off={table?.[0]}>
                  Save as SVG
                </Item>
              </>
            )}
            {more?.(then)}
          </>
        );
      }}
    </Popover>
  );
}

export function Item({ act, off = false, children }: { act: () => void; off?: boolean | undefined; children: ReactNode }) {
  return (
    <button type="button" className="item" disabled={off} onClick={act}>
      {children}
    </button>
  );
}
