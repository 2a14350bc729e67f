import { pieces } from "./ansi";

/** A line in the colours that a terminal would give it. */
export function coloured(text: string) {
  return pieces(text).map((piece, at) => (
    <span key={at} className={piece.classes}>
      {piece.text}
    </span>
  ));
}
