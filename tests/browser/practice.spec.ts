// つながるか試す: a practice call with oneself through the real media server, and what is said where it doesn't work.
import assert from "node:assert/strict";
import { request } from "node:https";
import { gzipSync } from "node:zlib";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { at, fits, isAccessible, newLink, newPerson, newStaff, received, shot, startBrowser } from "./people.ts";

/** Other work may share the machine. */
const PATIENCE_MS = 90_000;
/** Of all that a resident's phone loads for the call page, compressed. */
const MOST_BYTES = 120 * 1024;

let office: Office;
let browser: Browser;

before(async () => {
  [office, browser] = await Promise.all([Office.open({ isBare: true }), startBrowser({ framesPerSecond: 10 })]);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

/** Whether the picture that comes back is more than black. */
function isSeen(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const video = document.querySelector<HTMLVideoElement>('[data-test="practice-video"]');
    const context = new OffscreenCanvas(8, 8).getContext("2d");
    if (!video || video.videoWidth === 0 || !context) return false;
    context.drawImage(video, 0, 0, 8, 8);
    const { data } = context.getImageData(0, 0, 8, 8);
    return data.some((value, at) => at % 4 === 1 && value > 60);
  });
}

test("picture and voice go through the media server and come back, late enough to hear oneself; then nothing is left", async () => {
  const person = await newPerson(browser);
  const { page } = person;
  page.setDefaultTimeout(PATIENCE_MS);
  await page.addInitScript(() => {
    const delays: DelayNode[] = [];
    Object.assign(window, { delays });
    const original = AudioContext.prototype.createDelay;
    AudioContext.prototype.createDelay = function (most) {
      const node = original.call(this, most);
      delays.push(node);
      return node;
    };
  });
  await page.goto(`${office.url}/practice`);
  await at(page, "practice-start").waitFor();
  await isAccessible(page, "before the practice");
  await shot(page, "practice-before");
  await at(page, "practice-start").click();
  await at(page, "practice-good").waitFor();
  assert.match(await page.innerText("body"), /つながりました/);
  await eventually("the picture that came back is shown", () => isSeen(page), PATIENCE_MS);
  assert.equal((await received(page)).connections, 2, "one connection up, one down: as in a call");
  assert.equal(await office.participants(office.controls[0] ?? ""), 2, "both are the media server's");
  assert.deepEqual(await page.evaluate(() => (window as unknown as { delays: DelayNode[] }).delays.map((one) => one.delayTime.value)), [1.5]);
  await isAccessible(page, "a practice that works");
  await shot(page, "practice-good");
  await at(page, "practice-stop").click();
  await at(page, "practice-over").waitFor();
  assert.equal(await at(page, "practice-over").getAttribute("data-good"), "true");
  await isAccessible(page, "after the practice");
  await shot(page, "practice-after");
  await eventually("the room is empty", async () => (await office.participants(office.controls[0] ?? "")) === 0, PATIENCE_MS);
  assert.deepEqual(person.faults, []);
  await person.context.close();
});

test("without a camera the voice alone is tried", async () => {
  const person = await newPerson(browser);
  await person.page.addInitScript(() => {
    const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wanted) =>
      wanted?.video ? Promise.reject(new DOMException("none", "NotFoundError")) : original(wanted);
  });
  person.page.setDefaultTimeout(PATIENCE_MS);
  await person.page.goto(`${office.url}/practice`);
  await at(person.page, "practice-start").click();
  await at(person.page, "practice-good").waitFor();
  assert.match(await person.page.innerText("body"), /カメラは使っていません/);
  await person.context.close();
});

test("where nothing gets through, it says so, and what to do", async () => {
  // No path leads from here to there.
  const person = await newPerson(browser, { through: "127.0.0.1:9" });
  person.page.setDefaultTimeout(PATIENCE_MS);
  await person.page.goto(`${office.url}/practice`);
  await at(person.page, "practice-start").click();
  await at(person.page, "practice-over").waitFor();
  assert.equal(await at(person.page, "practice-over").getAttribute("data-end"), "failed");
  assert.match(await person.page.innerText("body"), /Wi-Fi を切って/);
  assert.match(await person.page.innerText("body"), /000-000-0000/);
  await isAccessible(person.page, "a practice that fails");
  await shot(person.page, "practice-failed");
  await person.context.close();
});

/** The status of a request that a page at `origin` would make. */
function statusFor(origin: string): Promise<number> {
  return new Promise((answer, fail) => {
    const headers = { origin, "content-type": "application/json" };
    const asked = request(`${office.url}/api/practice/send`, { method: "POST", headers, rejectUnauthorized: false }, (response) => {
      response.resume();
      answer(response.statusCode ?? 0);
    });
    asked.on("error", fail);
    asked.end(JSON.stringify({ sdp: "v=0" }));
  });
}

