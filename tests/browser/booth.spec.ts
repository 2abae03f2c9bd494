// A booth: one button, a call eye to eye, papers under a second camera, a page printed beside it, and nothing left of it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { press } from "./keyboard.ts";
import { form } from "./papers.ts";
import { admit, at, fits, hangUp, isAccessible, newPerson, newStaff, type Person, seesAndHears, shot, startBrowser } from "./people.ts";
import { Printer } from "./printer.ts";

const PATIENCE_MS = 90_000;
// Of Chromium's fake cameras the second one sees depths, not pictures: the third looks at papers.
const soon = <T>(what: string, ask: () => Promise<T | undefined | null | false> | T | undefined | null | false) => eventually(what, ask, PATIENCE_MS);

let printer: Printer | null;
let office: Office;
let browser: Browser;
let booth: Person;

before(async () => {
  printer = await Printer.start();
  const tables = `
[[booth]]
id = "branch"
name = { ja = "北出張所 相談ブース", en = "North Branch booth" }
sections = ["kosodate", "kaigo"]
document_camera = "fake_device_2"
${printer ? `printer = "${printer.address}"` : ""}
`;
  // Open at all hours, so that an appointment's call can be entered whenever this is run.
  const settings = { hours: '["00:00-23:59"]', closed_weekdays: "[]", closed_dates: "[]", opens_before: '"72h"' };
  [office, browser] = await Promise.all([Office.open({ isBare: true, tables, settings }), startBrowser({ framesPerSecond: 10, cameras: 3 })]);
  booth = await newPerson(browser, { width: 1280, height: 800 });
  booth.page.setDefaultTimeout(PATIENCE_MS);
});
after(async () => {
  await browser?.close();
  await office?.close();
  printer?.close();
});

const link = () => soon("the booth's link", () => readFileSync(join(office.run, "secrets/booths/branch.url"), "utf8").trim());

test("a browser becomes a booth by its link only", async () => {
  await booth.page.goto(`${office.url}/booth`);
  await at(booth.page, "refused").waitFor();
  await booth.page.goto(await link());
  await at(booth.page, "booth-idle").waitFor();
  assert.equal(new URL(booth.page.url()).hash, "", "the token is gone from the address");
  await booth.page.reload();
  await at(booth.page, "booth-idle").waitFor();
  await isAccessible(booth.page, "the booth's first page");
  await shot(booth.page, "booth-idle-1280");
});

test("somebody talks from the booth, shows papers, gets a page printed, and leaves no trace", async () => {
  const staff = await newStaff(browser, office);
  staff.page.setDefaultTimeout(PATIENCE_MS);
  await staff.page.setViewportSize({ width: 1280, height: 800 });
  await booth.page.locator('[data-test="booth-begin"][data-section="kosodate"]').click();
  await at(booth.page, "waiting").waitFor();
  await shot(booth.page, "booth-waiting-1280");
  const id = await soon("staff see who waits", () => staff.page.locator('[data-test="consultation"][data-phase="waiting"]').first().getAttribute("data-id"));
  await admit(staff, id);
  await Promise.all([seesAndHears(staff, PATIENCE_MS), seesAndHears(booth, PATIENCE_MS)]);

  // The camera over the table.
  await at(staff.page, "more").click();
  await at(staff.page, "more-document-camera").click();
  const seen = staff.page.locator('[data-test="screen-video"]');
  await soon("the papers under the camera", () => seen.evaluate((video) => (video as HTMLVideoElement).videoWidth > 0));
  await at(booth.page, "sharing").waitFor();
  await at(staff.page, "screen-hold").click();
  await at(staff.page, "screen-still").waitFor();
  await at(staff.page, "screen-larger").click();
  assert.equal(await at(staff.page, "screen").getAttribute("data-still"), "true");
  await shot(staff.page, "booth-papers-staff-1280");
  await shot(booth.page, "booth-papers-1280");
  await at(staff.page, "more").click();
  await at(staff.page, "more-document-camera").click();
  await at(staff.page, "screen").waitFor({ state: "detached" });
  await at(booth.page, "sharing").waitFor({ state: "detached" });

  if (printer) {
    await staff.page.locator('[data-test="paper-file"]').setInputFiles({ name: "申請書.pdf", mimeType: "application/pdf", buffer: form(2) });
    await at(staff.page, "paper-page").waitFor();
    await soon("it can be printed", () => at(staff.page, "print").isEnabled());
    await at(staff.page, "print").click();
    await soon("it is printed", async () => (await at(staff.page, "print-state").getAttribute("data-state")) === "done");
    await shot(staff.page, "booth-printed-staff-1280");
    assert.equal(await at(booth.page, "print-state").getAttribute("data-state"), "done");
    const [document, ...more] = printer.printed();
    assert.equal(more.length, 0);
    assert.match(document?.subarray(0, 8).toString() ?? "", /^%PDF-1/);
    assert.equal(document?.toString("latin1").match(/\/Type \/Page /g)?.length, 2);
  }

  await hangUp(staff);
  await at(booth.page, "ended").waitFor();
  await shot(booth.page, "booth-goodbye-1280");
  await at(booth.page, "booth-leave").click();
  await at(booth.page, "booth-idle").waitFor();
  const left = await booth.page.evaluate(async () => ({
    stored: localStorage.length + sessionStorage.length,
    databases: (await indexedDB.databases()).length,
    caches: (await caches.keys()).length,
    text: document.body.textContent ?? "",
  }));
  assert.deepEqual([left.stored, left.databases, left.caches], [0, 0, 0]);
  assert.doesNotMatch(left.text, /申請書/);
  assert.deepEqual([...booth.faults, ...staff.faults], []);
});

