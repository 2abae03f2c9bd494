import assert from "node:assert/strict";
import { test } from "node:test";
import { refusalOf, waitOf } from "./whep.ts";

test("only what is over or denied is for good", () => {
  assert.equal(refusalOf(201), null);
  assert.deepEqual([404, 410].map(refusalOf), ["over", "over"]);
  assert.deepEqual([401, 403].map(refusalOf), ["denied", "denied"]);
  assert.deepEqual([406, 429, 500, 503].map(refusalOf), ["later", "later", "later", "later"]);
});

test("waits grow, are spread, and have an end", () => {
  const least = [0, 1, 2, 3].map((attempt) => waitOf(attempt, () => 0));
  assert.deepEqual(least, [250, 500, 1000, 2000]);
  assert.equal(waitOf(0, () => 1), 500);
  assert.equal(waitOf(1000, () => 1), 15_000);
});
