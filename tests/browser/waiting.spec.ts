// The waiting room: a place that is kept through a reload, a locked phone and a lost network; called back; no-show; and the
// goodbye.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { admit, at, enterWaiting, hangUp, isAccessible, newLink, newPerson, newStaff, type Person, row, seesAndHears, shot, startBrowser } from "./people.ts";
import { Phone } from "./phone.ts";
import { LIMIT_MS, newCall } from "./seats.ts";

let office: Office;
let browser: Browser;

before(async () => {
  [office, browser] = await Promise.all([Office.open({ isBare: true }), startBrowser({ framesPerSecond: 10 })]);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

const place = ({ page }: Person) => page.locator(".waiting-place").innerText();

test("the place in line is kept over a reload, a locked phone and a lost network", async () => {
  const staff = await newStaff(browser, office);
  const [first, second] = [await newLink(staff), await newLink(staff)];
  const phone = await Phone.start();
  try {
    const [one, two] = [await newPerson(phone.browser), await newPerson(browser)];
    await enterWaiting(one, first.url);
    await enterWaiting(two, second.url);
    await eventually("the second knows the place", async () => (await place(two)).includes("1人"), LIMIT_MS);
    assert.match(await at(two.page, "who-answers").innerText(), /子育て支援課/);
    await isAccessible(two.page, "the waiting room");
    await shot(two.page, "waiting-phone");
    const since = async () => (await one.page.locator(".waiting-since").innerText()).split("（")[0];
    const before = await since();
    const isNext = () => eventually("the first is still next", async () => (await place(one)).includes("次に"), LIMIT_MS);
    const isSeen = (isPresent: boolean) =>
      staff.page.locator(`[data-test="consultation"][data-id="${first.id}"][data-present="${isPresent}"]`).waitFor({ timeout: LIMIT_MS });

    await one.page.reload();
    await at(one.page, "waiting").waitFor({ timeout: LIMIT_MS });
    await isNext();
    assert.match(await place(two), /1人/);

    // A locked phone does nothing at all, not even answer the server.
    phone.lock();
    await isSeen(false);
    assert.match(await place(two), /1人/, "nobody is passed over for a locked phone");
    phone.unlock();
    await isSeen(true);
    await isNext();

    // A lost network: the page goes on, and says so.
    phone.loseNetwork();
    await eventually("the page says so", async () => (await place(one)).includes("つなぎ直し"), LIMIT_MS);
    await isSeen(false);
    phone.unlock();
    await isSeen(true);
    await isNext();
    assert.equal(await since(), before, "since when they wait is what it was");

    await admit(staff, first.id);
    await seesAndHears(one, LIMIT_MS);
    await eventually("the line moves up", async () => (await place(two)).includes("次に"), LIMIT_MS);
    await hangUp(staff);
    await Promise.all([staff, one, two].map((person) => person.context.close()));
  } finally {
    await phone.close();
  }
});

test("who drops out is put back into the waiting room and asked in again", async () => {
  const staff = await newStaff(browser, office);
  const { resident, id } = await newCall(staff, browser);
  await at(staff.page, "open-people").click();
  await at(staff.page, "call-back").click();
  await at(resident.page, "waiting").waitFor({ timeout: LIMIT_MS });
  await row(staff, id).waitFor({ timeout: LIMIT_MS });
  await admit(staff, id);
  await Promise.all([seesAndHears(resident, LIMIT_MS), seesAndHears(staff, LIMIT_MS)]);
  await hangUp(staff);
  await Promise.all([staff, resident].map((person) => person.context.close()));
});

test("into another section's line, by section at the console; and nobody came", async () => {
  const staff = await newStaff(browser, office);
  const { url, id } = await newLink(staff);
  const resident = await newPerson(browser);
  await enterWaiting(resident, url);
  await staff.page.locator(`[data-test="consultation"][data-id="${id}"][data-phase="waiting"]`).waitFor({ timeout: LIMIT_MS });
  await row(staff, id).locator('[data-test="more"]').click();
  await row(staff, id).locator('[data-test="move"]').click();
  await at(staff.page, "move-section").selectOption("kaigo");
  await shot(staff.page, "staff-move");
  await at(staff.page, "move-confirm").click();
  await eventually("the resident is told", async () => (await at(resident.page, "who-answers").innerText()).includes("介護保険課"), LIMIT_MS);
  await staff.page.locator('[data-test="filter"][data-section="kosodate"]').click();
  await row(staff, id).waitFor({ state: "detached" });
  await staff.page.locator('[data-test="filter"][data-section="kaigo"]').click();
  await row(staff, id).waitFor();
  await isAccessible(staff.page, "the console by section");
  await shot(staff.page, "staff-by-section");

  await resident.page.close();
  await staff.page.locator(`[data-test="consultation"][data-id="${id}"][data-present="false"]`).waitFor({ timeout: LIMIT_MS });
  await row(staff, id).locator('[data-test="more"]').click();
  await row(staff, id).locator('[data-test="no-show"]').click();
  await staff.page.locator("dialog[open] [data-test=confirm]").click();
  await row(staff, id).waitFor({ state: "detached", timeout: LIMIT_MS });
  await Promise.all([staff, resident].map((person) => person.context.close()));
});

test("the goodbye: a note, one of five faces, changed once; then the link is dead", async () => {
  const staff = await newStaff(browser, office);
  const { resident, url } = await newCall(staff, browser);
  await at(staff.page, "open-notes").click();
  await at(staff.page, "note-inside").fill("次回は本庁の同席が必要");
  await at(staff.page, "note-resident").fill("必要な書類：\n・母子手帳\n・在職証明書");
  await staff.page.locator('[data-test="notes-state"][data-state="saved"]').waitFor({ timeout: LIMIT_MS });
  await isAccessible(staff.page, "the notes' panel");
  await shot(staff.page, "staff-notes");
  await at(staff.page, "close-panel").click();
  await hangUp(staff);
  await at(resident.page, "staff-note").waitFor({ timeout: LIMIT_MS });
  const words = await resident.page.innerText("body");
  assert.match(words, /在職証明書/);
  assert.doesNotMatch(words, /本庁の同席/, "what is inside stays inside");
  await isAccessible(resident.page, "the goodbye");
  await shot(resident.page, "goodbye-phone");
  await resident.page.setViewportSize({ width: 320, height: 640 });
  await shot(resident.page, "goodbye-320");
  await resident.page.setViewportSize({ width: 1280, height: 800 });
  await shot(resident.page, "goodbye-desktop");
  const face = (score: number) => resident.page.locator(`[data-test="face"][data-score="${score}"]`);
  await face(4).click();
  await resident.page.locator('[data-test="face"][data-score="4"][aria-pressed="true"]:not([disabled])').waitFor({ timeout: LIMIT_MS });
  await face(5).click();
  await resident.page.locator('[data-test="face"][data-score="5"][aria-pressed="true"][disabled]').waitFor({ timeout: LIMIT_MS });
  await isAccessible(resident.page, "the goodbye, said");
  assert.equal((await resident.page.goto(url))?.status(), 410);
  assert.deepEqual([...staff.faults, ...resident.faults], []);
  await Promise.all([staff, resident].map((person) => person.context.close()));
});

test("who works at the console by keyboard keeps the focus while the list changes", async () => {
  const staff = await newStaff(browser, office, "taro");
  const links = [await newLink(staff), await newLink(staff), await newLink(staff)];
  const [first, , last] = links;
  assert.ok(first && last);
  const button = row(staff, last.id).locator('[data-test="withdraw"]');
  await button.focus();
  const focused = () => staff.page.evaluate(() => document.activeElement?.closest("[data-id]")?.getAttribute("data-id"));
  assert.equal(await focused(), last.id);
  // The first comes, and is above all others from now on; then the last is seen to be there.
  const [one, two] = [await newPerson(browser), await newPerson(browser)];
  await enterWaiting(one, first.url);
  await staff.page.locator(`[data-test="consultation"][data-id="${first.id}"][data-phase="waiting"]`).waitFor({ timeout: LIMIT_MS });
  assert.equal(await focused(), last.id);
  await two.page.goto(last.url);
  await staff.page.locator(`[data-test="consultation"][data-id="${last.id}"][data-present="true"]`).waitFor({ timeout: LIMIT_MS });
  assert.equal(await focused(), last.id, "the row itself was drawn anew");
  await Promise.all([staff, one, two].map((person) => person.context.close()));
});
