// The link, against a socket that the test holds in its hand and a clock that it turns.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { type Closed, Link, retryWaitMs } from "./link.ts";
import type { ServerBody } from "./protocol.ts";

class FakeSocket {
  static all: FakeSocket[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  sent: { id: number; type: string }[] = [];
  isClosed = false;
  constructor() {
    FakeSocket.all.push(this);
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.isClosed = true;
  }
  tell(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  welcome(): void {
    this.onopen?.();
    this.tell({ id: this.sent[0]?.id, type: "welcome", now: 5 });
  }
}

function start() {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  FakeSocket.all = [];
  Object.assign(globalThis, { WebSocket: FakeSocket });
  const seen: { opened: number; lost: number; closed: Closed[]; news: ServerBody[] } = {
    opened: 0,
    lost: 0,
    closed: [],
    news: [],
  };
  const link = new Link("wss://x/ws", { kind: "staff" }, {
    onOpen: () => seen.opened++,
    onLost: () => seen.lost++,
    onClosed: (closed) => seen.closed.push(closed),
    onNews: (body) => seen.news.push(body),
  });
  const socket = () => FakeSocket.all.at(-1) as FakeSocket;
  return { link, seen, socket };
}

/** Lets promises settle. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

test("waits grow, stay below the limit, and differ between clients", () => {
  const longest = [0, 1, 2, 3, 20].map((attempt) => retryWaitMs(attempt, 1));
  assert.deepEqual(longest, [250, 500, 1000, 2000, 8000]);
  assert.equal(retryWaitMs(20, 0), 4000);
  assert.equal(retryWaitMs(20, 1, true), 600, "in a hurry");
});

test("answers find their requests, in any order, and news come as they are", async () => {
  const { link, seen, socket } = start();
  socket().welcome();
  assert.equal(seen.opened, 1);
  const [a, b] = [link.request({ type: "ready", can_encrypt: true }), link.request({ type: "ready", can_encrypt: true })];
  const [, first, second] = socket().sent;
  socket().tell({ type: "media_lost" });
  socket().tell({ id: second?.id, type: "error", problem: { type: "x:y", title: "", status: 409 } });
  socket().tell({ id: first?.id, type: "ok" });
  assert.equal((await a).type, "ok");
  assert.equal((await b).type, "error");
  assert.deepEqual(seen.news, [{ type: "media_lost" }]);
  link.close();
});

test("a request without an answer ends by its limit, and one on a lost link at once", async () => {
  const { link, socket } = start();
  assert.equal((await link.request({ type: "ready", can_encrypt: true })).type, "error", "not open yet");
  socket().welcome();
  const asked = link.request({ type: "ready", can_encrypt: true });
  socket().onclose?.({ code: 1006 });
  const answer = await asked;
  assert.ok(answer.type === "error" && answer.problem.status === 0);
  link.close();
});

test("a broken socket is replaced, and a late word of the old one is nothing", () => {
  const { link, seen, socket } = start();
  const old = socket();
  old.welcome();
  old.onclose?.({ code: 1012 });
  assert.equal(seen.lost, 1);
  mock.timers.tick(250);
  assert.equal(FakeSocket.all.length, 2);
  old.tell({ type: "media_lost" });
  assert.deepEqual(seen.news, []);
  socket().welcome();
  assert.equal(seen.opened, 2);
  link.close();
});

test("silence is noticed although the socket says that it is open", () => {
  const { link, seen, socket } = start();
  socket().welcome();
  mock.timers.tick(5_000);
  assert.equal(socket().sent.at(-1)?.type, "ping");
  mock.timers.tick(10_000);
  assert.equal(seen.lost, 1);
  assert.ok(FakeSocket.all[0]?.isClosed);
  link.close();
});

test("a link in doubt is asked, and replaced when it doesn't answer", () => {
  const { link, seen, socket } = start();
  const first = socket();
  first.welcome();
  mock.timers.tick(1_000);
  link.check();
  first.tell({ type: "pong" });
  mock.timers.tick(2_000);
  assert.equal(socket(), first, "it lives");
  link.check();
  mock.timers.tick(1_499);
  assert.equal(seen.lost, 0);
  mock.timers.tick(1);
  assert.equal(seen.lost, 1);
  mock.timers.tick(0);
  assert.notEqual(socket(), first);
});

test("another network gets another socket at once, and attempts that hang are given up soon", () => {
  const { link, socket } = start();
  const first = socket();
  first.welcome();
  link.networkChanged();
  mock.timers.tick(0);
  const second = socket();
  assert.deepEqual([second === first, first.isClosed], [false, true]);
  mock.timers.tick(3_000);
  assert.equal(second.isClosed, true);
  mock.timers.tick(600);
  assert.notEqual(socket(), second);
});

test("a refused hello is final, except when it is only the moment", async () => {
  for (const [status, isFinal] of [
    [410, true],
    [503, false],
    [429, false],
  ] as const) {
    const { link, seen, socket } = start();
    socket().onopen?.();
    const problem = { type: "urn:madoguchi:problem:x", title: "", status };
    socket().tell({ id: socket().sent[0]?.id, type: "error", problem });
    await settled();
    assert.equal(seen.closed.length, isFinal ? 1 : 0, String(status));
    mock.timers.tick(60_000);
    assert.equal(FakeSocket.all.length > 1, !isFinal, String(status));
    link.close();
  }
});

test("another window and a login that is over end the link for good", () => {
  for (const [code, why] of [
    [4001, "elsewhere"],
    [4401, "login"],
  ] as const) {
    const { seen, socket } = start();
    socket().welcome();
    socket().onclose?.({ code });
    assert.equal(seen.closed[0]?.why, why);
    mock.timers.tick(60_000);
    assert.equal(FakeSocket.all.length, 1);
  }
});
