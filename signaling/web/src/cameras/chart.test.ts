import assert from "node:assert/strict";
import { test } from "node:test";
import { niceTop, parts, pathOf } from "./chart.ts";

const FRAME = { left: 0, top: 0, width: 40, height: 10 };

test("a curve has a step for each second and a gap where nobody can tell", () => {
  assert.equal(pathOf([0, 2, null, 1], 2, FRAME), "M0 10H10V0H20M30 5H40");
  assert.equal(pathOf([null], 2, FRAME), "");
  const long = pathOf(Array.from({ length: 6000 }, (_, at) => at % 3), 2, FRAME);
  assert.equal(long.match(/H/g)?.length, 600);
});

test("an axis holds its largest number and has a middle", () => {
  assert.deepEqual([0, 1, 2, 3, 9, 10].map(niceTop), [2, 2, 2, 4, 10, 10]);
});

test("parts of a film say least, mean and most, or nothing", () => {
  assert.deepEqual(parts([1, 2, null, 3, 2, null, null]), [
    { from: 0, until: 5, counts: { least: 1, mean: 2, most: 3 } },
    { from: 5, until: 7, counts: null },
  ]);
  assert.ok(parts(Array.from({ length: 7200 }, () => 1)).length <= 24);
  assert.deepEqual(parts([]), []);
});
