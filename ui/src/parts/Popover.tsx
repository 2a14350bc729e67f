import { type ReactNode, useEffect, useRef, useState } from "react";

interface Props {
  label: ReactNode;
  title: string;
  className?: string;
  align?: "left" | "right";
  children: (close: () => void) => ReactNode;
}

/** A button and what it opens: closed by Escape, by a click elsewhere, or from within. */
export function Popover({ label, title, className = "button", align = "left", children }: Props) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!open) return;
    const outside = (event: MouseEvent) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("mousedown", outside);
    return () => document.removeEventListener("mousedown", outside);
  }, [open]);
  return (
    <div
      className="popover"
      ref={box}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        event.stopPropagation();
        close();
      }}
    >
      <button
        type="button"
        ref={button}
        className={className}
        title={title}
        aria-label={typeof label === "string" ? undefined : title}
        aria-expanded={open}
        aria-haspopup="dialog"
        onClick={() => setOpen(!open)}
      >
        {label}
      </button>
      {open && (
        <div className={`popup ${align}`} role="dialog" aria-label={title}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
