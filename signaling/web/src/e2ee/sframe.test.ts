import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bytes, utf8 } from "./bytes.ts";
import { clearBytes } from "./clear.ts";
import { ReplayWindow } from "./replay.ts";
import { KeyRing } from "./ring.ts";
import { frameKey, importBase, openWith, readHeader, Sealer, sealWith, writeHeader } from "./sframe.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string): Bytes => Uint8Array.from(Buffer.from(text, "hex"));

// RFC 9605 Appendix C.3, cipher suite 0x0004.
const RFC = {
  base: "000102030405060708090a0b0c0d0e0f",
  kid: 0x123,
  counter: 0x4567,
  salt: "75234edefe07819026751816",
  metadata: "4945544620534672616d65205747",
  plain: "64726166742d696574662d736672616d652d656e63",
  sealed: "9901234567b7412c2513a1b66dbb48841bbaf17f598751176ad847681a69c6d0b091c07018ce4adb34eb",
};

test("seals and opens as RFC 9605's test vector", async () => {
  const key = await frameKey(await importBase(unhex(RFC.base)), RFC.kid);
  assert.equal(hex(key.salt), RFC.salt);
  const sealed = await sealWith(key, RFC.counter, unhex(RFC.plain), unhex(RFC.metadata));
  assert.equal(hex(sealed), RFC.sealed);
  const header = readHeader(sealed);
  assert.deepEqual(header, { kid: RFC.kid, counter: RFC.counter, length: 5 });
  assert.equal(hex(await openWith(key, header, sealed, unhex(RFC.metadata))), RFC.plain);
});

test("headers hold what fits, and nothing half", () => {
  const known: [number, number, string][] = [
    [0, 0, "00"],
    [7, 7, "77"],
    [0, 8, "0808"],
    [8, 0, "8008"],
    [255, 256, "89ff0100"],
    [65_535, 2 ** 40, "9dffff010000000000"],
  ];
  for (const [kid, counter, text] of known) {
    assert.equal(hex(writeHeader(kid, counter)), text);
    assert.deepEqual(readHeader(unhex(text)), { kid, counter, length: text.length / 2 });
  }
  for (const broken of ["", "88ff", "99012345", "0fffffffffffffffff"]) assert.equal(readHeader(unhex(broken)), null, broken);
});

test("no counter comes twice, whatever is sealed at once", async () => {
  const sealer = new Sealer(await frameKey(await importBase(unhex(RFC.base)), 1));
  // Three layers of a picture and the sound, none waiting for another.
  const all = await Promise.all(Array.from({ length: 400 }, () => sealer.seal(utf8("same"), utf8(""))));
  const counters = new Set(all.map((one) => readHeader(one)?.counter));
  assert.equal(counters.size, 400);
});

test("a counter is accepted once, in any order, and not when it is too old", () => {
  const window = new ReplayWindow();
  for (const counter of [5, 3, 9, 4, 5000]) assert.equal(window.take(counter), true, String(counter));
  for (const counter of [5, 3, 9, 4, 5000, 904]) assert.equal(window.take(counter), false, String(counter));
  assert.equal(window.take(905), true);
  assert.equal(window.take(4999), true);
  // Far ahead: nothing of before is remembered as seen there.
  assert.equal(window.take(50_000), true);
  assert.equal(window.take(49_000), true);
});

const KEY = { kid: 65, base: unhex("ff".repeat(32)) };

async function pair(): Promise<[KeyRing, KeyRing]> {
  const [ann, ben] = [new KeyRing(), new KeyRing()];
  await ann.send(await importBase(KEY.base), KEY.kid);
  await ben.receive("ann", await importBase(KEY.base), KEY.kid);
  return [ann, ben];
}

/** VP8: the lowest bit of the first byte says whether it is a key frame. */
const WHOLE = unhex(`50a2029d012a80026801${"c7".repeat(900)}`);
const DELTA = unhex(`b1a202${"3e".repeat(200)}`);
const SOUND = unhex("7c".repeat(80));

test("a frame comes out as it went in; only what the node needs is clear", async () => {
  const [ann, ben] = await pair();
  for (const [kind, frame] of [["video", WHOLE], ["video", DELTA], ["audio", SOUND], ["audio", unhex("01")]] as const) {
    const sealed = await ann.sealFrame(kind, frame);
    assert.ok(sealed);
    const clear = clearBytes(kind, frame);
    assert.deepEqual(sealed.subarray(0, clear), frame.subarray(0, clear));
    assert.equal(hex(sealed).includes(hex(frame.subarray(clear, clear + 40))) && frame.length > 40, false);
    assert.ok(sealed.length - frame.length <= 16 + 1 + 2 + 2, "header and tag");
    assert.deepEqual(await ben.openFrame(kind, "ann", sealed), frame);
  }
  assert.deepEqual([clearBytes("video", WHOLE), clearBytes("video", DELTA), clearBytes("audio", SOUND)], [10, 3, 0]);
});