test("who changes their mind while waiting leaves the booth to the next", async () => {
  await booth.page.locator('[data-test="booth-begin"][data-section="kaigo"]').click();
  await at(booth.page, "waiting").waitFor();
  await at(booth.page, "booth-stop").click();
  await at(booth.page, "ended").waitFor();
  await at(booth.page, "booth-leave").click();
  await at(booth.page, "booth-idle").waitFor();
});

/** Staff book the next time for somebody on the telephone, and read the number out. */
async function readOut(staff: Person): Promise<string> {
  const { page } = staff;
  await page.goto(`${office.url}/staff/book?booking=kaigo-call`);
  await page.locator('input[name="at"]:enabled').last().check();
  await page.locator("#name").fill("電話 太郎");
  await page.locator('input[name="consent"]').check();
  await page.locator('main [data-test="book"]').click();
  return (await at(page, "number").innerText()).replace("-", "");
}

test("a number that was read out on the telephone is typed by touch, by Tab and Enter, or on a keyboard, and begins the call", async () => {
  const staff = await newStaff(browser, office);
  staff.page.setDefaultTimeout(PATIENCE_MS);
  const number = await readOut(staff);
  await staff.page.goto(`${office.url}/staff`);
  const { page } = booth;
  const digits = () => at(page, "booth-digits").getAttribute("data-digits");
  await at(page, "booth-number").click();
  await at(page, "booth-pad").waitFor();
  await isAccessible(page, "the pad");
  await shot(page, "booth-pad-1280");
  assert.ok(await at(page, "booth-number-send").isDisabled(), "not before there are eight digits");
  // A wrong one: what to do is said, and the digits are gone.
  for (const digit of "00000001") await at(page, `booth-key-${digit}`).click();
  assert.equal(await digits(), "00000001");
  await at(page, "booth-number-send").click();
  await at(page, "booth-number-wrong").waitFor();
  assert.match(await at(page, "booth-number-wrong").innerText(), /見つかりません.*もう一度/s);
  assert.equal(await digits(), "");
  await isAccessible(page, "a wrong number");
  await shot(page, "booth-pad-wrong-1280");
  // The keyboard's own digits, wherever the focus is; then by Tab and Enter.
  await page.keyboard.type(number.slice(0, 6));
  await page.keyboard.press("Backspace");
  assert.equal(await digits(), number.slice(0, 5));
  for (const digit of number.slice(5)) await press(page, at(page, `booth-key-${digit}`), "Enter", { backwards: true });
  assert.equal(await digits(), number);
  for (const { width, height } of [{ width: 320, height: 640 }, { width: 640, height: 400 }, { width: 1920, height: 1080 }]) {
    await page.setViewportSize({ width, height });
    await fits(page, `the pad at ${width}`);
    await shot(page, `booth-pad-${width}`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await press(page, at(page, "booth-number-send"));
  await at(page, "waiting").waitFor();
  assert.match(await at(page, "who-answers").innerText(), /介護保険課/);
  const waits = staff.page.locator('[data-test="consultation"][data-phase="waiting"]');
  await waits.waitFor();
  assert.match(await waits.innerText(), /電話 太郎/);
  await waits.locator('[data-test="admit"]').click();
  await Promise.all([seesAndHears(staff, PATIENCE_MS), seesAndHears(booth, PATIENCE_MS)]);
  await hangUp(staff);
  await at(page, "booth-leave").click();
  await at(page, "booth-idle").waitFor();
  assert.deepEqual([...booth.faults, ...staff.faults], []);
  await staff.context.close();
});

test("Escape, and the button, lead back from the pad, and leave no digits", async () => {
  const { page } = booth;
  for (const back of [() => page.keyboard.press("Escape"), () => at(page, "booth-number-back").click()]) {
    await at(page, "booth-number").click();
    await page.keyboard.type("123");
    await back();
    await at(page, "booth-idle").waitFor();
    await at(page, "booth-number").click();
    assert.equal(await at(page, "booth-digits").getAttribute("data-digits"), "");
    await page.keyboard.press("Escape");
    await at(page, "booth-idle").waitFor();
  }
});
