// What captured frames say: which are missing, which are black.
import type { Shown } from "./player.ts";

export const FRAME_MS = 1000 / 30;

/** Frames that should have been shown; those of them that never were, and those that came half a frame late or more. */
export interface Dropped {
  due: number;
  missing: number;
  late: number;
}

/** Each tick without a frame, and each gap of more than one and a half frames, counts. */
export function dropped(frames: { at: number }[]): Dropped {
  let gaps = 0;
  for (let n = 1; n < frames.length; n++) {
    const gap = (frames[n]?.at ?? 0) - (frames[n - 1]?.at ?? 0);
    if (gap > FRAME_MS * 1.5) gaps += Math.max(1, Math.round(gap / FRAME_MS) - 1);
  }
  const span = (frames.at(-1)?.at ?? 0) - (frames[0]?.at ?? 0);
  const due = Math.round(span / FRAME_MS) + 1;
  const missing = Math.max(0, due - frames.length);
  return { due, missing, late: Math.max(0, gaps - missing) };
}

export const droppedPercent = (of: Dropped) => ((of.missing + of.late) / Math.max(1, of.due)) * 100;

/** Whether every captured pixel is nearly black. */
export const isBlack = (pixels: Buffer) => pixels.every((value, index) => index % 4 === 3 || value < 16);

/** Frames that are black all over. */
export const blackFrames = (frames: Shown[]): number => frames.filter(({ spots }) => spots.every(isBlack)).length;

/** Whether a pixel has about that colour. */
export function near(pixel: Buffer | undefined, color: number, reach = 28): boolean {
  const [blue = 0, green = 0, red = 0] = pixel ?? [];
  return [red - (color >> 16), green - ((color >> 8) & 255), blue - (color & 255)].every((off) => Math.abs(off) < reach);
}