test("every changed bit is noticed, the clear ones too", async () => {
  const [ann, ben] = await pair();
  const sealed = await ann.sealFrame("video", DELTA);
  assert.ok(sealed);
  for (let at = 0; at < sealed.length; at++) {
    const changed = sealed.slice();
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    assert.match(String(await ben.openFrame("video", "ann", changed)), /^(forged|unknownKey)$/, `byte ${at}`);
  }
  for (const length of [0, 3, 4, 6, 20, sealed.length - 1]) {
    assert.equal(await ben.openFrame("video", "ann", sealed.slice(0, length)), "forged", `cut to ${length}`);
  }
  assert.equal(ben.counts.opened, 0);
  assert.deepEqual(await ben.openFrame("video", "ann", sealed), DELTA, "what was forged hasn't spoilt the true one");
});

test("replays, others' frames, and frames of another kind are refused and counted", async () => {
  const [ann, ben] = await pair();
  const [one, two, data] = [await ann.sealFrame("audio", SOUND), await ann.sealFrame("audio", SOUND), await ann.seal(SOUND)];
  assert.ok(one && two && data);
  assert.deepEqual(await ben.openFrame("audio", "ann", two), SOUND);
  assert.equal(await ben.openFrame("audio", "ann", data), "forged", "data are no sound");
  assert.deepEqual(await ben.openFrame("audio", "ann", one), SOUND, "later than the next one");
  assert.equal(await ben.openFrame("audio", "ann", one), "replayed");
  assert.equal(await ben.openFrame("audio", "eve", one), "unknownKey", "under another's name");
  const third = await ann.sealFrame("audio", SOUND);
  assert.ok(third);
  assert.equal(await ben.open(third, "ann"), null, "sound is no data");
  assert.deepEqual({ ...ben.counts }, { sealed: 0, opened: 2, withheld: 0, unknownKey: 1, forged: 2, replayed: 1 });
});

test("without a key nothing goes out and nothing comes in; a new key opens what follows", async () => {
  const [ann, ben] = [new KeyRing(), new KeyRing()];
  assert.equal(await ann.sealFrame("audio", SOUND), null);
  assert.equal(await ann.seal(SOUND), null);
  await ann.send(await importBase(KEY.base), KEY.kid);
  const before = await ann.sealFrame("video", WHOLE);
  assert.ok(before);
  assert.equal(await ben.openFrame("video", "ann", before), "unknownKey");
  await ben.receive("ann", await importBase(unhex("ee".repeat(32))), KEY.kid + 64);
  assert.equal(await ben.openFrame("video", "ann", before), "unknownKey", "a key of another round");
  assert.equal(ben.counts.unknownKey, 2);
  await ann.send(await importBase(unhex("ee".repeat(32))), KEY.kid + 64);
  const after = await ann.sealFrame("video", WHOLE);
  assert.ok(after);
  assert.deepEqual(await ben.openFrame("video", "ann", after), WHOLE);
  ann.silence();
  assert.equal(await ann.sealFrame("video", WHOLE), null);
  ben.forget("ann");
  assert.equal(await ben.openFrame("video", "ann", after), "unknownKey");
  assert.deepEqual([ann.counts.withheld, ann.counts.sealed], [2, 2]);
});

test("the last key but one still opens what is on its way, older ones don't", async () => {
  const [ann, ben] = await pair();
  const sealed = await Promise.all([0, 1, 2].map(() => ann.sealFrame("audio", SOUND)));
  await ben.receive("ann", await importBase(unhex("aa".repeat(32))), 129);
  assert.deepEqual(await ben.openFrame("audio", "ann", sealed[0] as Bytes), SOUND);
  await ben.receive("ann", await importBase(unhex("bb".repeat(32))), 193);
  assert.equal(await ben.openFrame("audio", "ann", sealed[1] as Bytes), "unknownKey");
});

test("data are sealed for the call too", async () => {
  const [ann, ben] = await pair();
  const sealed = await ann.seal(utf8("書類をお見せします"));
  assert.ok(sealed);
  assert.equal(new TextDecoder().decode((await ben.open(sealed, "ann")) ?? undefined), "書類をお見せします");
  assert.equal(await ben.open(sealed, "ann"), null, "once");
});

test("how long a frame takes (printed, for people to compare)", async () => {
  const [ann, ben] = await pair();
  const FRAMES = 500;
  for (const [what, kind, size] of [["sound of 80 bytes", "audio", 80], ["picture of 7,000 bytes", "video", 7000]] as const) {
    const frame = new Uint8Array(size).fill(0xb1);
    const start = performance.now();
    for (let count = 0; count < FRAMES; count++) {
      const sealed = await ann.sealFrame(kind, frame);
      assert.ok(sealed && (await ben.openFrame(kind, "ann", sealed)) instanceof Uint8Array);
    }
    const us = ((performance.now() - start) * 1000) / FRAMES;
    console.log(`# ${what}: sealed and opened in ${us.toFixed(0)} µs, ${Math.round(1e6 / us)} frames/s`);
  }
});
