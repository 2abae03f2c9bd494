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

test("browsers are first, then the longest; what isn't known is last, in its order", () => {
  const order = inOrder([areas, staff, call, screens, booth], { "browser/booth": 9, "signaling/screens": 70 });
  assert.deepEqual(order, [booth, call, screens, areas, staff]);
});

test("a browser's place isn't taken by what waits, however long that is", () => {
  const waiting = inOrder([areas, staff, screens, booth], { "store/areas": 70, "store/staff": 60, "signaling/screens": 50 });
  assert.equal(next(waiting, [golden, areas], two), booth);
});

test("two cores have room for one browser, and for what waits beside it", () => {
  assert.equal(next([booth, areas], [call], two), areas);
  assert.equal(next([booth], [call], two), undefined);
  assert.equal(next([staff], [areas, screens], two), undefined);
});

test("no more run than there is room for", () => {
  assert.equal(next([golden], [call, areas, staff], two), undefined);
});

test("more cores have room for more browsers", () => {
  assert.equal(next([booth], [call], roomOf(8)), booth);
});

test("what is to be alone comes last, and nothing beside it", () => {
  assert.equal(next([idle, areas], [call], two), areas);
  assert.equal(next([idle], [call], two), undefined);
  assert.equal(next([idle], [], two), idle);
  assert.equal(next([areas], [idle], two), undefined);
});
