// What the runner reads from what tests write.
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeOutcome } from "./node.ts";
import { rustOutcome, withoutSuccesses } from "./rust.ts";

const GOOD = `
running 3 tests
test counts_are_kept ... ok
test nothing_is_lost ... ignored
test doors_are_known ... ok

successes:

---- doors_are_known stdout ----
SKIPPED: there is no door
skipped: and no window

successes:
    counts_are_kept
    doors_are_known

test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s
`;

const BAD = GOOD.replace("test counts_are_kept ... ok", "test counts_are_kept ... FAILED").replace(
  /^test result.*$/m,
  `failures:

---- counts_are_kept stdout ----

thread 'counts_are_kept' panicked at store/tests/areas.rs:7:5:
the count is 3

failures:
    counts_are_kept

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s`,
);

test("a good binary's tests are counted, and what one left out is told with its name", () => {
  const outcome = rustOutcome(GOOD, 0);
  assert.deepEqual(outcome, { passed: 2, ignored: 1, skipped: ["doors_are_known: SKIPPED: there is no door", "doors_are_known: skipped: and no window"], failed: [] });
});

test("a failing test is named, and its words are shown without those of the good ones", () => {
  assert.deepEqual(rustOutcome(BAD, 101).failed, ["counts_are_kept"]);
  const shown = withoutSuccesses(BAD);
  assert.match(shown, /the count is 3/);
  assert.match(shown, /test counts_are_kept \.\.\. FAILED/);
  assert.doesNotMatch(shown, /there is no door/);
});

test("the results of several runs in one output, as of documentation, are added", () => {
  const outcome = rustOutcome(GOOD + GOOD, 0);
  assert.deepEqual([outcome.passed, outcome.ignored], [4, 2]);
});

test("a binary that ends early, by a signal or with no result has failed", () => {
  const begun = GOOD.slice(0, GOOD.indexOf("successes"));
  assert.deepEqual(rustOutcome(begun, null).failed, ["was ended by a signal"]);
  assert.deepEqual(rustOutcome(begun, 134).failed, ["ended with 134"]);
  assert.deepEqual(rustOutcome(begun, 0).failed, ["ended before it told what came of its tests"]);
});

const told = (...events: { name: string; came: string; why?: string }[]) => events.map((event) => `${JSON.stringify({ why: "", ...event })}\n`).join("");

test("a browser's tests are counted by what the reporter told", () => {
  const outcome = nodeOutcome(told({ name: "a call begins", came: "passed" }, { name: "a call ends", came: "failed", why: "no end came" }), "", 1);
  assert.deepEqual(outcome, { passed: 1, ignored: 0, skipped: [], failed: ["a call ends: no end came"] });
});

test("what a browser's tests left out is told once, whoever says it", () => {
  const log = "SKIPPED: no network namespaces on this machine (ip)\n# SKIPPED: no Firefox at /usr/bin/firefox\n";
  const outcome = nodeOutcome(told({ name: "a phone", came: "skipped", why: "SKIPPED: no network namespaces on this machine (ip)" }), log, 0);
  assert.equal(outcome.ignored, 1);
  assert.deepEqual(outcome.skipped, ["a phone: SKIPPED: no network namespaces on this machine (ip)", "SKIPPED: no Firefox at /usr/bin/firefox"]);
});

test("a browser's file without a test, or that ends early, has failed", () => {
  assert.deepEqual(nodeOutcome("", "", 0).failed, ["ran no test"]);
  assert.deepEqual(nodeOutcome(told({ name: "a call begins", came: "passed" }), "", 7).failed, ["ended with 7"]);
});
