/** A drawing with its menu: as a table instead, or saved. */
import { type ReactNode, useRef, useState } from "react";
import { FigureMenu } from "../parts/FigureMenu";
import { type LegendLine, svgText, variable } from "../parts/picture";
import type { Rows } from "./kinds";
import { RowsTable } from "./RowsTable";

interface Props {
  title: string;
  /** What is drawn, in figures. */
  table: () => Rows;
  /** Names with colours of the theme. */
  legend?: LegendLine[];
  /** The drawing, where the SVG in the page is not all of it. */
  svg?: () => string | null | Promise<string | null>;
  /** The drawing is a table already. */
  plain?: boolean;
  className?: string;
  children: ReactNode;
}

export function Figure({ title, table, legend = [], svg, plain = false, className = "drawn", children }: Props) {
  const box = useRef<HTMLElement>(null);
  const [asTable, setAsTable] = useState(false);
  const found = () => {
    const element = box.current?.querySelector<SVGSVGElement>("svg:not(.icon)");
    return element ? svgText(element, { title, legend: legend.map(({ name, colour }) => ({ name, colour: resolved(colour) })) }) : null;
  };
  const rows = () => {
    const { columns, rows } = table();
    return [columns, ...rows];
  };
  return (
    <figure className={`figure ${className}`} ref={box}>
      <div className="figure-menu">
        <FigureMenu title={title} rows={rows} svg={svg ?? found} {...(!plain && { table: [asTable, setAsTable] })} />
      </div>
      {asTable && <RowsTable table={table()} label={title} />}
      <div hidden={asTable}>{children}</div>
    </figure>
  );
}

/** `var(--x)` as it is in the theme that is seen. */
export function resolved(colour: string): string {
  const name = /^var\((--[\w-]+)\)$/.exec(colour)?.[1];
  return name ? variable(name) : colour;
}
