import assert from "node:assert/strict";
import { test } from "node:test";
import { type Geometry, handles, middleOfLongest, moved, type Point, withCorner, without, wrongs } from "./geometry.ts";
import { begun, changed, redone, undone } from "./history.ts";

const SOUND: Geometry = {
  person_heights: [[0.3, 0.1], [0.9, 0.2]],
  polygon: [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]],
  line: null,
};
const of = (change: Partial<Geometry>) => wrongs({ ...SOUND, ...change }, false);

test("what is wrong is told by its part, as the server does", () => {
  assert.deepEqual(wrongs(SOUND, false), []);
  assert.deepEqual(wrongs(SOUND, true), [{ shape: "line", fault: "missing" }]);
  assert.deepEqual(of({ polygon: null }), []);
  assert.deepEqual(of({ polygon: [[0, 0], [1, 0]] }), [{ shape: "polygon", fault: "too_few" }]);
  assert.deepEqual(of({ polygon: [[0, 0], [1, 0], [1, 1.5]] }), [{ shape: "polygon", fault: "outside", point: 3 }]);
  const bow: Point[] = [[0, 0], [1, 1], [1, 0], [0, 1]];
  assert.deepEqual(of({ polygon: bow }), [{ shape: "polygon", fault: "crossing", first: 1, second: 3 }]);
  assert.deepEqual(of({ polygon: [[0, 0], [0.5, 0.5], [1, 1]] }), [{ shape: "polygon", fault: "flat" }]);
  assert.deepEqual(of({ line: [[0.5, 0.5], [0.5, 0.5]] }), [{ shape: "line", fault: "no_length" }]);
  assert.deepEqual(of({ person_heights: [[0.3, 0.1], [0.3, 0.2]] }), [{ shape: "heights", fault: "same_distance" }]);
  assert.deepEqual(of({ person_heights: [[0.3, 0.1], [0.9, 0]] }), [{ shape: "heights", fault: "outside", point: 2 }]);
});

test("a corner goes into the side that is nearest", () => {
  assert.deepEqual(withCorner(SOUND.polygon, [0.5, 0.05])[1], [0.5, 0.05]);
  assert.deepEqual(withCorner(SOUND.polygon, [0.05, 0.5]).at(-1), [0.05, 0.5]);
  assert.deepEqual(withCorner(null, [0.123456, 2]), [[0.1235, 1]]);
  const [x, y] = middleOfLongest([[0, 0], [1, 0], [1, 0.2]]);
  assert.ok(Math.abs(x - 0.5) < 1e-9 && Math.abs(y - 0.1) < 1e-9, "the long side back");
  assert.equal(without(SOUND, 1).polygon?.length, 3);
});

test("feet take the head along, and a head says how tall somebody is", () => {
  const feet = moved(SOUND, "heights", 0, [0.5, 0.4]);
  assert.deepEqual(feet.person_heights[0], [0.4, 0.1]);
  const head = moved(SOUND, "heights", 3, [0.5, 0.6]);
  assert.deepEqual(head.person_heights[1], [0.9, 0.3]);
  const shown = handles(SOUND, "heights", [0.3, 0.7]);
  assert.deepEqual(shown.map((point) => point.map((share) => Math.round(share * 1000) / 1000)), [
    [0.3, 0.3], [0.3, 0.2], [0.7, 0.9], [0.7, 0.7],
  ]);
  assert.deepEqual(moved(SOUND, "polygon", 2, [2, -1]).polygon?.[2], [1, 0], "nothing leaves the picture");
});

test("each step can be taken back and made again, and a drag is one", () => {
  let history = begun(SOUND);
  const first = moved(SOUND, "polygon", 0, [0.2, 0.2]);
  history = changed(history, first);
  history = changed(history, moved(first, "polygon", 0, [0.3, 0.3]), true);
  assert.deepEqual(undone(history).now, SOUND);
  assert.deepEqual(redone(undone(history)).now.polygon?.[0], [0.3, 0.3]);
  assert.equal(undone(begun(SOUND)).now, SOUND);
  for (let step = 0; step < 300; step++) history = changed(history, { ...SOUND });
  assert.equal(history.past.length, 200);
});
