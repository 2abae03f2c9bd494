// Zones whose one-second items change: which item each frame shows in each zone, and what is wrong with that.
//
// Films carry numbers, pictures and documents are of one colour: a film that stands, a zone that is black, and what is no item at
// all are each seen by themselves.
import { FRAME_MS, isBlack, near } from "./captures.ts";
import { type Numbered, numberOf } from "./film.ts";

/** Frames of each film. */
export const FILM_FRAMES = 30;
/** Each item's length. */
export const ITEM_MS = 1000;
/** What stands longer is frozen. */
const FROZEN_MS = 100;

/** What a zone plays, by its place in the list: a film's number, or a colour. */
export type Item = { film: number } | { color: number };

/** A zone in a frame: a grid over all of it, and where a film's number is. */
export interface Look {
  at: number;
  grid: Buffer;
  number: Buffer[];
}

/** What happened in a zone. */
export interface Verdict {
  changes: number;
  /** By how much the time between two changes was off an item's length, in milliseconds. */
  gaps: number[];
  /** Frames with a zone that is black all over. */
  black: number;
  /** Frames that show none of the items. */
  strange: number;
  /** Times at which a film's frame stood for longer than 100 ms, or a picture so much longer than its second. */
  frozen: number;
  /** Frames of films that were shown to their end, and those of them that nobody saw. */
  filmFrames: { due: number; missing: number };
}

type Sight = { item: number; frame: number };

function sightOf({ grid, number }: Look, items: Item[]): Sight | undefined {
  const isAll = (color: number) => {
    for (let at = 0; at < grid.length; at += 4) if (!near(grid.subarray(at, at + 4), color)) return false;
    return true;
  };
  const numbered: Numbered | undefined = numberOf(number);
  for (const [index, item] of items.entries()) {
    if ("color" in item && isAll(item.color)) return { item: index, frame: 0 };
    if ("film" in item && numbered?.film === item.film && numbered.frame < FILM_FRAMES) return { item: index, frame: numbered.frame };
  }
  return undefined;
}

/** Judges one zone from its first item on. */
export function judgeZone(looks: Look[], items: Item[]): Verdict {
  const verdict: Verdict = { changes: 0, gaps: [], black: 0, strange: 0, frozen: 0, filmFrames: { due: 0, missing: 0 } };
  let known: Sight | undefined;
  // Since when this item is there (not known of the first one), since when this frame; frames of it that were seen.
  let [since, still] = [Number.NaN, Number.NaN];
  let seen = new Set<number>();
  let isTold = false;
  for (const look of looks) {
    const now = sightOf(look, items);
    if (!now && known) {
      if (isBlack(look.grid)) verdict.black += 1;
      else verdict.strange += 1;
    }
    if (now && now.item !== known?.item) {
      if (known) {
        verdict.changes += 1;
        if (!Number.isNaN(since)) {
          verdict.gaps.push(Math.abs(look.at - since - ITEM_MS));
          if ("film" in (items[known.item] ?? {})) {
            verdict.filmFrames.due += FILM_FRAMES;
            verdict.filmFrames.missing += FILM_FRAMES - seen.size;
          }
        }
        since = look.at;
      }
      seen = new Set();
    }
    if (now && (now.item !== known?.item || now.frame !== known.frame)) {
      [still, isTold, known] = [look.at, false, now];
      seen.add(now.frame);
    }
    const limit = FROZEN_MS + (known && "color" in (items[known.item] ?? {}) ? ITEM_MS : 0);
    if (known && !isTold && look.at - still > limit + FRAME_MS / 2) {
      verdict.frozen += 1;
      isTold = true;
    }
  }
  return verdict;
}
