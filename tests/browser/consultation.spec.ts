// A private consultation, end to end: two browsers, the real programs, real media through the media server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { eventually, Office } from "./office.ts";
import {
  admit,
  at,
  enterWaiting,
  hangUp,
  isAccessible,
  newLink,
  newPerson,
  newStaff,
  received,
  row,
  seesAndHears,
  shot,
  startBrowser,
} from "./people.ts";

let office: Office;
let browser: Browser;

before(async () => {
  [office, browser] = await Promise.all([Office.open(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

test("a resident with a link and staff see and hear each other, and hang up", async () => {
  const staff = await newStaff(browser, office);
  await isAccessible(staff.page, "the console");
  const { url, id } = await newLink(staff);
  await shot(staff.page, "staff-console");

  const resident = await newPerson(browser);
  await resident.page.goto(url);
  await at(resident.page, "enter-waiting").waitFor();
  await isAccessible(resident.page, "the device check");
  await shot(resident.page, "resident-check");
  await at(resident.page, "enter-waiting").click();
  await at(resident.page, "waiting").waitFor();
  await isAccessible(resident.page, "the waiting room");
  await shot(resident.page, "resident-waiting");

  await admit(staff, id);
  await Promise.all([seesAndHears(resident), seesAndHears(staff)]);
  await isAccessible(resident.page, "the resident's call");
  await isAccessible(staff.page, "the staff's call");
  await shot(resident.page, "resident-call");
  await shot(staff.page, "staff-call");
  for (const person of [resident, staff]) {
    assert.equal((await received(person.page)).connections, 2, "one connection up, one down");
  }

  await hangUp(resident);
  await at(resident.page, "ended").waitFor();
  await isAccessible(resident.page, "the goodbye");
  await shot(resident.page, "resident-ended");
  await at(staff.page, "call").waitFor({ state: "hidden" });
  await eventually("both have closed their connections", async () => {
    const [a, b] = await Promise.all([received(resident.page), received(staff.page)]);
    return a.connections + b.connections === 0;
  });

  await resident.page.goto(url);
  assert.match((await resident.page.innerText("body")) ?? "", /終了/, "the link is dead, and says so");
  assert.match((await resident.page.innerText("body")) ?? "", /000-000-0000/, "and gives the telephone number");
  assert.deepEqual([...resident.faults, ...staff.faults], []);
  await Promise.all([resident.context.close(), staff.context.close()]);
});

test("staff hang up: the resident is told, and both are free", async () => {
  const staff = await newStaff(browser, office, "taro");
  const { url, id } = await newLink(staff);
  const resident = await newPerson(browser);
  await enterWaiting(resident, url);
  await admit(staff, id);
  await Promise.all([seesAndHears(resident), seesAndHears(staff)]);
  await hangUp(staff);
  await at(resident.page, "ended").waitFor();
  await row(staff, id).waitFor({ state: "detached" });
  await Promise.all([resident.context.close(), staff.context.close()]);
});

test("a reload in the middle of the call comes back to the call, on either side", async () => {
  const staff = await newStaff(browser, office);
  const { url, id } = await newLink(staff);
  const resident = await newPerson(browser);
  await enterWaiting(resident, url);
  await admit(staff, id);
  await Promise.all([seesAndHears(resident), seesAndHears(staff)]);
  await resident.page.reload();
  await Promise.all([seesAndHears(resident), seesAndHears(staff)]);
  await staff.page.reload();
  await Promise.all([seesAndHears(resident), seesAndHears(staff)]);
  await hangUp(staff);
  await Promise.all([resident.context.close(), staff.context.close()]);
});

test("staff see whether the resident's page is open", async () => {
  const staff = await newStaff(browser, office);
  const { url, id } = await newLink(staff);
  const resident = await newPerson(browser);
  await enterWaiting(resident, url);
  await staff.page.locator(`[data-test="consultation"][data-id="${id}"][data-present="true"]`).waitFor();
  await resident.page.close();
  await staff.page.locator(`[data-test="consultation"][data-id="${id}"][data-present="false"]`).waitFor();
  await Promise.all([resident.context.close(), staff.context.close()]);
});

test("without a camera one can still take part by voice", async () => {
  const staff = await newStaff(browser, office);
  const { url, id } = await newLink(staff);
  const resident = await newPerson(browser);
  await resident.page.addInitScript(() => {
    // The device's edge: this machine has a microphone only.
    const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wanted) =>
      wanted?.video ? Promise.reject(new DOMException("none", "NotFoundError")) : original(wanted);
  });
  await enterWaiting(resident, url);
  await admit(staff, id);
  await seesAndHears(resident);
  await eventually("staff hear the resident", async () => (await received(staff.page)).audioEnergy > 1e-5);
  await hangUp(staff);
  await Promise.all([resident.context.close(), staff.context.close()]);
});

test("a wrong link says what to do", async () => {
  const resident = await newPerson(browser);
  const answer = await resident.page.goto(`${office.url}/c/aaaaaaaaaaaaaaaaaaaaaaaaaa`);
  assert.equal(answer?.status(), 404);
  assert.match((await resident.page.innerText("body")) ?? "", /000-000-0000/);
  await isAccessible(resident.page, "the wrong link's page");
  await shot(resident.page, "link-unknown");
  await resident.context.close();
});