test("who comes too often waits, a page of somebody else is refused, and a call's token is none", async () => {
  const person = await newPerson(browser);
  await person.page.goto(`${office.url}/practice`);
  const post = (what: string, body: unknown) =>
    person.page.evaluate(async ([what, body]) => (await fetch(`/api/practice/${what}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })).status, [what, body] as const);
  assert.equal(await post("receive", { sdp: "v=0", token: "nothing" }), 400);
  assert.equal(await post("send", { sdp: "v=0", more: 1 }), 400);
  assert.ok((await post("send", { sdp: "v=0" })) >= 400, "no room for what is no offer");
  const all = [];
  for (let n = 0; n < 14; n++) all.push(await post("send", { sdp: "v=0" }));
  assert.ok(all.includes(429), String(all));
  assert.equal(await statusFor("https://evil.example"), 403);
  await at(person.page, "practice-start").click();
  await person.page.locator('[data-test="practice-over"][data-end="busy"]').waitFor({ timeout: PATIENCE_MS });
  await isAccessible(person.page, "a busy practice");
  await shot(person.page, "practice-busy");
  await person.context.close();
});

/** As the browser of a phone that was refused, or as one inside an app. */
const TROUBLES: { name: string; userAgent: string; error?: string; problem: string; words: RegExp }[] = [
  { name: "denied-android", userAgent: "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36", error: "NotAllowedError", problem: "denied", words: /権限/ },
  { name: "denied-ios", userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1", error: "NotAllowedError", problem: "denied", words: /ぁあ/ },
  { name: "denied-desktop", userAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", error: "NotAllowedError", problem: "denied", words: /アドレスの左/ },
  { name: "busy", userAgent: "", error: "NotReadableError", problem: "busy", words: /ほかのアプリ/ },
  { name: "missing", userAgent: "", error: "NotFoundError", problem: "missing", words: /マイクもカメラも/ },
  { name: "line", userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari Line/14.9.0", problem: "in_app", words: /ブラウザーで開く/ },
  { name: "instagram", userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Instagram 330.0.0.0", problem: "in_app", words: /リンクをコピー/ },
];

test("each thing that can be wrong is said in plain words, with a drawing, on the smallest phone", async () => {
  for (const { name, userAgent, error, problem, words } of TROUBLES) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "ja-JP", viewport: { width: 320, height: 640 }, ...(userAgent ? { userAgent } : {}) });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    if (error) {
      await page.addInitScript((name) => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", name));
      }, error);
    }
    await page.goto(`${office.url}/practice`);
    if (error) await at(page, "practice-start").click();
    const trouble = at(page, "device-trouble");
    await trouble.waitFor();
    assert.equal(await trouble.getAttribute("data-problem"), problem, name);
    assert.match(await page.innerText("body"), words, name);
    await at(page, "drawing").waitFor();
    await fits(page, name);
    await isAccessible(page, name);
    await shot(page, `check-${name}`);
    if (name === "line") {
      const way = await page.locator('a[href*="openExternalBrowser=1"]').getAttribute("href");
      assert.equal(way, "/practice?openExternalBrowser=1");
    }
    await context.close();
  }
});

test("the call page is less than 120 KB on a resident's phone, compressed, and papers' programs aren't part of it", async () => {
  const staff = await newStaff(browser, office);
  const { url } = await newLink(staff);
  const person = await newPerson(browser);
  const loaded = new Map<string, number>();
  person.page.on("response", async (response) => {
    const body = await response.body().catch(() => Buffer.alloc(0));
    loaded.set(new URL(response.url()).pathname.replace(/\/c\/.*/, "/c/…"), gzipSync(body).length);
  });
  await person.page.goto(url);
  await at(person.page, "enter-waiting").waitFor({ timeout: PATIENCE_MS });
  await person.page.waitForLoadState("networkidle");
  const bytes = [...loaded.values()].reduce((sum, one) => sum + one, 0);
  console.log(`# the call page: ${bytes} bytes compressed in ${loaded.size} files: ${[...loaded].map(([name, size]) => `${name} ${size}`).join(", ")}`);
  assert.ok(bytes < MOST_BYTES, `${bytes} bytes`);
  assert.ok(![...loaded.keys()].some((name) => /papers|pdf/.test(name)));
  await Promise.all([staff.context.close(), person.context.close()]);
});
