// The machine's promises, told as what happens to a person.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Consultation, Phase, SubscribedTrack } from "./protocol.ts";
import { callStatus, type Effect, type Event, newSession, type Session, step } from "./session.ts";

const consultation = (phase: Phase, version = 1, more: Partial<Consultation> = {}): Consultation => ({
  id: "c1",
  section: "kosodate",
  phase,
  version,
  is_present: true,
  created_at: 0,
  expires_at: 9,
  ...more,
});
const track = (participant: string, mid = "0"): SubscribedTrack => ({
  mid,
  track: `t-${participant}`,
  participant,
  role: "staff",
  source: "camera",
});
const news = (phase: Phase, version = 1): Event => ({ type: "consultation", consultation: consultation(phase, version) });
const admitted: Event = { type: "admitted", consultation: "c1", token: "token" };
const open: Event = { type: "link_open" };
const up: Event = { type: "peer", which: "up", state: "connected" };
const down: Event = { type: "peer", which: "down", state: "connected" };
const joined = (fresh: boolean): Event => ({ type: "joined", participant: "me", fresh });
const problem = (kind: string, status: number) => ({ type: `urn:madoguchi:problem:${kind}`, title: "", status });

/** All events one after the other; gives the last state and the last event's effects. */
function run(session: Session, ...events: Event[]): [Session, Effect[]] {
  let effects: Effect[] = [];
  for (const event of events) [session, effects] = step(session, event);
  return [session, effects];
}
const names = (effects: Effect[]) => effects.map((effect) => effect.do);
const resident = () => newSession("resident");
const hanako = () => newSession("staff", [], "hanako");
const served: Event = { type: "consultation", consultation: consultation("admitted", 1, { staff: "hanako" }) };
const checked: Event[] = [open, news("booked"), { type: "devices", status: "ready" }];
const talking: Event[] = [...checked, { type: "enter" }, news("waiting", 2), news("admitted", 3), admitted, joined(true), up, down];

test("a resident checks, waits, is asked in and talks", () => {
  const [check] = run(resident(), ...checked);
  assert.equal(check.stage, "check");
  const [entered, told] = run(check, { type: "enter" });
  assert.equal(entered.stage, "waiting");
  assert.deepEqual(told, [{ do: "ready" }]);
  const [waiting, nothing] = run(entered, news("booked"), news("waiting", 2));
  assert.equal(waiting.stage, "waiting");
  assert.deepEqual(nothing, [], "told once");
  const [call, effects] = run(waiting, admitted);
  assert.equal(call.stage, "call");
  assert.deepEqual(names(effects), ["chime", "drop_connections", "join", "publish"]);
  const [live] = run(call, joined(true), up, down, { type: "offer", revision: 1, sdp: "", tracks: [track("staff")] });
  assert.equal(callStatus(live), "talking");
});

test("whoever comes back goes straight into the call, whatever comes first", () => {
  const opening: Event = { type: "devices", status: "opening" };
  const ready: Event = { type: "devices", status: "ready" };
  const orders: Event[][] = [
    [opening, ready, open, news("admitted"), admitted],
    [opening, open, news("admitted"), admitted, ready],
    [open, news("admitted"), admitted, opening, ready],
    [open, opening, news("admitted"), ready, admitted],
  ];
  for (const order of orders) {
    let session = resident();
    let joins = 0;
    for (const event of order) {
      const [next, effects] = step(session, event);
      session = next;
      joins += names(effects).filter((name) => name === "join").length;
    }
    assert.equal(session.stage, "call");
    assert.equal(joins, 1);
  }
});

test("a first visit with permission given before still begins with the device check", () => {
  const [session] = run(resident(), { type: "devices", status: "opening" }, open, news("booked"), { type: "devices", status: "ready" });
  assert.equal(session.stage, "check");
});

test("an admission that came before the permission waits for the person, and its token is renewed", () => {
  const [held] = run(resident(), open, news("admitted"), admitted, { type: "devices", status: "asking" });
  assert.equal(held.stage, "check");
  const [entered, effects] = run(held, { type: "devices", status: "ready" }, { type: "enter" });
  assert.equal(entered.stage, "waiting");
  assert.deepEqual(effects, [{ do: "resync", afterMs: 0 }]);
  assert.equal(run(entered, { type: "link_lost" }, open, news("admitted"), admitted)[0].stage, "call");
});

