// When pictures are left out, so that the voice gets through: pure. Invariant: who has said what they want isn't overruled for a
// while, and pictures come back only when somebody wants them.
import type { Quality } from "../shared/protocol.ts";

/** A network that is poor for so long is too poor for pictures. */
export const POOR_FOR_MS = 12_000;
/** One that is good again for so long can be tried. */
export const GOOD_FOR_MS = 20_000;
/** Who wants pictures all the same isn't bothered again for so long. */
export const LEFT_ALONE_MS = 90_000;

export interface Saving {
  /** Why there are no pictures; none: there are. */
  mode: "none" | "by_hand" | "by_itself";
  /** Pictures were left out because of the network, which is good again: whether they are wanted is asked. */
  isOffered: boolean;
  /** The camera was on before. */
  hadCamera: boolean;
  poorSince: number | null;
  goodSince: number | null;
  leftAloneUntil: number;
  /** The clock when the network was looked at last. */
  lastAt: number;
}

export const NOT_SAVING: Saving = {
  mode: "none",
  isOffered: false,
  hadCamera: false,
  poorSince: null,
  goodSince: null,
  leftAloneUntil: 0,
  lastAt: 0,
};

export type SavingEvent =
  | { type: "sound_only" }
  | { type: "pictures" }
  | { type: "declined" }
  /** `now` in milliseconds of any clock that only grows. */
  | { type: "quality"; quality: Quality; now: number }
  | { type: "over" };

/** The next state, and what is to be done about it, if anything. */
export function save(s: Saving, event: SavingEvent): [Saving, "leave_out" | "bring_back" | null] {
  switch (event.type) {
    case "sound_only":
      return s.mode === "none" ? [{ ...s, mode: "by_hand", isOffered: false }, "leave_out"] : [{ ...s, mode: "by_hand" }, null];
    case "pictures":
      if (s.mode === "none") return [s, null];
      return [{ ...s, mode: "none", isOffered: false, poorSince: null, goodSince: null, leftAloneUntil: s.lastAt + LEFT_ALONE_MS }, "bring_back"];
    case "declined":
      // As if it were by hand: it isn't offered again.
      return [{ ...s, mode: "by_hand", isOffered: false }, null];
    case "over":
      return s === NOT_SAVING ? [s, null] : [NOT_SAVING, s.mode === "none" ? null : "bring_back"];
    case "quality":
      return onQuality(s, event.quality, event.now);
  }
}

function onQuality(before: Saving, quality: Quality, now: number): [Saving, "leave_out" | null] {
  const isPoor = quality === "poor" || quality === "lost";
  const s: Saving = {
    ...before,
    lastAt: now,
    poorSince: isPoor ? (before.poorSince ?? now) : null,
    goodSince: isPoor ? null : (before.goodSince ?? now),
  };
  if (s.mode === "none" && s.poorSince !== null && now - s.poorSince >= POOR_FOR_MS && now >= s.leftAloneUntil) {
    return [{ ...s, mode: "by_itself", poorSince: null }, "leave_out"];
  }
  if (s.mode === "by_itself" && !s.isOffered && s.goodSince !== null && now - s.goodSince >= GOOD_FOR_MS) {
    return [{ ...s, isOffered: true }, null];
  }
  // What was offered is taken back while the network is poor.
  return [isPoor && s.isOffered ? { ...s, isOffered: false } : s, null];
}
