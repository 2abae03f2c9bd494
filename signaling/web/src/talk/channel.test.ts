// Messages between pages: sealed by the call's own keys, in order, and never from one call into another.
import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyRing } from "../e2ee/ring.ts";
import { importBase } from "../e2ee/sframe.ts";
import type { Message, Receipt } from "../shared/data.ts";
import { Channel, type Heard, type Sealing } from "./channel.ts";
import { newId } from "./wire.ts";

/** Both ends of a data channel, by hand: what one sends lies in `sent` until it is passed on. */
class Post {
  sent: Uint8Array[] = [];
  listener: (message: Message) => void = () => undefined;

  send(body: Uint8Array): Promise<Receipt> {
    this.sent.push(body);
    return Promise.resolve({ missed: [], missedMore: 0 });
  }

  sendLossy(body: Uint8Array): boolean {
    this.sent.push(body);
    return true;
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  onMessage(listener: (message: Message) => void): () => void {
    this.listener = listener;
    return () => undefined;
  }

  pass(body: Uint8Array, from: string, isReliable = true): void {
    this.listener({ from, isPrivate: false, isReliable, body });
  }
}

function sealing(ring: KeyRing, call: string): Sealing {
  return {
    call,
    isEncrypted: true,
    seal: (bytes) => ring.seal(bytes),
    open: async (bytes, sender) => {
      const standing = ring.standing(bytes, sender);
      return standing === "here" ? ((await ring.open(bytes, sender)) ?? "never") : standing;
    },
  };
}

const key = (byte: number) => importBase(new Uint8Array(32).fill(byte));
const soon = () => new Promise<void>((wake) => setTimeout(wake, 1));
/** Keys are looked for so seldom that they come in time, however busy the machine is. */
const seldom = () => new Promise<void>((wake) => setTimeout(wake, 40));
const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await soon();
};
/** Waits for what must come. */
const until = async (isSo: () => boolean) => {
  for (let turn = 0; turn < 2_000 && !isSo(); turn++) await new Promise((wake) => setTimeout(wake, 5));
};

interface End {
  post: Post;
  ring: KeyRing;
  channel: Channel;
  heard: Heard[];
  call: { now: string | null };
}

function end(pause = seldom): End {
  const [post, ring, heard, call] = [new Post(), new KeyRing(), [] as Heard[], { now: "call-1" as string | null }];
  const channel = new Channel(post, () => (call.now === null ? null : sealing(ring, call.now)), pause);
  channel.onMessage((one) => heard.push(one));
  return { post, ring, channel, heard, call };
}

const chat = (text: string) => ({ type: "chat", id: newId(), text }) as const;
const words = ({ heard }: End) => heard.map(({ message }) => (message.type === "chat" ? message.text : message.type));

async function pair(pause = seldom): Promise<{ a: End; b: End }> {
  const [a, b] = [end(pause), end(pause)];
  await a.ring.send(await key(1), 64);
  await b.ring.receive("a", await key(1), 64);
  return { a, b };
}

test("what goes out is sealed, and comes in at the other end only as the sender's", async () => {
  const { a, b } = await pair();
  const secret = "介護保険の相談です";
  await a.channel.send(chat(secret));
  const [sealed] = a.post.sent;
  assert.ok(sealed);
  assert.ok(!Buffer.from(sealed).includes(Buffer.from(secret)), "not to be read on the way");
  b.post.pass(sealed, "c");
  b.post.pass(sealed, "a");
  b.post.pass(sealed, "a");
  await until(() => b.heard.length > 0 && b.channel.dropped.unopened > 1);
  assert.deepEqual(words(b), [secret], "not as somebody else's, and not twice");
  assert.equal(b.heard[0]?.from, "a");
  assert.ok(b.channel.dropped.unopened >= 1);
});

test("in an encrypted call nothing clear comes in, and what is changed on the way doesn't either", async () => {
  const { a, b } = await pair();
  const clear = new Uint8Array([1, 0, ...new TextEncoder().encode('{"type":"hello"}')]);
  b.post.pass(clear, "a");
  await a.channel.send(chat("x"));
  const changed = a.post.sent[0]?.slice() ?? new Uint8Array();
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  b.post.pass(changed, "a");
  await settled();
  assert.deepEqual(b.heard, []);
});