test("a lost link leaves the connections alone, and the join says that they live", () => {
  const [call] = run(resident(), ...talking);
  const [lost, effects] = run(call, { type: "link_lost" });
  assert.deepEqual(effects, []);
  assert.equal(lost.media, "live");
  const [back, again] = run(lost, open, news("admitted", 3), admitted);
  assert.deepEqual(again, [{ do: "join", token: "token", hasConnections: true }]);
  const [kept, nothing] = run(back, joined(false));
  assert.deepEqual([kept.media, nothing], ["live", []]);
  const [rebuilt, anew] = run(back, joined(true));
  assert.equal(rebuilt.media, "building");
  assert.deepEqual(names(anew), ["drop_connections", "publish"]);
});

test("a lost media node drops everything, and the next admission builds it anew", () => {
  const [call] = run(resident(), ...talking);
  const [lost, effects] = run(call, { type: "media_lost" });
  assert.deepEqual(names(effects), ["drop_connections"]);
  assert.equal(callStatus(lost), "reconnecting");
  const [again, rebuilt] = run(lost, admitted);
  assert.deepEqual(names(rebuilt), ["drop_connections", "join", "publish"]);
  assert.equal(callStatus(again), "reconnecting", "not as if it were the first time");
});

test("without a media node the page waits for the server, and does not knock", () => {
  const [call] = run(resident(), ...checked, { type: "enter" }, admitted);
  const [preparing, effects] = run(call, { type: "join_failed", problem: problem("no-media", 503) });
  assert.deepEqual([callStatus(preparing), names(effects)], ["preparing", ["drop_connections"]]);
  assert.deepEqual(run(preparing, { type: "negotiation_failed" })[1], []);
});

test("hanging up stops camera and microphone at once, and is told until the server knows", () => {
  const [call] = run(resident(), ...talking);
  const [ended, effects] = run(call, { type: "hang_up" });
  assert.equal(ended.stage, "ended");
  assert.deepEqual(names(effects), ["end", "drop_connections", "stop_devices"]);
  const [offline, silent] = run(call, { type: "link_lost" }, { type: "hang_up" });
  assert.deepEqual(names(silent), ["drop_connections", "stop_devices"]);
  assert.deepEqual(run(offline, open)[1], [{ do: "end", consultation: "c1", isLeaving: false }]);
  assert.deepEqual(run(offline, open, { type: "end_told" })[1], [{ do: "close_link" }]);
});

test("the other side hangs up: goodbye for residents, the console for staff", () => {
  const [ended, effects] = run(resident(), ...talking, news("ended", 4));
  assert.equal(ended.stage, "ended");
  assert.deepEqual(names(effects), ["drop_connections", "stop_devices", "close_link"]);
  const staff = run(hanako(), open, admitted, served, joined(true), up, down)[0];
  assert.equal(staff.stage, "call");
  assert.equal(run(staff, news("ended", 4))[0].stage, "idle");
  assert.equal(run(staff, { type: "link_lost" }, open, { type: "consultations", consultations: [] })[0].stage, "idle");
});

test("news of another consultation are not the call's", () => {
  const staff = run(hanako(), open, admitted, served)[0];
  const other: Event = { type: "consultation", consultation: { ...consultation("ended", 9), id: "c2" } };
  assert.equal(run(staff, other)[0].stage, "call");
  assert.equal(run(staff, { type: "hang_up", consultation: "c2" })[0].stage, "call", "withdrawing another link");
});

test("older news are dropped; the same version may bring another place in the line", () => {
  const [session] = run(resident(), ...checked, { type: "enter" }, news("waiting", 5), news("booked", 4));
  assert.equal(session.consultation?.phase, "waiting");
  const ahead: Event = { type: "consultation", consultation: consultation("waiting", 5, { ahead: 3 }) };
  assert.equal(run(session, ahead)[0].consultation?.ahead, 3);
});

test("who has just come is told what is switched off", () => {
  const [call] = run(resident(), ...talking, { type: "switch", source: "camera", off: true });
  const [there, effects] = run(call, { type: "offer", revision: 1, sdp: "", tracks: [track("a")] });
  assert.deepEqual(effects[1], { do: "mute", source: "camera", muted: true });
  const [, again] = run(there, { type: "offer", revision: 2, sdp: "", tracks: [track("a"), track("a", "1")] });
  assert.deepEqual(names(again), ["answer"]);
});

