import { memo } from "react";
import { Grade, Status, Verdict } from "../../parts/Badge";
import { Icon } from "../../parts/Icon";
import { Link } from "../../parts/Link";
import { colourVar } from "../../colour";
import { CellContent, type GridColumn } from "./cells";
import type { Row } from "./data";
import { RowMenu } from "./RowMenu";

interface Props {
  row: Row | undefined;
  index: number;
  /** Where the row lies in the scrolled area; one that is pinned lies above it. */
  top?: number;
  charted: boolean;
  current: boolean;
  pinned?: boolean;
  inset?: boolean;
  columns: GridColumn[];
  /** The column that the table is sorted by. */
  sorted: string;
  toggle: (id: string) => void;
}

/** Drawn again only when something of it changes: while the table is scrolled, most rows stay. */
export const RunRow = memo(function RunRow({ row, index, top, charted, current, pinned = false, inset = false, columns, sorted, toggle }: Props) {
  const place = top === undefined ? {} : { transform: `translateY(${top}px)` };
  const classes = ["row", charted && "charted", current && "current", pinned && "pinned", inset && "inset", top !== undefined && "placed"];
  if (!row) return <div role="row" className={classes.filter(Boolean).join(" ")} style={place} aria-rowindex={index + 2} aria-busy="true" />;
  return (
    <div role="row" className={classes.filter(Boolean).join(" ")} style={place} aria-rowindex={index + 2} aria-selected={charted}>
      <div role="rowheader" className="first">
        <input
          type="checkbox"
          className="pick"
          style={{ "--colour": colourVar(row.colour) } as React.CSSProperties}
          checked={charted}
          onChange={() => toggle(row.id)}
          aria-label={`${row.name} in the charts`}
        />
        {pinned && <Icon name="pin" size={12} />}
        <Link href={`/runs/${row.id}`} title={row.name}>
          {row.name}
        </Link>
        <Status status={row.status} />
      </div>
      <div role="gridcell">
        {row.status === "running" ? <span className="badge warn">◔ running</span> : row.status === "failed" || row.status === "crashed" ? <span className="badge bad">✕ {row.status}</span> : <Verdict verdict={row.verdict} />}
      </div>
      <div role="gridcell">
        <Grade letter={row.grade} />
      </div>
      {columns.map((column) => (
        <div key={column.name} role="gridcell" className={`${column.right ? "right" : ""} ${column.kind} ${sorted === column.name ? "sorted" : ""}`}>
          <CellContent column={column} row={row} />
        </div>
      ))}
      <div role="gridcell">
        <RowMenu row={row} />
      </div>
    </div>
  );
});
