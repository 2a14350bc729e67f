import { type RefObject, useEffect, useState } from "react";

/** How wide an element is, and whether it is on the screen or near it: nothing else is asked for or drawn. */
export function useBox(box: RefObject<HTMLElement | null>): { width: number; seen: boolean } {
  const [width, setWidth] = useState(0);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const sizes = new ResizeObserver(([entry]) => entry && setWidth(Math.floor(entry.contentRect.width)));
    const sight = new IntersectionObserver(([entry]) => entry && setSeen(entry.isIntersecting), { rootMargin: "150px" });
    sizes.observe(element);
    sight.observe(element);
    return () => {
      sizes.disconnect();
      sight.disconnect();
    };
  }, [box]);
  return { width, seen };
}
