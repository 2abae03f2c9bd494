// How a call comes back, and what is known of the others, told as what happens.
import assert from "node:assert/strict";
import { test } from "node:test";
import { rejoinWaitMs } from "./media.ts";
import type { SubscribedTrack } from "./protocol.ts";
import { callStatus, type Effect, type Event, newSession, type PeerState, type Session, step } from "./session.ts";

const open: Event = { type: "link_open" };
const lost: Event = { type: "link_lost" };
const admitted: Event = { type: "admitted", consultation: "c1", token: "token" };
const DEVICES: Event = { type: "devices", status: "ready" };
const joined = (fresh: boolean): Event => ({ type: "joined", participant: "me", fresh });
const peer = (which: "up" | "down", state: PeerState): Event => ({ type: "peer", which, state });
const network: Event = { type: "network_changed" };
const camera: SubscribedTrack = { mid: "1", track: "t-a", participant: "a", role: "resident", source: "camera" };
const offer = (...tracks: SubscribedTrack[]): Event => ({ type: "offer", revision: 1, sdp: "", tracks });

function run(session: Session, ...events: Event[]): [Session, Effect[]] {
  let effects: Effect[] = [];
  for (const event of events) [session, effects] = step(session, event);
  return [session, effects];
}
const names = (effects: Effect[]) => effects.map((effect) => effect.do);
/** The event that an alarm among the effects comes back as. */
function ring(effects: Effect[]): Event {
  const alarm = effects.find((effect) => effect.do === "alarm");
  assert.ok(alarm, `an alarm among ${names(effects)}`);
  return { type: "alarm", round: alarm.round };
}
const talking = () =>
  run(newSession("staff"), open, DEVICES, admitted, joined(true), peer("up", "connected"), peer("down", "connected"), offer(camera))[0];

test("a connection that is quiet for a moment comes back by itself", () => {
  const [stalled, effects] = run(talking(), peer("down", "disconnected"));
  assert.equal(callStatus(stalled), "reconnecting");
  assert.deepEqual(names(effects), ["check_link", "alarm"]);
  const [back] = run(stalled, peer("down", "connected"));
  assert.equal(callStatus(back), "talking");
  assert.deepEqual(run(back, ring(effects)), [back, []], "its alarm is stale");
});

test("one that stays quiet looks for new paths both ways, and then for new connections", () => {
  const [stalled, watch] = run(talking(), peer("up", "disconnected"));
  const [restarting, effects] = run(stalled, ring(watch));
  assert.deepEqual(names(effects), ["restart", "alarm"]);
  const [, nothing] = run(restarting, peer("down", "disconnected"));
  assert.deepEqual(nothing, [], "one restart is for both");
  const [back] = run(restarting, peer("down", "connected"), peer("up", "connected"));
  assert.deepEqual([back.media, back.recovery.step], ["live", "none"]);
  const [rebuilt, anew] = run(restarting, ring(effects));
  assert.equal(rebuilt.media, "lost");
  assert.deepEqual(anew, [{ do: "drop_connections" }, { do: "resync", afterMs: 500 }]);
});

test("a failed connection restarts at once", () => {
  const [session, effects] = run(talking(), peer("down", "failed"));
  assert.deepEqual(names(effects), ["restart", "alarm"]);
  assert.equal(callStatus(session), "reconnecting");
});

test("without a link the restart waits for it, and for the seat in the room", () => {
  const [stalled, watch] = run(talking(), peer("up", "disconnected"));
  const [waiting, nothing] = run(stalled, lost, ring(watch));
  assert.deepEqual([names(nothing), waiting.recovery.step], [[], "watching"]);
  const [, early] = run(waiting, open);
  assert.deepEqual(early, [], "nobody there knows this page yet");
  const [known, join] = run(waiting, open, admitted);
  assert.deepEqual(join, [{ do: "join", token: "token", hasConnections: true }]);
  assert.deepEqual(names(run(known, joined(false))[1]), ["restart", "alarm"]);
  assert.deepEqual(names(run(known, joined(true))[1]), ["drop_connections", "publish"], "the node has given it up");
  const [healed] = run(known, peer("up", "connected"));
  assert.deepEqual(run(healed, joined(false))[1], [], "it came back by itself meanwhile");
});

