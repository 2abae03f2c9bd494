// Data messages of a page: what is sent, answered, repeated and refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Channel, Data, DataError, MAX_BODY, type Message, read, written } from "./data.ts";
import type { DataAnswer } from "./protocol.ts";

class FakeChannel implements Channel {
  readyState: RTCDataChannelState = "connecting";
  bufferedAmount = 0;
  binaryType: BinaryType = "blob";
  onopen: (() => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  sent: Uint8Array[] = [];

  send(data: Uint8Array): void {
    assert.equal(this.readyState, "open");
    this.sent.push(data);
  }

  open(): void {
    this.readyState = "open";
    this.onopen?.();
  }

  hear(data: string | Uint8Array): void {
    const copy = typeof data === "string" ? data : data.slice().buffer;
    this.onmessage?.({ data: copy } as MessageEvent);
  }

  answer(answer: DataAnswer): void {
    this.hear(JSON.stringify(answer));
  }

  /** The numbers of what was sent. */
  numbers(): number[] {
    return this.sent.map((bytes) => read(bytes)?.number ?? -1);
  }
}

function connected(data: Data): { reliable: FakeChannel; lossy: FakeChannel } {
  const made: Record<string, FakeChannel> = {};
  data.openOn({ createDataChannel: (label) => (made[label] = new FakeChannel()) });
  const { reliable, lossy } = made;
  assert.ok(reliable && lossy);
  return { reliable, lossy };
}

function begun(): { data: Data; reliable: FakeChannel; lossy: FakeChannel } {
  const data = new Data();
  const channels = connected(data);
  data.begin();
  channels.reliable.open();
  channels.lossy.open();
  return { data, ...channels };
}

/** A message as the server passes it on. */
function passedOn(number: number, from: string, body: Uint8Array, isPrivate = false): Uint8Array {
  const bytes = written(number, from, body);
  bytes[1] = isPrivate ? 1 : 0;
  return bytes;
}

const text = (words: string) => new TextEncoder().encode(words);

async function whyOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => assert.fail("it was fulfilled"), (error: unknown) => error);
  assert.ok(error instanceof DataError);
  return error.why;
}

test("a message is laid out as the protocol says", () => {
  // The same bytes as in `protocol/src/data.rs`.
  const bytes = new Uint8Array([1, 1, 1, 2, 3, 4, 3, ...text("aoi"), ...text("hi")]);
  const message = read(bytes);
  assert.deepEqual(message, { from: "aoi", isPrivate: true, number: 0x0102_0304, body: text("hi") });
  assert.deepEqual(written(0x0102_0304, "aoi", text("hi")), Uint8Array.from(bytes, (byte, at) => (at === 1 ? 0 : byte)));
  for (const bad of [[], [1, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 3, 97]]) {
    assert.equal(read(new Uint8Array(bad)), null);
  }
});

test("a message is fulfilled by its own answer, with who misses it", async () => {
  const { data, reliable } = begun();
  const first = data.send(text("one"));
  const second = data.send(text("two"), "ren");
  const [one, two] = reliable.numbers();
  assert.ok(one !== undefined && two === ((one + 1) >>> 0));
  assert.equal(read(reliable.sent[1] ?? new Uint8Array())?.from, "ren");
  const problem = { type: "urn:madoguchi:problem:no-receiver", title: "x", status: 404 };
  reliable.answer({ type: "refused", number: two, problem });
  reliable.answer({ type: "taken", number: one, missed: ["yui"], missed_more: 2 });
  assert.deepEqual(await first, { missed: ["yui"], missedMore: 2 });
  assert.equal(await whyOf(second), "refused");
});

test("no more is on its way than the window, and the rest follows the answers", async () => {
  const { data, reliable } = begun();
  const all = [0, 1, 2, 3].map(() => data.send(new Uint8Array(12_000)));
  assert.equal(reliable.sent.length, 2);
  let isReady = false;
  const ready = data.ready().then(() => (isReady = true));
  reliable.answer({ type: "taken", number: reliable.numbers()[0] ?? 0 });
  await all[0];
  assert.equal(reliable.sent.length, 3);
  assert.equal(isReady, false);
  for (const number of [1, 2].map((at) => reliable.numbers()[at] ?? 0)) reliable.answer({ type: "taken", number });
  await ready;
  assert.equal(reliable.sent.length, 4);
});

test("what is too much fails at once, and a lossy channel drops what would be late", async () => {
  const { data, reliable, lossy } = begun();
  assert.equal(await whyOf(data.send(new Uint8Array(MAX_BODY + 1))), "too_large");
  const waiting = Array.from({ length: 15 }, () => data.send(new Uint8Array(MAX_BODY)));
  assert.equal(await whyOf(data.send(new Uint8Array(MAX_BODY))), "full");
  assert.equal(reliable.sent.length, 1, "two and their heads are more than the window");
  assert.equal(data.sendLossy(text("here")), true);
  lossy.bufferedAmount = 20_000;
  assert.equal(data.sendLossy(text("there")), false);
  assert.equal(lossy.sent.length, 1);
  const ended = Promise.all(waiting.map(whyOf));
  data.end();
  assert.deepEqual(new Set(await ended), new Set(["closed"]));
});

test("what has no answer is sent again by the next connection, under the same number", async () => {
  const { data, reliable } = begun();
  const first = data.send(text("one"));
  const second = data.send(text("two"));
  reliable.answer({ type: "taken", number: reliable.numbers()[0] ?? 0 });
  await first;
  const anew = connected(data).reliable;
  const third = data.send(text("three"));
  assert.deepEqual(anew.sent, [], "it isn't open yet");
  anew.open();
  assert.deepEqual(anew.numbers()[0], reliable.numbers()[1]);
  assert.equal(anew.sent.length, 2);
  // The old one says nothing that counts any more.
  reliable.answer({ type: "refused", problem: { type: "x", title: "x", status: 403 } });
  for (const number of anew.numbers()) anew.answer({ type: "taken", number });
  await Promise.all([second, third]);
});

test("a channel that is refused fails all, and outside a call nothing is sent", async () => {
  const { data, reliable } = begun();
  const waiting = data.send(text("one"));
  reliable.answer({ type: "refused", problem: { type: "x", title: "x", status: 403 } });
  assert.equal(await whyOf(waiting), "refused");
  data.end();
  assert.equal(await whyOf(data.send(text("two"))), "closed");
  assert.equal(data.sendLossy(text("three")), false);
});

test("what comes is heard once, and said to be from whom the server says", () => {
  const data = new Data();
  const heard: Message[] = [];
  const stop = data.onMessage((message) => heard.push(message));
  const [reliable, lossy] = [new FakeChannel(), new FakeChannel()];
  data.listenTo(reliable, true);
  data.listenTo(lossy, false);
  reliable.hear(passedOn(7, "aoi", text("hello")));
  reliable.hear(passedOn(7, "aoi", text("hello")));
  reliable.hear(passedOn(7, "ren", text("hi"), true));
  lossy.hear(passedOn(8, "aoi", text("here")));
  reliable.hear("no message");
  assert.deepEqual(
    heard.map(({ from, isPrivate, isReliable, body }) => [from, isPrivate, isReliable, new TextDecoder().decode(body)]),
    [
      ["aoi", false, true, "hello"],
      ["ren", true, true, "hi"],
      ["aoi", false, false, "here"],
    ],
  );
  stop();
  reliable.hear(passedOn(9, "aoi", text("unheard")));
  assert.equal(heard.length, 3);
});
