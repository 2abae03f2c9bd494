// When pictures are left out: after a while of a poor network, never against what somebody has just said.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Quality } from "../shared/protocol.ts";
import { GOOD_FOR_MS, LEFT_ALONE_MS, NOT_SAVING, POOR_FOR_MS, type Saving, save } from "./saving.ts";

/** The network is so from `from` on, looked at twice a second; gives what was done. */
function lasts(s: Saving, quality: Quality, from: number, forMs: number): [Saving, (string | null)[]] {
  const done: (string | null)[] = [];
  for (let now = from; now <= from + forMs; now += 500) {
    const [next, effect] = save(s, { type: "quality", quality, now });
    s = next;
    if (effect) done.push(effect);
  }
  return [s, done];
}

test("a poor network for a while leaves pictures out, a short spell doesn't", () => {
  let [s, done] = lasts(NOT_SAVING, "poor", 0, POOR_FOR_MS - 500);
  assert.deepEqual(done, []);
  [s, done] = lasts(s, "good", POOR_FOR_MS, 1_000);
  [s, done] = lasts(s, "poor", POOR_FOR_MS + 2_000, POOR_FOR_MS - 500);
  assert.deepEqual([s.mode, done], ["none", []], "the good moment began it anew");
  [s, done] = lasts(s, "lost", 2 * POOR_FOR_MS + 2_000, 1_000);
  assert.deepEqual([s.mode, done], ["by_itself", ["leave_out"]]);
});

test("pictures are offered when the network is good again, and taken only by hand", () => {
  let s: Saving = { ...NOT_SAVING, mode: "by_itself" };
  let done: unknown[];
  [s, done] = lasts(s, "good", 0, GOOD_FOR_MS);
  assert.deepEqual([s.mode, s.isOffered, done], ["by_itself", true, []]);
  const [poor] = lasts(s, "poor", GOOD_FOR_MS + 500, 500);
  assert.equal(poor.isOffered, false, "not while it is poor again");
  const [back, effect] = save(s, { type: "pictures" });
  assert.deepEqual([back.mode, effect], ["none", "bring_back"]);
  const [declined] = save(s, { type: "declined" });
  assert.equal(lasts(declined, "good", GOOD_FOR_MS + 500, 2 * GOOD_FOR_MS)[0].isOffered, false);
});

test("who wants pictures on a poor network is left alone for a while", () => {
  let [s] = save({ ...NOT_SAVING, mode: "by_itself", lastAt: 1_000 }, { type: "pictures" });
  let done: unknown[];
  [s, done] = lasts(s, "poor", 1_500, LEFT_ALONE_MS - 1_000);
  assert.deepEqual([s.mode, done], ["none", []]);
  [s, done] = lasts(s, "poor", LEFT_ALONE_MS + 1_000, 1_000);
  assert.equal(s.mode, "by_itself");
});

test("by hand it stays until it is taken back, and the next call begins with pictures", () => {
  const [s, effect] = save(NOT_SAVING, { type: "sound_only" });
  assert.deepEqual([s.mode, effect], ["by_hand", "leave_out"]);
  assert.equal(lasts(s, "excellent", 0, 5 * GOOD_FOR_MS)[0].isOffered, false);
  assert.deepEqual(save(s, { type: "over" }), [NOT_SAVING, "bring_back"]);
  assert.deepEqual(save(NOT_SAVING, { type: "over" }), [NOT_SAVING, null]);
});
