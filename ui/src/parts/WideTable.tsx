import type { ReactNode } from "react";

/** A table that is scrolled sideways where there is no room for it. */
export function WideTable({ label, className, children }: { label: string; className: string; children: ReactNode }) {
  return (
    <div className="wide-table" tabIndex={0} role="region" aria-label={`${label}, as a table`}>
      <table className={`results ${className}`}>{children}</table>
    </div>
  );
}
