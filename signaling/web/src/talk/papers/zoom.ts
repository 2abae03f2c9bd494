// How large somebody sees a page: steps by buttons and keys, anything in between by fingers or a wheel.
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

const STEPS = [1, 1.5, 2, 3, 4] as const;
const LARGEST = 4;

/** The next step up (1) or down (-1). */
export function steppedZoom(zoom: number, direction: number): number {
  if (direction > 0) return STEPS.find((one) => one > zoom + 0.01) ?? LARGEST;
  return [...STEPS].reverse().find((one) => one < zoom - 0.01) ?? 1;
}

export function bounded(zoom: number): number {
  return Math.min(LARGEST, Math.max(1, zoom));
}

/** Two fingers, or a wheel with Ctrl (which is also what a touch pad's pinch is). */
export function usePinch(view: RefObject<HTMLElement | null>, zoom: number, setZoom: (zoom: number) => void): void {
  const now = useRef({ zoom, setZoom });
  now.current = { zoom, setZoom };
  useEffect(() => {
    const element = view.current;
    if (!element) return;
    const fingers = new Map<number, PointerEvent>();
    let begun: { distance: number; zoom: number } | null = null;
    const distance = () => {
      const [a, b] = [...fingers.values()];
      return a && b ? Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) : 0;
    };
    const down = (event: PointerEvent) => {
      if (event.pointerType !== "touch") return;
      fingers.set(event.pointerId, event);
      begun = fingers.size === 2 ? { distance: distance(), zoom: now.current.zoom } : null;
    };
    const move = (event: PointerEvent) => {
      if (!fingers.has(event.pointerId)) return;
      fingers.set(event.pointerId, event);
      if (begun && begun.distance > 0) now.current.setZoom(bounded((begun.zoom * distance()) / begun.distance));
    };
    const up = (event: PointerEvent) => {
      fingers.delete(event.pointerId);
      begun = null;
    };
    const wheel = (event: WheelEvent) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      now.current.setZoom(bounded(now.current.zoom * Math.exp(-event.deltaY / 300)));
    };
    element.addEventListener("pointerdown", down);
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", up);
    element.addEventListener("pointercancel", up);
    element.addEventListener("wheel", wheel, { passive: false });
    return () => {
      element.removeEventListener("pointerdown", down);
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", up);
      element.removeEventListener("pointercancel", up);
      element.removeEventListener("wheel", wheel);
    };
  }, [view]);
}