test("who has no key yet waits with sending, in order", async () => {
  const [a, b] = [end(), end()];
  await b.ring.receive("a", await key(1), 64);
  const sent = Promise.all([a.channel.send(chat("1")), a.channel.send(chat("2"))]);
  await soon();
  assert.deepEqual(a.post.sent, [], "nothing goes out in the clear");
  await a.ring.send(await key(1), 64);
  await sent;
  for (const one of a.post.sent) b.post.pass(one, "a");
  await until(() => b.heard.length >= 2);
  assert.deepEqual(words(b), ["1", "2"]);
});

test("a message whose key isn't here yet waits for it, and those behind it wait too", async () => {
  const { a, b } = await pair();
  await a.channel.send(chat("old key"));
  await a.ring.send(await key(2), 128);
  await a.channel.send(chat("new key"));
  await a.channel.send(chat("after"));
  for (const one of a.post.sent) b.post.pass(one, "a");
  await soon();
  await b.ring.receive("a", await key(2), 128);
  await until(() => b.heard.length >= 3);
  assert.deepEqual(words(b), ["old key", "new key", "after"]);
});

test("a message whose key never comes is given up, and one with a key of long ago at once", async () => {
  const { a, b } = await pair(soon);
  await a.channel.send(chat("of long ago"));
  const newcomer = end(soon);
  await newcomer.ring.receive("a", await key(3), 192);
  newcomer.post.pass(a.post.sent[0] ?? new Uint8Array(), "a");
  await until(() => newcomer.channel.dropped.unopened > 0);
  assert.equal(newcomer.channel.dropped.unopened, 1);
  await a.ring.send(await key(9), 256);
  await a.channel.send(chat("of a key that nobody gave"));
  b.post.pass(a.post.sent[1] ?? new Uint8Array(), "a");
  await until(() => b.channel.dropped.unopened > 0);
  assert.deepEqual([b.heard.length, b.channel.dropped.unopened], [0, 1]);
});

test("what waits is bounded: of one sender, and of what is to be sent", async () => {
  const { a, b } = await pair();
  await a.ring.send(await key(2), 128);
  for (let n = 0; n < 70; n++) await a.channel.send(chat(String(n)));
  for (const one of a.post.sent) b.post.pass(one, "a");
  assert.equal(b.channel.dropped.tooMany, 6);
  await b.ring.receive("a", await key(2), 128);
  await until(() => b.heard.length >= 64);
  assert.equal(b.heard.length, 64);

  const silent = end();
  const all = await Promise.allSettled([
    ...Array.from({ length: 65 }, (_, n) => silent.channel.send(chat(String(n)))),
    (async () => {
      await settled();
      silent.call.now = null;
    })(),
  ]);
  assert.ok(all.slice(0, 65).every(({ status }) => status === "rejected"));
  assert.deepEqual(silent.post.sent, []);
});

test("what was meant for one call never goes into the next, nor comes from the one before", async () => {
  const a = end();
  const sent = a.channel.send(chat("for the first"));
  const failed = assert.rejects(sent);
  a.call.now = "call-2";
  await a.ring.send(await key(1), 64);
  await failed;
  assert.deepEqual(a.post.sent, []);

  const { a: sender, b } = await pair();
  await sender.ring.send(await key(2), 128);
  await sender.channel.send(chat("from the first"));
  b.post.pass(sender.post.sent[0] ?? new Uint8Array(), "a");
  b.call.now = "call-2";
  await b.ring.receive("a", await key(2), 128);
  await settled();
  assert.deepEqual(b.heard, []);
});

test("what is opened and is no message is dropped and counted", async () => {
  const { a, b } = await pair();
  const sealed = await a.ring.seal(new TextEncoder().encode("dance") as Uint8Array<ArrayBuffer>);
  b.post.pass(sealed ?? new Uint8Array(), "a");
  await until(() => b.channel.dropped.unreadable > 0);
  assert.deepEqual([b.heard.length, b.channel.dropped.unreadable], [0, 1]);
});
