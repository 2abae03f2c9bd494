// The texts of the page on which a camera is set up, which the server puts into it. Keys are checked by the compiler.
import type japanese from "../../texts/cameras.ja.json";
import { fill } from "../shared/texts.ts";
import type { Shape, Wrong } from "./geometry.ts";

export type CameraKey = keyof typeof japanese;
export type Words = (key: CameraKey, values?: Record<string, string | number>) => string;

export const wordsOf = (texts: Record<CameraKey, string>): Words => (key, values) => fill(texts[key], values);

export const toolWord = (t: Words, shape: Shape): string => t(`camera.tool.${shape}`);

/** `names`: of the bays. */
export function wrongWord(t: Words, wrong: Wrong, names: readonly string[] = []): string {
  const { point = 0, first = 0, second = 0, most = 0, bay } = wrong;
  const shape = bay === undefined ? toolWord(t, wrong.shape) : t("camera.bay.of", { name: names[bay - 1] || bay });
  return t(`camera.wrong.${wrong.fault}`, { shape, point, first, second, most });
}

/** How long, in the unit that fits. */
export function lasting(t: Words, seconds: number): string {
  return seconds >= 60 ? t("camera.minutes", { n: Math.round(seconds / 60) }) : t("camera.seconds", { n: Math.max(0, Math.round(seconds)) });
}

export const percent = (share: number): string => (Math.round(share * 1000) / 10).toString();
