// What pages say to each other: it comes as it went, and nothing else comes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_CHAT, MAX_MESSAGE, MAX_PAGE, newId, PIECE, type Piece, readMessage, type TalkMessage, writeMessage } from "./wire.ts";

const id = "abcdefgh_-123456";
const piece: Piece = { type: "piece", paper: id, page: 49, width: 1240, height: 1754, format: "jpeg", size: PIECE + 3, offset: PIECE, bytes: new Uint8Array([1, 2, 3]) };
const ALL: TalkMessage[] = [
  { type: "hello" },
  { type: "chat", id, text: "𠮷野家の葛󠄀（外字とIVS）\n二行目" },
  { type: "history", lines: [{ id, from: "abcd", at: 1_700_000_000_000, text: "はい" }] },
  { type: "caption", utterance: 3, version: 12, text: "", isDone: false },
  { type: "paper", id, name: "申請書.pdf", pages: 50, isHere: true },
  { type: "want", paper: id, have: [0, 49] },
  { type: "show", paper: id, page: 3, version: 7 },
  { type: "put_away", paper: id },
  { type: "pointer", paper: id, page: 0, x: 0.25, y: 1, isOn: true },
  { type: "signing", isOn: true },
  piece,
];

test("every message comes as it went", () => {
  for (const message of ALL) assert.deepEqual(readMessage(writeMessage(message)), message, message.type);
});

test("names are new each time, and are names", () => {
  const names = Array.from({ length: 200 }, newId);
  assert.equal(new Set(names).size, 200);
  for (const name of names) assert.ok(readMessage(writeMessage({ type: "put_away", paper: name })), name);
});

const json = (value: unknown) => new Uint8Array([1, 0, ...new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value))]);

test("what is beyond its limits, of another kind or version, or no message at all is none", () => {
  const bad: unknown[] = [
    "",
    "null",
    "[]",
    '{"type":"chat"',
    { type: "dance" },
    { type: "chat", id, text: "" },
    { type: "chat", id, text: "x".repeat(MAX_CHAT + 1) },
    { type: "chat", id: "short", text: "x" },
    { type: "chat", id: `${id}\n`, text: "x" },
    { type: "chat", id, text: 7 },
    { type: "history", lines: [null] },
    { type: "history", lines: [{ id, from: "", at: 1, text: "x" }] },
    { type: "history", lines: {} },
    { type: "caption", utterance: -1, version: 0, text: "", isDone: true },
    { type: "caption", utterance: 1, version: 0.5, text: "", isDone: true },
    { type: "paper", id, name: "x", pages: 51, isHere: true },
    { type: "paper", id, name: "x", pages: 0, isHere: true },
    { type: "want", paper: id, have: [50] },
    { type: "want", paper: id, have: Array.from({ length: 51 }, () => 0) },
    { type: "show", paper: id, page: 50, version: 1 },
    { type: "show", paper: id, page: 1, version: 2 ** 53 },
    { type: "pointer", paper: id, page: 0, x: -0.1, y: 0, isOn: true },
    { type: "pointer", paper: id, page: 0, x: 0, y: null, isOn: true },
    { type: "signing", isOn: "yes" },
  ];
  for (const one of bad) assert.equal(readMessage(json(one)), null, JSON.stringify(one));
  assert.equal(readMessage(new Uint8Array()), null);
  assert.equal(readMessage(new Uint8Array([2, 0, ...json({ type: "hello" }).slice(2)])), null, "another version");
  assert.equal(readMessage(new Uint8Array([1, 9, 1, 2])), null, "another kind");
  assert.equal(readMessage(new Uint8Array([1, 0, 0x22, 0xff, 0x22])), null, "no UTF-8");
  assert.equal(readMessage(new Uint8Array(MAX_MESSAGE + 1)), null, "too large");
  assert.throws(() => writeMessage({ ...piece, bytes: new Uint8Array(MAX_MESSAGE) }));
});

test("a piece that doesn't fit its page is none", () => {
  const wrong: Partial<Piece>[] = [
    { offset: 1 },
    { size: PIECE + 4 },
    { size: MAX_PAGE + 1 },
    { size: 0, offset: 0 },
    { width: 0 },
    { height: 5000 },
    { page: 50 },
    { paper: "../../etc/passwd" },
    { bytes: new Uint8Array(0) },
  ];
  for (const one of wrong) assert.equal(readMessage(writeMessage({ ...piece, ...one })), null, JSON.stringify(one));
});

test("whatever bytes come, nothing is thrown", () => {
  const seeds = ALL.map(writeMessage);
  let random = 12345;
  const next = (below: number) => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
    return random % below;
  };
  for (let round = 0; round < 5_000; round++) {
    const bytes = (seeds[next(seeds.length)] ?? new Uint8Array()).slice();
    for (let change = next(4); change >= 0; change--) bytes[next(bytes.length)] = next(256);
    readMessage(bytes.subarray(0, next(bytes.length + 1)));
  }
});
