// Which job is next.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Job, Lane } from "./job.ts";
import { inOrder, next, roomOf } from "./queue.ts";

function job(name: string, lane: Lane): Job {
  return { name, lane, program: "true", words: [], cwd: "/", env: {}, mayTryAgain: false, read: () => ({ passed: 1, ignored: 0, skipped: [], failed: [] }) };
}

const [call, booth] = [job("browser/call", "browser"), job("browser/booth", "browser")];
const [areas, staff, screens] = [job("store/areas", "waits"), job("store/staff", "waits"), job("signaling/screens", "waits")];
const [golden, idle] = [job("player/golden", "computes"), job("player/idle", "alone")];
const two = roomOf(2);

test("what needs no browser is first, the longest first; what isn't known is last, in its order", () => {
  const order = inOrder([booth, areas, staff, call, screens], { "browser/call": 9, "signaling/screens": 70 });
  assert.deepEqual(order, [screens, areas, staff, call, booth]);
});

test("a browser has nothing beside it but other browsers", () => {
  assert.equal(next([booth], [areas], two), undefined);
  assert.equal(next([areas], [call], two), undefined);
  assert.equal(next([booth], [call], two), undefined, "two cores have room for one");
  assert.equal(next([areas, booth], [], two), areas);
  assert.equal(next([booth, idle], [], two), booth);
});

test("no more run than there is room for", () => {
  assert.equal(next([staff], [areas, screens], two), undefined);
  assert.equal(next([golden], [areas, staff], two), golden);
  assert.equal(next([golden], [job("vision/film", "computes"), areas], two), undefined);
  assert.equal(next([golden], [areas, staff, screens], two), undefined);
});

test("more cores have room for more browsers", () => {
  assert.equal(next([booth], [call], roomOf(8)), booth);
});

test("what is to be alone comes last, and nothing beside it", () => {
  assert.equal(next([idle, areas], [golden], two), areas);
  assert.equal(next([idle], [call], two), undefined);
  assert.equal(next([idle], [], two), idle);
  assert.equal(next([areas], [idle], two), undefined);
});
