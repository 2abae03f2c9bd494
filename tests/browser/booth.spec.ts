// A booth: one button, a call eye to eye, papers under a second camera, a page printed beside it, and nothing left of it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { form } from "./papers.ts";
import { admit, at, hangUp, isAccessible, newPerson, newStaff, type Person, seesAndHears, shot, startBrowser } from "./people.ts";
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
  [office, browser] = await Promise.all([Office.open({ isBare: true, tables }), startBrowser({ framesPerSecond: 10, cameras: 3 })]);
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
