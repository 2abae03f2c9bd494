import assert from "node:assert/strict";
import { test } from "node:test";
import { look, NO_PLAYOUT, type Playout, received } from "./playout.ts";

/** Looks once a second, for so many seconds, at this many in a hundred missing. */
function after(seconds: number, percent: number, from: Playout = NO_PLAYOUT, begin = 0, roundTripMs: number | null = 40): Playout {
  let playout = from;
  for (let second = 1; second <= seconds; second += 1) {
    playout = look(playout, { now: begin + second * 1000, packets: 200, missing: 2 * percent, roundTripMs });
  }
  return playout;
}

test("nothing is held where nothing is missing, nor after a single burst", () => {
  assert.equal(after(60, 0).targetMs, null);
  assert.equal(after(60, 1).targetMs, null);
  assert.equal(after(1, 4).targetMs, null);
});

test("five percent are worth waiting for, within two seconds, and the longer the way the longer", () => {
  assert.equal(after(2, 5).targetMs, 280);
  assert.equal(after(2, 5, NO_PLAYOUT, 0, 80).targetMs, 400);
  assert.equal(after(2, 5, NO_PLAYOUT, 0, null).targetMs, 400);
  assert.equal(after(2, 5, NO_PLAYOUT, 0, 500).targetMs, 400, "a conversation bears no more");
});

test("the hold ends when it was calm for long, and not before", () => {
  const held = after(10, 5);
  const begin = 10_000;
  assert.equal(after(18, 0, held, begin).targetMs, 280);
  assert.equal(after(40, 0, held, begin).targetMs, null);
  const disturbed = after(3, 5, after(18, 0, held, begin), 28_000);
  assert.equal(after(18, 0, disturbed, 31_000).targetMs, 280, "it begins anew");
});

test("a way that differs by little changes nothing", () => {
  const held = after(5, 5);
  assert.equal(after(5, 5, held, 5_000, 50).targetMs, 280);
  assert.equal(after(5, 5, held, 5_000, 80).targetMs, 400);
});

test("hardly a packet says nothing", () => {
  assert.deepEqual(look(NO_PLAYOUT, { now: 0, packets: 3, missing: 3, roundTripMs: 40 }), NO_PLAYOUT);
});

test("what the browser reports is summed up", () => {
  const report = new Map<string, object>([
    ["a", { type: "inbound-rtp", kind: "video", packetsReceived: 100, nackCount: 7, packetsLost: 30 }],
    ["b", { type: "inbound-rtp", kind: "audio", packetsReceived: 50, packetsLost: -2 }],
    ["c", { type: "candidate-pair", nominated: false, currentRoundTripTime: 3 }],
    ["d", { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.04 }],
    ["e", { type: "inbound-rtp", kind: "audio" }],
  ]) as unknown as RTCStatsReport;
  assert.deepEqual(received(report), { packets: 150, missing: 7, roundTripMs: 40 });
});
