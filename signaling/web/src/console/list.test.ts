import assert from "node:assert/strict";
import { test } from "node:test";
import type { Consultation } from "../shared/protocol.ts";
import { lastToWait, newlyWaiting, ordered, waitingCount, without, withNews } from "./list.ts";

const one = (id: string, more: Partial<Consultation> = {}): Consultation => ({
  id,
  section: "kosodate",
  phase: "booked",
  version: 1,
  is_present: false,
  created_at: 1,
  expires_at: 9,
  ...more,
});

test("news replace, older news don't, and what has ended is gone", () => {
  const list = withNews([one("a", { version: 3, phase: "waiting" })], one("a", { version: 2 }));
  assert.equal(list[0]?.phase, "waiting");
  assert.equal(withNews(list, one("a", { version: 3, is_present: true })).length, 1);
  assert.deepEqual(withNews(list, one("a", { version: 4, phase: "ended" })), []);
});

test("what this person may not see any more is off the list, until it is told again", () => {
  const list = without([one("a"), one("b")], "a");
  assert.deepEqual(list.map(({ id }) => id), ["b"]);
  assert.equal(withNews(list, one("a", { version: 2 })).length, 2);
});

test("one's own call is first, then who waits longest, one's own section before others", () => {
  const list = [
    one("others-call", { phase: "admitted", staff: "taro" }),
    one("new-link", { created_at: 50 }),
    one("old-link", { created_at: 10 }),
    one("short", { phase: "waiting", waiting_since: 90 }),
    one("other-section", { phase: "waiting", waiting_since: 1, section: "kaigo" }),
    one("long", { phase: "waiting", waiting_since: 20 }),
    one("mine", { phase: "admitted", staff: "hanako" }),
  ];
  const ids = ordered(list, "hanako", ["kosodate"]).map(({ id }) => id);
  assert.deepEqual(ids, ["mine", "long", "short", "other-section", "new-link", "old-link", "others-call"]);
  assert.equal(waitingCount(list), 3);
});

test("only who has just begun to wait is announced", () => {
  const waits = one("a", { phase: "waiting" });
  assert.deepEqual(newlyWaiting([one("a")], [waits]), [waits]);
  assert.deepEqual(newlyWaiting([waits], [{ ...waits, is_present: true }]), []);
});

test("in a call one is told of who came last, but before that of who asked for oneself", () => {
  const list = [
    one("early", { phase: "waiting", waiting_since: 1, call: { wanted: "hanako" } }),
    one("late", { phase: "waiting", waiting_since: 9 }),
    one("not-yet", { created_at: 99 }),
  ];
  assert.equal(lastToWait(list, "taro")?.id, "late");
  assert.equal(lastToWait(list, "hanako")?.id, "early");
  assert.equal(lastToWait([one("not-yet")], "hanako"), undefined);
});
