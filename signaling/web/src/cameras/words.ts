// The texts of the page on which a camera is set up, which the server puts into it. Keys are checked by the compiler.
import type japanese from "../../texts/cameras.ja.json";
import { fill } from "../shared/texts.ts";
import type { Shape, Wrong } from "./geometry.ts";

export type CameraKey = keyof typeof japanese;
export type Words = (key: CameraKey, values?: Record<string, string | number>) => string;

export const wordsOf = (texts: Record<CameraKey, string>): Words => (key, values) => fill(texts[key], values);

export const toolWord = (t: Words, shape: Shape): string => t(`camera.tool.${shape}`);

/** `names`: of the bays, or of the overlaps' other cameras. */
export function wrongWord(t: Words, wrong: Wrong, names: readonly string[] = []): string {
  const { point = 0, first = 0, second = 0, most = 0, which } = wrong;
  const name = which === undefined ? "" : names[which - 1] || which;
  const one = wrong.shape === "bays" ? t("camera.bay.of", { name }) : t("camera.overlap.of", { n: which ?? 0, name });
  const shape = which === undefined ? toolWord(t, wrong.shape) : one;
  return t(`camera.wrong.${wrong.fault}`, { shape, point, first, second, most });
}

/** How long, in the unit that fits. */
export function lasting(t: Words, seconds: number): string {
  return seconds >= 60 ? t("camera.minutes", { n: Math.round(seconds / 60) }) : t("camera.seconds", { n: Math.max(0, Math.round(seconds)) });
}

/** A file's size in megabytes, as machines count them. */
export const megabytes = (bytes: number, round = Math.floor): string => `${round(bytes / 1024 / 1024)} MB`;

export const percent = (share: number): string => (Math.round(share * 1000) / 10).toString();
