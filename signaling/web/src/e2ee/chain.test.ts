import assert from "node:assert/strict";
import { test } from "node:test";
import { Chain, type Verdict } from "./chain.ts";

type Picture = Parameters<Chain["take"]>[0];

function verdicts(pictures: Picture[]): Verdict[] {
  const chain = new Chain();
  return pictures.map((picture) => chain.take(picture));
}

test("what builds on a lost picture waits for a whole one", () => {
  for (const lost of ["forged", "unknownKey"] as const) {
    const all = verdicts(["whole", "building", lost, "building", lost, "building", "whole", "building"]);
    assert.deepEqual(all, ["pass", "pass", "ask", "ask", "ask", "ask", "pass", "pass"]);
  }
});

test("a picture that comes twice costs nothing", () => {
  assert.deepEqual(verdicts(["whole", "building", "replayed", "building"]), ["pass", "pass", "drop", "pass"]);
  assert.deepEqual(verdicts(["unknownKey", "replayed", "building"]), ["ask", "drop", "ask"], "and mends nothing");
});
