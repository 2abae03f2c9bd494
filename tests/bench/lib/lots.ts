// Car parks with a truth (PKLot's XML): a camera's table of their bays, and how many of them `vision lot` tells right.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

interface Bay {
  id: string;
  /** Corners, in pixels. */
  contour: [number, number][];
  isTaken: boolean;
}

interface Seen {
  picture: string;
  taken: string[];
}

export interface Figures {
  yolox_pct?: number | undefined;
  builtin_pct?: number | undefined;
  empty_false_alarm_pct?: number | undefined;
  builtin_empty_false_alarm_pct?: number | undefined;
  /** How many bays were judged, and how many of empty pictures. */
  bays?: number;
  empty_bays?: number;
}

/** The bays of one picture. */
export function readTruth(file: string): Bay[] {
  const text = readFileSync(file, "utf8");
  return text.split("<space ").slice(1).map((space) => {
    const number = (tag: string, name: string) => Number(new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1]);
    const contour = (space.split("<contour>")[1] ?? "").split("<point ").slice(1);
    return {
      id: String(number(space, "id")),
      contour: contour.map((point): [number, number] => [number(point, "x"), number(point, "y")]),
      isTaken: /\boccupied="1"/.test(space),
    };
  });
}

/** The tables of bays, for pictures of this size. */
export function bayTables(bays: Bay[], width: number, height: number): string {
  const corner = ([x, y]: [number, number]) => `[${clamp(x / width)}, ${clamp(y / height)}]`;
  return bays.map((bay) => `[[camera.bay]]\nid = "${bay.id}"\npolygon = [${bay.contour.map(corner).join(", ")}]\n`).join("");
}

const clamp = (share: number) => Math.min(1, Math.max(0, share)).toFixed(5);

/** A picture's sides, from its head (PNG, JPEG). */
export function sizeOf(file: string): [number, number] {
  const bytes = readFileSync(file);
  if (bytes.readUInt32BE(0) === 0x89504e47) return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  for (let at = 2; at + 9 < bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
    const mark = bytes.readUInt8(at + 1);
    // Start of frame, of any kind but tables.
    if (mark >= 0xc0 && mark <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(mark)) {
      return [bytes.readUInt16BE(at + 7), bytes.readUInt16BE(at + 5)];
    }
  }
  throw new Error(`${file}: neither PNG nor JPEG`);
}

const pictures = (folder: string) => (existsSync(folder) ? readdirSync(folder).toSorted().map((name) => join(folder, name)) : []);

/** Looks at the second sequence, to which nothing was fitted, though it was looked at while rules were chosen, and at the empty lot; without a model, and with `yolox`. */
export function measureLots(vision: string, folder: string, work: string, yolox: string | undefined): Figures | undefined {
  const truths = pictures(join(folder, "sequence2/bounding_boxes"));
  const first = truths[0];
  if (first === undefined) return undefined;
  const bays = readTruth(first);
  const frames = pictures(join(folder, "sequence2/frames"));
  const empty = pictures(join(folder, "empty"));
  const [width, height] = sizeOf(frames[0] ?? "");
  const look = (model: string | undefined) => {
    const camera = join(work, `lot${model === undefined ? "" : "-yolox"}.toml`);
    const named = model === undefined ? "" : `model = ${JSON.stringify(model)}\n`;
    const head = `[[camera]]\nid = "lot"\narea = "lot"\nsource = "-"\nrole = "parking"\n${named}`;
    writeFileSync(camera, head + bayTables(bays, width, height));
    const lot = (files: string[]) => {
      if (files.length === 0) return [];
      return JSON.parse(execFileSync(vision, ["lot", camera, ...files, "--json"], { encoding: "utf8" })) as Seen[];
    };
    return { right: share(lot(frames), truths, bays.length), alarms: alarms(lot(empty), bays.length) };
  };
  const builtin = look(undefined);
  const best = yolox === undefined ? undefined : look(yolox);
  return {
    yolox_pct: best?.right,
    builtin_pct: builtin.right,
    empty_false_alarm_pct: best?.alarms,
    builtin_empty_false_alarm_pct: builtin.alarms,
    bays: truths.length * bays.length,
    empty_bays: empty.length * bays.length,
  };
}

/** Per cent of the bays told right. */
function share(seen: Seen[], truths: string[], bays: number): number {
  let wrong = 0;
  for (const file of truths) {
    const name = basename(file).replace(/\.xml$/, "");
    const told = seen.find((one) => basename(one.picture).startsWith(name));
    if (told === undefined) throw new Error(`there is no picture of ${file}`);
    wrong += readTruth(file).filter((bay) => bay.isTaken !== told.taken.includes(bay.id)).length;
  }
  return (1 - wrong / (truths.length * bays)) * 100;
}

/** Per cent of an empty lot's bays told taken. */
function alarms(seen: Seen[], bays: number): number | undefined {
  if (seen.length === 0) return undefined;
  return (seen.reduce((sum, one) => sum + one.taken.length, 0) / (seen.length * bays)) * 100;
}
