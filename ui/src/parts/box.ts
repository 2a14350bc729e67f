import { type RefObject, useLayoutEffect, useState } from "react";

const nearPixels = 150;

/** How wide an element is, and whether it is on the screen or near it: nothing else is asked for or drawn. */
export function useBox(box: RefObject<HTMLElement | null>): { width: number; seen: boolean } {
  const [width, setWidth] = useState(0);
  const [seen, setSeen] = useState(false);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    // At once, and not a frame or two later as the observers tell it.
    const area = element.getBoundingClientRect();
    setWidth(element.clientWidth);
    setSeen(area.top < window.innerHeight + nearPixels && area.bottom > -nearPixels);
    const sizes = new ResizeObserver(([entry]) => entry && setWidth(Math.floor(entry.contentRect.width)));
    const sight = new IntersectionObserver(([entry]) => entry && setSeen(entry.isIntersecting), { rootMargin: `${nearPixels}px` });
    sizes.observe(element);
    sight.observe(element);
    return () => {
      sizes.disconnect();
      sight.disconnect();
    };
  }, [box]);
  return { width, seen };
}
