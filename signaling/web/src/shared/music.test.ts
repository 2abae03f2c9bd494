import assert from "node:assert/strict";
import { test } from "node:test";
import { nextStep } from "./music.ts";

test("the tune stays on its scale, whatever comes", () => {
  for (let step = 0; step < 8; step++) {
    for (const random of [0, 0.2, 0.4, 0.6, 0.8, 0.999, 1]) {
      const next = nextStep(step, random).step;
      assert.ok(next >= 0 && next <= 7, `${step} ${random}: ${next}`);
    }
  }
});
