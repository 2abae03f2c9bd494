// End-to-end encryption of a call, through the real server: what people see and hear, what they compare, and what the media
// node forwards.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page, Worker } from "playwright-core";
import { frameKey, importBase, openWith, readHeader } from "../../signaling/web/src/e2ee/sframe.ts";
import { eventually, Office } from "./office.ts";
import { admit, at, enterWaiting, hangUp, isAccessible, newLink, newPerson, newStaff, type Person, row, seesAndHears, shot, startBrowser } from "./people.ts";

let office: Office;
let browser: Browser;

before(async () => {
  [office, browser] = await Promise.all([Office.open({ isBare: true }), startBrowser({ framesPerSecond: 10 })]);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

/** As a browser of some years ago. */
function withoutTransform(): void {
  Reflect.deleteProperty(window, "RTCRtpScriptTransform");
}

const lockOf = ({ page }: Person) => at(page, "lock").getAttribute("data-state");

/** The eight digits as the page shows them. */
async function codeOf(person: Person): Promise<string> {
  const { page } = person;
  await page.locator('[data-test="lock"][data-state="encrypted"]').waitFor();
  await at(page, "lock").click();
  const code = (await page.locator('[data-test="lock-code"] [aria-hidden]').innerText()).trim();
  await at(page, "lock-close").click();
  return code;
}

/** Both ends show the same digits, which aren't those of before. */
function sameCode(one: Person, other: Person, before?: string): Promise<string> {
  return eventually("the same digits at both ends", async () => {
    const [a, b] = [await codeOf(one), await codeOf(other)];
    return a === b && a !== before ? a : undefined;
  });
}

/** The worker through which a page's frames go. */
function framesWorker({ page }: Person): Promise<Worker> {
  return eventually("the page has a worker for its frames", () => page.workers().find((one) => one.url().includes("frames")));
}

interface Counts {
  sealed: number;
  opened: number;
  withheld: number;
  unknownKey: number;
  forged: number;
  replayed: number;
  busyMs: number;
}

/** Asks the worker as the page does. */
async function countsOf(person: Person): Promise<Counts> {
  const worker = await framesWorker(person);
  return worker.evaluate(() => {
    const scope = self as unknown as { onmessage(event: object): void; postMessage(message: unknown): void };
    const original = scope.postMessage;
    return new Promise<Counts>((answer) => {
      scope.postMessage = (message) => {
        const { id, result } = message as { id: number; result: Counts };
        if (id !== -1) return original.call(scope, message);
        scope.postMessage = original;
        answer(result);
      };
      scope.onmessage({ data: { id: -1, do: "counts" } });
    });
  });
}

async function inCall(staff: Person, resident: Person): Promise<string> {
  const { url, id } = await newLink(staff);
  await enterWaiting(resident, url);
  await admit(staff, id);
  await Promise.all([seesAndHears(resident), seesAndHears(staff)]);
  return url;
}

async function over(staff: Person, resident: Person): Promise<void> {
  await hangUp(staff);
  await at(staff.page, "console").waitFor();
  assert.deepEqual([...resident.faults, ...staff.faults], []);
  await Promise.all([resident.context.close(), staff.context.close()]);
}

test("a call is encrypted, both ends show it and the same digits, and a reload makes new ones", async () => {
  const staff = await newStaff(browser, office);
  const resident = await newPerson(browser);
  await inCall(staff, resident);
  const code = await sameCode(staff, resident);
  assert.match(code, /^\d{4} \d{4}$/);
  assert.match(await at(resident.page, "lock").innerText(), /暗号化されています/);
  await at(resident.page, "lock").click();
  await isAccessible(resident.page, "the lock's panel");
  await shot(resident.page, "lock-panel");
  await at(resident.page, "lock-close").click();

  const before = await countsOf(resident);
  const startedAt = performance.now();
  await eventually("frames go on", async () => (await countsOf(resident)).opened > before.opened + 300);
  const after = await countsOf(resident);
  const frames = after.sealed + after.opened - before.sealed - before.opened;
  const us = ((after.busyMs - before.busyMs) * 1000) / frames;
  console.log(`# ${Math.round((frames * 1000) / (performance.now() - startedAt))} frames/s sealed and opened, ${us.toFixed(0)} µs each, with both pages and the office on this machine`);
  assert.equal(after.forged, 0);

  await resident.page.reload();
  await Promise.all([seesAndHears(resident), seesAndHears(staff)]);
  await sameCode(staff, resident, code);
  await over(staff, resident);
});

test("signaling ends and comes back, and the media node too: keys come by themselves", async () => {
  const staff = await newStaff(browser, office);
  const resident = await newPerson(browser);
  await inCall(staff, resident);
  await office.kill("signaling");
  await Promise.all([seesAndHears(resident, 60_000), seesAndHears(staff, 60_000)]);
  await sameCode(staff, resident);
  await office.kill("media-server");
  await eventually("a picture again", () => resident.page.locator('[data-test="call"][data-status="talking"]').isVisible(), 60_000);
  await Promise.all([seesAndHears(resident, 60_000), seesAndHears(staff, 60_000)]);
  await sameCode(staff, resident);
  await over(staff, resident);
});

/** Keeps what comes to a page from the node before the worker opens it. */
function capture(): void {
  const scope = self as unknown as {
    onrtctransform: (event: { transformer: { options: { side: string; kind: string } } }) => void;
    TransformStream: typeof TransformStream;
    captured: { kind: string; bytes: number[] }[];
  };
  scope.captured = [];
  const [takeOver, Original] = [scope.onrtctransform, scope.TransformStream];
  let options = { side: "", kind: "" };
  scope.onrtctransform = (event) => {
    options = event.transformer.options;
    takeOver(event);
  };
  scope.TransformStream = class extends Original {
    constructor(through: Transformer<{ data: ArrayBuffer }, unknown>) {
      const { side, kind } = options;
      const { transform } = through;
      super({
        transform(frame, controller) {
          const bytes = Array.from(new Uint8Array((frame as { data: ArrayBuffer }).data));
          if (side === "receive" && scope.captured.length < 2000) scope.captured.push({ kind, bytes });
          return transform?.(frame as { data: ArrayBuffer }, controller);
        },
      });
    }
  } as typeof TransformStream;
}

/** Remembers in a page every secret of 32 bytes that it derives keys from: the frame keys are among them. */
function rememberSecrets(): void {
  const secrets: number[][] = [];
  Object.assign(window, { secrets });
  const original = crypto.subtle.importKey;
  crypto.subtle.importKey = function (this: SubtleCrypto, ...words: unknown[]) {
    if (words[2] === "HKDF") secrets.push(Array.from(new Uint8Array(words[1] as ArrayBuffer)));
    return Reflect.apply(original, this, words) as Promise<CryptoKey>;
  } as typeof original;
}

/** What the browser's own VP8 decoder makes of a key frame: 64 grey values, or nothing. */
function decoded(page: Page, frame: Uint8Array): Promise<number[] | null> {
  return page.evaluate(async (bytes) => {
    const pictures: number[][] = [];
    const decoder = new VideoDecoder({
      output(picture) {
        const context = new OffscreenCanvas(8, 8).getContext("2d");
        context?.drawImage(picture, 0, 0, 8, 8);
        const data = context?.getImageData(0, 0, 8, 8).data ?? [];
        pictures.push(Array.from({ length: 64 }, (_, i) => (data[4 * i] ?? 0) + (data[4 * i + 1] ?? 0) + (data[4 * i + 2] ?? 0)));
        picture.close();
      },
      error() {},
    });
    decoder.configure({ codec: "vp8" });
    decoder.decode(new EncodedVideoChunk({ type: "key", timestamp: 0, data: new Uint8Array(bytes) }));
    await decoder.flush().catch(() => undefined);
    return pictures[0] ?? null;
  }, Array.from(frame));
}

const difference = (a: number[], b: number[]) => a.reduce((sum, value, at) => sum + Math.abs(value - (b[at] ?? 0)), 0) / a.length;

test("what the media node forwards can't be decoded without the key, and can with it", async () => {
  const staff = await newStaff(browser, office);
  const worker = await framesWorker(staff);
  await worker.evaluate(capture);
  const resident = await newPerson(browser);
  // The resident's page, so that the secrets are the sender's own.
  await resident.context.addInitScript(rememberSecrets);
  await inCall(staff, resident);
  const forwarded = await eventually("a key frame and some sound", async () => {
    const all = await worker.evaluate(() => (self as unknown as { captured: { kind: string; bytes: number[] }[] }).captured);
    const isEnough = all.some(({ kind, bytes }) => kind === "video" && ((bytes[0] ?? 1) & 1) === 0) && all.filter((one) => one.kind === "audio").length > 50;
    return isEnough && all;
  });
  const secrets = await resident.page.evaluate(() => (window as unknown as { secrets: number[][] }).secrets);
  assert.ok(secrets.length > 0);

  const open = async (kind: string, bytes: Uint8Array<ArrayBuffer>, secret: number[]) => {
    const clear = kind === "audio" ? 0 : ((bytes[0] ?? 1) & 1) === 0 ? 10 : 3;
    const head = bytes.slice(0, clear);
    const sealed = bytes.slice(clear);
    const header = readHeader(sealed);
    assert.ok(header, "every frame has a header");
    const key = await frameKey(await importBase(new Uint8Array(secret)), header.kid);
    const plain = await openWith(key, header, sealed, new Uint8Array([kind === "audio" ? 1 : 2, ...head])).catch(() => null);
    return plain && { counter: `${header.kid}/${header.counter}`, frame: new Uint8Array([...head, ...plain]) };
  };
  const openable: { kind: string; sealed: Uint8Array; counter: string; frame: Uint8Array }[] = [];
  for (const { kind, bytes } of forwarded) {
    const sealed = new Uint8Array(bytes);
    const results = await Promise.all(secrets.map((secret) => open(kind, sealed, secret)));
    const found = results.filter((one) => one !== null);
    assert.ok(found.length <= 1, "one key only opens a frame");
    if (found[0]) openable.push({ kind, sealed, ...found[0] });
  }
  assert.equal(openable.length, forwarded.length, "all of it was sealed with the sender's keys");
  // A frame may come twice, as it was; two frames never share a counter.
  const different = new Set(openable.map((one) => `${one.counter} ${Buffer.from(one.sealed).toString("base64")}`));
  assert.equal(new Set(openable.map((one) => one.counter)).size, different.size, "no counter for two frames, in sound and picture together");

  const whole = openable.find((one) => one.kind === "video" && ((one.frame[0] ?? 1) & 1) === 0);
  assert.ok(whole, "a key frame");
  const withKey = await decoded(staff.page, whole.frame);
  assert.ok(withKey && Math.max(...withKey) > 100, "with the key it is a picture");
  const withoutKey = await decoded(staff.page, whole.sealed);
  const words = withoutKey ? `something else (${difference(withKey, withoutKey).toFixed(0)} of 765 away)` : "nothing";
  console.log(`# without the key the decoder makes ${words} of a key frame of ${whole.sealed.length} bytes`);
  assert.ok(withoutKey === null || difference(withKey, withoutKey) > 60, "without the key it isn't");
  // Of sound nothing is clear: what Opus' first byte says of all packets (RFC 6716 §3.1) is not to be seen either.
  const sounds = openable.filter((one) => one.kind === "audio");
  const kinds = (bytes: Uint8Array[]) => new Set(bytes.map((one) => one[6])).size;
  assert.ok(kinds(sounds.map((one) => one.sealed)) > 10, "sound looks like noise");
  await over(staff, resident);
});

test("a browser that can't encrypt is told what to do, before anything is asked of it", async () => {
  const staff = await newStaff(browser, office);
  const { url, id } = await newLink(staff);
  const resident = await newPerson(browser);
  await resident.context.addInitScript(withoutTransform);
  await resident.page.goto(url);
  await resident.page.locator('[data-problem="no_encryption"]').waitFor();
  assert.match(await resident.page.innerText("body"), /000-000-0000/);
  await isAccessible(resident.page, "no encryption");
  await shot(resident.page, "no-encryption");
  await row(staff, id).locator('[data-test="withdraw"]').click();
  await staff.page.locator("dialog[open] [data-test=confirm]").click();
  await Promise.all([resident.context.close(), staff.context.close()]);
});

test("where the office allows it, such a browser talks all the same, and both ends say that it isn't encrypted", async () => {
  const lenient = await Office.open({ isBare: true, encryption: "allow" });
  try {
    const staff = await newStaff(browser, lenient);
    const resident = await newPerson(browser);
    await resident.context.addInitScript(withoutTransform);
    await inCall(staff, resident);
    assert.deepEqual([await lockOf(staff), await lockOf(resident)], ["off", "off"]);
    assert.match(await at(resident.page, "lock").innerText(), /暗号化されていません/);
    await shot(resident.page, "lock-off");
    await over(staff, resident);
    // And who can is encrypted.
    const [again, modern] = [await newStaff(browser, lenient), await newPerson(browser)];
    await inCall(again, modern);
    await sameCode(again, modern);
    await over(again, modern);
  } finally {
    await lenient.close();
  }
});