test("others' mutes are shown, and forgotten when they leave", () => {
  const [call] = run(resident(), ...talking, { type: "offer", revision: 1, sdp: "", tracks: [track("a")] });
  const [muted] = run(call, { type: "muted", participant: "a", source: "camera", muted: true });
  assert.deepEqual(muted.othersMuted, ["a/camera"]);
  const [alone] = run(muted, { type: "participant_left", participant: "a" });
  assert.deepEqual([alone.othersMuted, callStatus(alone)], [[], "alone"]);
});

test("a dead link ends with the goodbye, a wrong one with what is wrong, another window with a way back", () => {
  assert.equal(run(resident(), { type: "refused", problem: problem("link-used", 410) })[0].stage, "ended");
  const [refused] = run(resident(), { type: "refused", problem: problem("link-unknown", 404) });
  assert.deepEqual([refused.stage, refused.refusal?.status], ["refused", 404]);
  const [elsewhere, effects] = run(resident(), ...talking, { type: "elsewhere" });
  assert.equal(elsewhere.stage, "elsewhere");
  assert.deepEqual(names(effects), ["drop_connections", "stop_devices"]);
  assert.deepEqual(run(elsewhere, admitted)[1], [], "nothing brings it back by itself");
});

test("a refused ready is told again", () => {
  const [session] = run(resident(), ...checked, { type: "enter" });
  assert.deepEqual(names(run(session, { type: "ready_failed" })[1]), ["ready"]);
  assert.deepEqual(names(run(session, { type: "link_lost" }, open, news("booked"))[1]), ["ready"]);
});

test("on hold there is no call: everything is dropped, and made anew when the server asks in again", () => {
  const held = (version: number): Event => ({
    type: "consultation",
    consultation: consultation("admitted", version, { call: { is_held: true } }),
  });
  const [call] = run(resident(), ...talking);
  const [onHold, effects] = run(call, held(4));
  assert.equal(onHold.stage, "held");
  assert.deepEqual([names(effects), onHold.media, onHold.tracks], [["drop_connections"], "none", []]);
  assert.deepEqual(run(onHold, held(5))[1], [], "told again");
  const [still] = run(onHold, news("admitted", 6));
  assert.equal(still.stage, "held", "until it is asked in");
  const [again, joins] = run(still, admitted);
  assert.equal(again.stage, "call");
  assert.deepEqual(names(joins), ["drop_connections", "join", "publish"]);
  const [waiting] = run(onHold, news("waiting", 6));
  assert.equal(waiting.stage, "waiting", "called back from hold");
  // A reload while on hold.
  const opening: Event = { type: "devices", status: "opening" };
  const ready: Event = { type: "devices", status: "ready" };
  assert.equal(run(resident(), opening, open, held(4), ready)[0].stage, "held");
});

test("a guest goes alone, staff who were called in too, and who serves ends it for all", () => {
  const hangUp: Event = { type: "hang_up" };
  const guest = newSession("guest");
  const [gone, told] = run(guest, ...talking, hangUp);
  assert.equal(gone.stage, "ended");
  assert.deepEqual(told[0], { do: "end", consultation: "c1", isLeaving: true });
  const person = (staff: string) => ({ participant: staff, part: "colleague" as const, state: "admitted" as const, since: 0, staff });
  const call = (people: string[]): Event => ({
    type: "consultation",
    consultation: consultation("admitted", 3, { staff: "hanako", call: { people: people.map(person) } }),
  });
  const as = (who: string) => run(newSession("staff", [], who), open, admitted, call(["taro"]))[0];
  assert.deepEqual(run(as("taro"), hangUp)[1][0], { do: "end", consultation: "c1", isLeaving: true });
  assert.deepEqual(run(as("hanako"), hangUp)[1][0], { do: "end", consultation: "c1", isLeaving: false });
  const [out, effects] = run(as("taro"), { type: "consultation", consultation: consultation("admitted", 4, { staff: "hanako" }) });
  assert.equal(out.stage, "idle", "put out, or handed over");
  assert.deepEqual(names(effects), ["drop_connections", "stop_devices"]);
});

test("staff whose consultation went to somebody of another section are at their console again", () => {
  const gone: Event = { type: "gone", consultation: "c1" };
  const [call] = run(hanako(), open, admitted, served, { type: "devices", status: "ready" }, joined(true), up, down);
  assert.equal(call.stage, "call");
  assert.equal(run(call, { type: "gone", consultation: "c2" })[0], call, "another one is no business of this call");
  const [out, effects] = run(call, gone);
  assert.deepEqual([out.stage, out.room, out.consultation], ["idle", null, null]);
  assert.deepEqual(names(effects), ["drop_connections", "stop_devices"]);
});