test("a restart that nobody heard of is asked for again", () => {
  const [stalled, watch] = run(talking(), peer("up", "disconnected"));
  const [restarting, effects] = run(stalled, ring(watch));
  const [waiting] = run(restarting, lost);
  assert.deepEqual(run(waiting, ring(effects))[1], [], "its alarm doesn't drop what may still be of use");
  assert.deepEqual(names(run(waiting, open, admitted, joined(false))[1]), ["restart", "alarm"]);
});

test("a silence is nothing while the server is reached, and a broken connection when it isn't", () => {
  const silence: Event = { type: "silence" };
  const [doubting, doubt] = run(talking(), silence);
  assert.deepEqual([callStatus(doubting), names(doubt)], ["talking", ["check_link", "alarm"]]);
  const [calm, nothing] = run(doubting, ring(doubt));
  assert.deepEqual([calm.recovery.step, nothing], ["none", []]);
  const [unreached] = run(doubting, lost, ring(doubt));
  assert.deepEqual(names(run(unreached, open, admitted, joined(false))[1]), ["restart", "alarm"]);
  const [stalled, watch] = run(doubting, peer("up", "disconnected"));
  assert.deepEqual([stalled.recovery.step, names(watch)], ["watching", ["check_link", "alarm"]]);
});

test("another network is taken at once, and nothing is lost when the old one was the same", () => {
  const [session, effects] = run(talking(), network);
  assert.deepEqual(names(effects), ["check_link", "restart", "alarm"]);
  assert.equal(callStatus(session), "talking");
  assert.deepEqual(names(run(session, network)[1]), ["check_link"], "once is enough");
  const [still, nothing] = run(session, ring(effects));
  assert.deepEqual([still.media, still.recovery.step, nothing], ["live", "none", []]);
  const [broken] = run(session, peer("down", "disconnected"));
  assert.deepEqual(names(run(broken, ring(effects))[1]), ["drop_connections", "resync"]);
});

test("waits between attempts grow, and are short again after it worked", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 9].map(rejoinWaitMs), [500, 1000, 2000, 4000, 8000, 8000]);
  const waits: number[] = [];
  let session = talking();
  const rebuild = () => {
    const [failed, effects] = run(session, lost, open, admitted, joined(true), peer("up", "failed"));
    for (const effect of effects) if (effect.do === "resync") waits.push(effect.afterMs);
    session = failed;
  };
  session = run(session, { type: "media_lost" })[0];
  rebuild();
  rebuild();
  session = run(session, lost, open, admitted, joined(true), peer("up", "connected"), peer("down", "connected"))[0];
  session = run(session, { type: "media_lost" })[0];
  rebuild();
  assert.deepEqual(waits, [500, 1000, 500]);
});

test("an alarm of one call doesn't act in the next", () => {
  const [, watch] = run(talking(), peer("up", "disconnected"));
  const stale = ring(watch);
  const ended: Event = { type: "hang_up" };
  const again = [admitted, joined(true), peer("up", "connected"), peer("down", "connected")];
  const [next] = run(talking(), peer("up", "disconnected"), ended, { type: "end_told" }, ...again, peer("up", "disconnected"));
  assert.equal(next.recovery.step, "watching");
  assert.deepEqual(run(next, stale)[1], []);
});

test("what is held back is known until it comes, or its track is gone", () => {
  const held: Event = { type: "paused", track: "t-a", paused: true };
  const [session] = run(talking(), held, held);
  assert.deepEqual(session.held, ["t-a"]);
  assert.deepEqual(run(session, { ...held, paused: false })[0].held, []);
  assert.deepEqual(run(session, offer())[0].held, []);
  assert.deepEqual(run(session, { type: "media_lost" })[0].held, []);
});

test("who speaks and how well it goes is known of everybody who is there", () => {
  const [session] = run(
    talking(),
    { type: "speakers", participants: ["a", "me"] },
    { type: "connection_quality", participant: "a", quality: "lost" },
    { type: "connection_quality", participant: "me", quality: "good" },
  );
  assert.deepEqual([session.speakers, session.qualities], [["a", "me"], { a: "lost", me: "good" }]);
  assert.deepEqual(run(session, peer("down", "disconnected"))[0].speakers, [], "nobody is heard now");
  const [alone] = run(session, { type: "participant_left", participant: "a" });
  assert.deepEqual([alone.speakers, alone.qualities], [["me"], { me: "good" }]);
});
