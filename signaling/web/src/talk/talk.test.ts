// Several pages of one call, without a network: who comes, or comes back, is told what the others have, and a call leaves
// nothing behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message, Receipt } from "../shared/data.ts";
import type { RoomRole } from "../shared/protocol.ts";
import { pagesHere, paperOf, withPage, withPaper, withShowing } from "./papers/shelf.ts";
import { Talk } from "./talk.ts";
import { newId, PIECE } from "./wire.ts";

const ROLES: Record<string, RoomRole> = { staff: "staff", resident: "resident", interpreter: "guest" };

/** A room as the media server is one: what one sends, the others get. */
class Room {
  readonly pages = new Map<string, { talk: Talk; listener: (message: Message) => void }>();
  call = "call-1";

  /** A page comes, perhaps anew. */
  enter(name: string): Talk {
    let listener: (message: Message) => void = () => undefined;
    const pass = (isReliable: boolean, body: Uint8Array, to: string): void => {
      for (const [other, page] of this.pages) {
        if (other === name || (to !== "" && to !== other)) continue;
        setTimeout(() => page.listener({ from: name, isPrivate: to !== "", isReliable, body: body.slice() }), 0);
      }
    };
    const carrier = {
      send: (body: Uint8Array, to = ""): Promise<Receipt> => {
        pass(true, body, to);
        return Promise.resolve({ missed: [], missedMore: 0 });
      },
      sendLossy: (body: Uint8Array, to = "") => {
        pass(false, body, to);
        return true;
      },
      ready: () => Promise.resolve(),
      onMessage: (one: (message: Message) => void) => {
        listener = one;
        return () => undefined;
      },
    };
    const keys = () => ({ call: this.call, isEncrypted: false, seal: () => Promise.resolve(null), open: () => Promise.resolve("never" as const) });
    const programs = { program: "", worker: "", tables: "" };
    const talk = new Talk(carrier, keys, programs, { me: () => name, roleOf: (one) => ROLES[one], now: () => Date.now(), onChange: () => undefined });
    this.pages.set(name, { talk, listener: (message) => listener(message) });
    for (const [one, page] of this.pages) page.talk.present(new Set([...this.pages.keys()].filter((other) => other !== one)));
    return talk;
  }

  leave(name: string): void {
    this.pages.delete(name);
    for (const [one, page] of this.pages) page.talk.present(new Set([...this.pages.keys()].filter((other) => other !== one)));
  }
}

const settled = async () => {
  for (let turn = 0; turn < 60; turn++) await new Promise((wake) => setTimeout(wake, 5));
};
const words = ({ chat }: Talk) => chat.lines.map(({ text }) => text);

test("who reloads has the chat and the papers again, from the others", async () => {
  const room = new Room();
  const [staff, resident] = [room.enter("staff"), room.enter("resident")];
  staff.say("こんにちは");
  await settled();
  resident.say("はい");
  await settled();
  assert.deepEqual([words(staff), words(resident)], [["こんにちは", "はい"], ["こんにちは", "はい"]]);
  const id = newId();
  const page = { width: 100, height: 200, format: "webp", bytes: new Uint8Array(3 * PIECE + 5).fill(9) } as const;
  staff.papers.shelf = withPage(withPage(withPaper(staff.papers.shelf, id, "x.pdf", 2, "staff"), id, 0, page), id, 1, page);
  staff.papers.shelf = withShowing(staff.papers.shelf, { paper: id, page: 1, version: 3 }, "staff");

  room.leave("resident");
  const back = room.enter("resident");
  await settled();
  assert.deepEqual(words(back), ["こんにちは", "はい"]);
  const paper = paperOf(back.papers.shelf, id);
  assert.deepEqual(paper && pagesHere(paper), [0, 1]);
  assert.deepEqual(paper?.pages[1], page);
  assert.equal(back.papers.shelf.showing?.page, 1);
  assert.equal(back.isTrusted("staff"), true);
  assert.equal(back.isTrusted("resident"), false);
});

test("what was written while nobody was there waits, and is there for who comes back", async () => {
  const room = new Room();
  const staff = room.enter("staff");
  staff.say("お戻りになったらお読みください");
  await settled();
  assert.equal(staff.chat.lines[0]?.state, "waiting");
  const resident = room.enter("resident");
  await settled();
  assert.deepEqual(words(resident), ["お戻りになったらお読みください"]);
  assert.equal(staff.chat.lines[0]?.state, "sent");
});

test("residents turn no page of the staff's, and staff turn theirs", async () => {
  const room = new Room();
  const [staff, resident] = [room.enter("staff"), room.enter("resident")];
  const ofStaff = newId();
  for (const one of [staff, resident]) one.papers.shelf = withPaper(one.papers.shelf, ofStaff, "x", 3, "staff");
  resident.papers.show(ofStaff, 2);
  await settled();
  assert.equal(staff.papers.shelf.showing, null);
  assert.deepEqual([staff.papers.mayShow(ofStaff), resident.papers.mayShow(ofStaff)], [true, false]);
  staff.papers.show(ofStaff, 1);
  await settled();
  assert.equal(resident.papers.shelf.showing?.page, 1);
  resident.papers.putAway(ofStaff);
  await settled();
  assert.ok(paperOf(staff.papers.shelf, ofStaff), "nor do they take it away from others");
});

test("captions and signs reach all, and who leaves signs no more", async () => {
  const room = new Room();
  const [staff, resident] = [room.enter("staff"), room.enter("resident")];
  const interpreter = room.enter("interpreter");
  staff.caption("本日は");
  staff.caption("本日はよろしく");
  staff.finishCaption();
  interpreter.setSigning(true);
  await settled();
  for (const one of [resident, interpreter]) assert.deepEqual(one.captions.utterances.map(({ text, isDone }) => [text, isDone]), [["本日はよろしく", true]]);
  assert.ok(resident.needsMotion && staff.needsMotion);
  room.leave("interpreter");
  assert.ok(!resident.needsMotion && !staff.needsMotion);
});

test("with the call everything is gone, the draft too", async () => {
  const room = new Room();
  const [staff, resident] = [room.enter("staff"), room.enter("resident")];
  resident.say("内緒の話");
  staff.draft = "書きかけ";
  staff.caption("字幕");
  staff.setSigning(true);
  await settled();
  staff.end();
  assert.deepEqual([staff.chat.lines, staff.captions.utterances, staff.papers.shelf.papers, staff.draft, staff.isSigning], [[], [], [], "", false]);
  await settled();
  assert.deepEqual(staff.captions.utterances, [], "nothing comes after its end");
});
