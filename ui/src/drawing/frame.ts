/** What runs in the frame of a drawing: a page of no origin, which is given a description and may ask for nothing. */

/** The colours of the page around: what is drawn fits in where it sets none of its own. */
export interface Look {
  dark: boolean;
  /** Drawn under it, so that what is saved is read anywhere. */
  surface: string;
  text: string;
  muted: string;
  line: string;
}

/** Draws into the page; gives what writes the drawing as SVG, and what was left out of it. */
export type Draw = (spec: Record<string, unknown>, place: HTMLElement, look: Look) => Promise<{ svg: () => Promise<string>; left: string[] }>;

export function drawWhenAsked(draw: Draw): void {
  const place = document.createElement("div");
  document.body.append(place);
  // Of a frame without an origin the page can only be told by "*": what is said is no secret, and the page looks who says it.
  const tell = (said: Record<string, unknown>) => parent.postMessage(said, "*");
  let svg: (() => Promise<string>) | null = null;
  addEventListener("message", ({ source, data }) => {
    if (source !== parent) return;
    if (data.ask === "svg") {
      void svg?.().then((text) => tell({ svg: text }), failed);
      return;
    }
    draw(data.spec, place, data.look).then((drawn) => {
      svg = drawn.svg;
      new ResizeObserver(() => tell({ height: Math.ceil(place.getBoundingClientRect().height), left: drawn.left })).observe(place);
    }, failed);
  });
  const failed = (error: unknown) => tell({ error: error instanceof Error ? error.message : String(error) });
  tell({ ready: true });
}
