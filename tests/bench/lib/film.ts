// Films for benches: some whose frames carry numbers, which are read back from captured pixels; and one of a real street.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../browser/office.ts";
import type { Spot } from "./player.ts";

/** A number is so many squares in two rows, the lowest bit first; black is 0. */
const BITS = 16;
const SIDE = 80;
/** Of these, the film's own number. */
const FILM_BITS = 3;
/** Around the squares, and what the whole picture shows of no number. */
const GROUND = 128;

const corner = (bit: number) => ({ x: (bit % 8) * SIDE, y: Math.floor(bit / 8) * SIDE * 2 });

/** Where a film's number is read, when its left upper corner is there. */
export const numberSpots = (left = 0, top = 0): Spot[] =>
  Array.from({ length: BITS }, (_, bit) => ({ x: left + corner(bit).x + SIDE / 2, y: top + corner(bit).y + SIDE / 2, width: 1, height: 1, step: 1 }));

/** A film's frame. */
export interface Numbered {
  film: number;
  frame: number;
}

/** What the pixels at `numberSpots` say; undefined: they are no number. */
export function numberOf(spots: Buffer[]): Numbered | undefined {
  let number = 0;
  for (const [bit, pixel] of spots.entries()) {
    const green = pixel[1] ?? 0;
    if (green > 70 && green < 186) return undefined;
    if (green >= 186) number |= 1 << bit;
  }
  return { film: number & ((1 << FILM_BITS) - 1), frame: number >> FILM_BITS };
}

/** Encodes a film whose frames carry its number and theirs, 640 pixels wide, thirty a second. */
export function numbered(dir: string, number: number, frames: number, height: number): string {
  const width = SIDE * 8;
  const file = join(dir, `film-${number}.mp4`);
  const raw = Buffer.alloc(frames * width * height, GROUND);
  for (let frame = 0; frame < frames; frame++) {
    const value = (frame << FILM_BITS) | number;
    for (let bit = 0; bit < BITS; bit++) {
      const { x, y } = corner(bit);
      for (let row = y; row < y + SIDE; row++) {
        const at = (frame * height + row) * width + x;
        raw.fill((value >> bit) & 1 ? 235 : 16, at, at + SIDE);
      }
    }
  }
  const source = `fdsrc fd=0 ! rawvideoparse format=gray8 width=${width} height=${height} framerate=30/1`;
  const encode = "videoconvert ! video/x-raw,format=I420 ! x264enc pass=quant quantizer=18 key-int-max=60 ! mp4mux faststart=true";
  execFileSync("gst-launch-1.0", ["-q", ...`${source} ! ${encode} ! filesink location=${file}`.split(" ")], { input: raw });
  return file;
}

/** The street scene that Debian ships with OpenCV, ten frames a second. */
const STREET = join(ROOT, ".cache/films/vtest.avi");

/**
 * A natural film: the street scene at thirty frames a second, each another picture (so three times as quick as life), H.264 at
 * 3 Mbit/s.
 */
export function natural(dir: string, width: number, height: number): string {
  if (!existsSync(STREET)) throw new Error(`${STREET} is not there: ./madoguchi setup fetches it`);
  const file = join(dir, `street-${width}.mp4`);
  const decode = `filesrc location=${STREET} ! decodebin ! videoconvert ! videorate rate=3.0 ! video/x-raw,framerate=30/1`;
  const scale = `videoscale add-borders=false ! video/x-raw,format=I420,width=${width},height=${height},pixel-aspect-ratio=1/1`;
  const encode = "x264enc bitrate=3000 speed-preset=veryfast key-int-max=60 ! video/x-h264,profile=high ! mp4mux faststart=true";
  execFileSync("gst-launch-1.0", ["-q", ...`${decode} ! ${scale} ! ${encode} ! filesink location=${file}`.split(" ")]);
  return file;
}
