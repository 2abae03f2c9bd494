// A film's counts as a curve and as the parts of a table. Pure.

export type Counts = readonly (number | null)[];

export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A table has about so many rows. */
const ROWS = 24;
/** Of a long film neighbouring seconds share a step of the curve. */
const MOST_STEPS = 600;

/** The top of an axis that holds `most`: even, so that half of it is a number too. */
export function niceTop(most: number): number {
  return Math.max(2, Math.ceil(most / 2) * 2);
}

/** A step for each second, or some seconds (their largest count); gaps where nobody can tell. */
export function pathOf(seconds: Counts, top: number, { left, top: upper, width, height }: Frame): string {
  const size = Math.max(1, Math.ceil(seconds.length / MOST_STEPS));
  const round = (value: number) => Math.round(value * 10) / 10;
  let [path, isDrawing] = ["", false];
  for (let at = 0; at < seconds.length; at += size) {
    const known = seconds.slice(at, at + size).filter((count) => count !== null);
    if (known.length === 0) {
      isDrawing = false;
      continue;
    }
    const x = (second: number) => round(left + (width * Math.min(second, seconds.length)) / seconds.length);
    const y = round(upper + height * (1 - Math.max(...known) / top));
    path += `${isDrawing ? `V${y}` : `M${x(at)} ${y}`}H${x(at + size)}`;
    isDrawing = true;
  }
  return path;
}

export interface Part {
  from: number;
  /** Not any more in it. */
  until: number;
  counts: { least: number; mean: number; most: number } | null;
}

/** Parts of 5, 10, 15, 30 or 60 seconds, or whole minutes, so that there are not too many. */
export function parts(seconds: Counts): Part[] {
  const size = [5, 10, 15, 30, 60].find((one) => seconds.length / one <= ROWS) ?? Math.ceil(seconds.length / ROWS / 60) * 60;
  const all: Part[] = [];
  for (let from = 0; from < seconds.length; from += size) {
    const until = Math.min(from + size, seconds.length);
    const known = seconds.slice(from, until).filter((count) => count !== null);
    const sum = known.reduce((one, other) => one + other, 0);
    const counts = known.length > 0 ? { least: Math.min(...known), mean: sum / known.length, most: Math.max(...known) } : null;
    all.push({ from, until, counts });
  }
  return all;
}
