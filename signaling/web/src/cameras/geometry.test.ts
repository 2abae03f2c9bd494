import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bay, type Geometry, handles, middleOfLongest, moved, type Needs, type Point, withBay, withCorner, without, withOverlap, withOverlapChanged, wrongs } from "./geometry.ts";
import { begun, changed, redone, undone } from "./history.ts";
import { scaleOf } from "./scale.ts";

const SOUND: Geometry = {
  person_heights: [[0.3, 0.1], [0.9, 0.2]],
  polygon: [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]],
  line: null,
};
const HALL: Needs = { line: false, bays: null, camera: "north", neighbours: { south: [] }, mostOverlaps: 2 };
const of = (change: Partial<Geometry>) => wrongs({ ...SOUND, ...change }, HALL);

test("what is wrong is told by its part, as the server does", () => {
  assert.deepEqual(wrongs(SOUND, HALL), []);
  assert.deepEqual(wrongs(SOUND, { ...HALL, line: true }), [{ shape: "line", fault: "missing" }]);
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
  assert.equal(without(SOUND, "polygon", 1).polygon?.length, 3);
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

test("bays are named, follow each other in rows, and are checked one by one", () => {
  const lot = { ...HALL, bays: 40 };
  let bays: Bay[] = [];
  for (let n = 0; n < 12; n++) bays = withBay(bays);
  assert.deepEqual(bays.map(({ id }) => id), Array.from({ length: 12 }, (_, n) => String(n + 1)));
  assert.deepEqual(bays[1]?.polygon[0], [0.15, 0.4], "beside the first");
  assert.deepEqual(bays[9]?.polygon[0], [0, 0.5], "and at the edge another row");
  const geometry = { ...SOUND, bays };
  assert.deepEqual(wrongs(geometry, lot), [], "neither heights nor a line is looked at");
  assert.deepEqual(wrongs(geometry, { ...lot, bays: 9 }), [{ shape: "bays", fault: "too_many_bays", most: 9 }]);
  assert.deepEqual(wrongs(SOUND, lot), [{ shape: "bays", fault: "missing" }]);
  const named = bays.map((bay, at) => (at === 3 ? { ...bay, id: "1" } : at === 4 ? { ...bay, id: "" } : bay));
  assert.deepEqual(wrongs({ ...geometry, bays: named }, lot), [
    { shape: "bays", which: 4, fault: "same_name" },
    { shape: "bays", which: 5, fault: "no_name" },
  ]);
  const changed = moved(geometry, "bays", 0, [0.3, 0.3], 2);
  assert.deepEqual(handles(changed, "bays", [0, 0], 2)[0], [0.3, 0.3]);
  assert.equal(without(changed, "bays", 0, 2).bays?.[2]?.polygon.length, 3);
  assert.equal(changed.bays?.[1], bays[1], "the others are as they were");
});

test("overlaps are drawn as outlines are, with another camera that doesn't leave the same back", () => {
  const overlaps = withOverlap([], "south");
  const geometry = { ...SOUND, overlaps };
  assert.deepEqual(wrongs(geometry, HALL), []);
  const wrong = (change: Partial<Geometry>, needs = HALL) => wrongs({ ...geometry, ...change }, needs).map(({ which, fault }) => [which, fault]);
  assert.deepEqual(wrong({ overlaps: withOverlap(overlaps, "attic") }), [[2, "no_neighbour"]]);
  assert.deepEqual(wrong({ overlaps: withOverlap(overlaps, "north") }), [[2, "no_neighbour"]], "itself");
  assert.deepEqual(wrong({ overlaps: withOverlap(withOverlap(overlaps, "south"), "south") }), [[undefined, "too_many_overlaps"]]);
  const through = { ...HALL, neighbours: { south: ["west"], west: ["south", "north"] } };
  assert.deepEqual(wrong({}, through), [[1, "circle"]]);
  assert.deepEqual(wrong({}, { ...HALL, neighbours: { south: ["west"], west: ["south"] } }), [], "others' own");
  const crossed = moved(moved(geometry, "overlaps", 0, [1, 0.9], 0), "overlaps", 1, [0.7, 0.9], 0);
  assert.deepEqual(wrong({ overlaps: moved(crossed, "overlaps", 3, [0.8, 0.2]).overlaps ?? [] }), [[1, "crossing"]]);
  assert.deepEqual(handles(crossed, "overlaps", [0, 0], 0)[0], [1, 0.9]);
  assert.deepEqual(wrong({ overlaps: without(without(geometry, "overlaps", 0), "overlaps", 0).overlaps ?? [] }), [[1, "too_few"]]);
  const other = withOverlapChanged(geometry, 0, (old) => ({ ...old, camera: "attic" }));
  assert.equal(other.overlaps?.[0]?.camera, "attic");
  assert.equal(geometry.overlaps[0]?.camera, "south", "the old one is as it was");
});

test("points keep their size on a screen, and never shrink below what is drawn", () => {
  assert.equal(scaleOf(1200), 1);
  assert.equal(scaleOf(345), 2);
  assert.equal(scaleOf(0), 1, "not shown yet");
});
