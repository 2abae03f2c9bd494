// What is drawn over a picture keeps about its size on a screen, however narrow the picture is there.
import { useEffect, useState } from "preact/hooks";

/** From so many pixels on a drawing shrinks with its picture. */
const WIDE = 690;

/** By how much points and letters are drawn larger, in a picture that is shown so many pixels wide. */
export const scaleOf = (pixels: number): number => (pixels > 0 ? Math.max(1, WIDE / pixels) : 1);

export function useScale(of: { readonly current: SVGSVGElement | null }): number {
  const [scale, setScale] = useState(1);
  useEffect(() => {
    const element = of.current;
    if (!element) return undefined;
    const measure = () => setScale(scaleOf(element.getBoundingClientRect().width));
    const watching = new ResizeObserver(measure);
    watching.observe(element);
    return () => watching.disconnect();
  }, [of]);
  return scale;
}
