// What was drawn, step by step. Pure. Full: the oldest step can't be taken back any more.
import type { Geometry } from "./geometry.ts";

const MOST_STEPS = 200;

export interface History {
  readonly past: readonly Geometry[];
  readonly now: Geometry;
  readonly future: readonly Geometry[];
}

export const begun = (now: Geometry): History => ({ past: [], now, future: [] });

/** A step further. `isSameStep`: a part of the last one, as while something is dragged. */
export function changed(history: History, now: Geometry, isSameStep = false): History {
  if (now === history.now) return history;
  if (isSameStep) return { past: history.past, now, future: [] };
  return { past: [...history.past, history.now].slice(-MOST_STEPS), now, future: [] };
}

export function undone({ past, now, future }: History): History {
  const last = past.at(-1);
  return last ? { past: past.slice(0, -1), now: last, future: [now, ...future] } : { past, now, future };
}

export function redone({ past, now, future }: History): History {
  const [next, ...rest] = future;
  return next ? { past: [...past, now], now: next, future: rest } : { past, now, future };
}
