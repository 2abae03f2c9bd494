// A resident in Firefox and staff in Chromium: booking without a script's help, and an encrypted call with picture and sound.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import type { Browser as Firefox } from "puppeteer-core";
import { FirefoxPerson, startFirefox } from "./firefox.ts";
import { OtherHost } from "./host.ts";
import { eventually, Office } from "./office.ts";
import { admit, at, hangUp, newLink, newStaff, received, seesAndHears, startBrowser } from "./people.ts";

/** Other work may share the machine. */
const LIMIT_MS = 90_000;

let firefox: Firefox | null;
let host: OtherHost | string;
let office: Office;
let browser: Browser;

before(async () => {
  firefox = await startFirefox();
  if (!firefox) return;
  // Firefox finds no media server on the loopback of its own machine: the office has an address on a network.
  host = OtherHost.open();
  if (typeof host === "string") return;
  console.log(`# ${await firefox.version()}`);
  [office, browser] = await Promise.all([Office.open({ isBare: true, lan: host.here }), startBrowser({ framesPerSecond: 10 })]);
});
after(async () => {
  await firefox?.close();
  await browser?.close();
  await office?.close();
  if (host instanceof OtherHost) host.close();
});

async function shot({ page }: FirefoxPerson, name: string): Promise<void> {
  const folder = process.env.MADOGUCHI_SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `firefox-${name}.png`) as `${string}.png` });
}

const soon = <T>(what: string, ask: () => Promise<T | undefined | null | false>) => eventually(what, ask, LIMIT_MS);

test("a consultation between Firefox and Chromium, encrypted, seen and heard both ways, to the goodbye", async (t) => {
  if (!firefox || typeof host === "string") return t.skip("no Firefox, or no network for it");
  const staff = await newStaff(browser, office);
  staff.page.setDefaultTimeout(LIMIT_MS);
  const resident = await FirefoxPerson.open(firefox, LIMIT_MS);
  const { url, id } = await newLink(staff);
  await resident.page.goto(url);
  await shot(resident, "check");
  // Where the browser tells that it need not ask, the question is passed over.
  await soon("the device check", () => resident.page.$('[data-test="ask-devices"], [data-test="enter-waiting"]'));
  if (await resident.page.$('[data-test="ask-devices"]')) await resident.pressAt("ask-devices");
  await resident.sees("enter-waiting");
  await shot(resident, "ready");
  assert.ok(await resident.fits());
  await resident.pressAt("enter-waiting");
  await resident.sees("waiting");
  await shot(resident, "waiting");
  await admit(staff, id);
  await resident.sees("call");
  await Promise.all([seesAndHears(staff, LIMIT_MS), resident.seesMoving()]);
  assert.ok((await received(staff.page)).audioEnergy > 1e-5, "staff hear Firefox's microphone");
  await soon("both are encrypted", async () => (await resident.attribute("lock", "data-state")) === "encrypted" && (await at(staff.page, "lock").getAttribute("data-state")) === "encrypted");
  await shot(resident, "call");
  const digits = (text: string | null) => (text ?? "").replace(/\D/g, "").slice(0, 8);
  const theirs = digits(await resident.page.$eval('[data-test="lock-code"]', (code) => code.textContent));
  assert.equal(theirs.length, 8);
  assert.equal(theirs, digits(await at(staff.page, "lock-code").textContent()), "the same digits on both sides");
  assert.ok(await resident.fits());

  // Chat both ways, by the same sealed channels.
  await at(staff.page, "chat-open").click();
  await at(staff.page, "chat-text").fill("聞こえますか。");
  await at(staff.page, "chat-text").press("Enter");
  await resident.pressAt("chat-open");
  await soon("it is read in Firefox", async () => /聞こえますか。/.test(await resident.text()));
  await resident.page.type('[data-test="chat-text"]', "はい、聞こえます。");
  await resident.page.keyboard.press("Enter");
  await soon("and answered", async () => (await at(staff.page, "chat-line").count()) === 2);
  await shot(resident, "chat");
  await resident.pressAt("chat-close");

  // Muted, and told so; the camera off and on again.
  await resident.pressAt("switch-microphone");
  await soon("the microphone is off", async () => (await resident.attribute("switch-microphone", "data-state")) === "off");
  await resident.pressAt("switch-microphone");
  await resident.pressAt("switch-camera");
  await soon("staff are told", async () => /カメラは切れています/.test(await at(staff.page, "remote-state").first().innerText()));
  await resident.pressAt("switch-camera");
  await seesAndHears(staff, LIMIT_MS);

  // A reload in the middle comes back to the call.
  await resident.page.reload();
  await soon("it is back, or asks first", () => resident.page.$('[data-test="call"], [data-test="ask-devices"], [data-test="enter-waiting"]'));
  if (await resident.page.$('[data-test="ask-devices"]')) {
    await resident.pressAt("ask-devices");
    await resident.pressAt("enter-waiting");
  }
  await resident.sees("call");
  await Promise.all([seesAndHears(staff, LIMIT_MS), resident.seesMoving()]);

  await resident.pressAt("hang-up");
  await shot(resident, "hang-up");
  await resident.press("dialog[open] [data-test=confirm]");
  await resident.sees("rating");
  await resident.press('[data-test="face"][data-score="4"]');
  await soon("it is thanked for", async () => (await resident.text('[data-test="rating-state"]')) !== "");
  await shot(resident, "goodbye");
  await at(staff.page, "console").waitFor();
  assert.deepEqual([...resident.faults, ...staff.faults], []);
  await staff.context.close();
});

test("staff end a call that Firefox is in: its page says goodbye", async (t) => {
  if (!firefox || typeof host === "string") return t.skip("no Firefox, or no network for it");
  const staff = await newStaff(browser, office);
  const resident = await FirefoxPerson.open(firefox, LIMIT_MS);
  const { url, id } = await newLink(staff);
  await resident.page.goto(url);
  await soon("the device check", () => resident.page.$('[data-test="ask-devices"], [data-test="enter-waiting"]'));
  if (await resident.page.$('[data-test="ask-devices"]')) await resident.pressAt("ask-devices");
  await resident.pressAt("enter-waiting");
  await resident.sees("waiting");
  await admit(staff, id);
  await Promise.all([seesAndHears(staff, LIMIT_MS), resident.seesMoving()]);
  await hangUp(staff);
  await resident.sees("ended");
  assert.deepEqual([...resident.faults, ...staff.faults], []);
  await staff.context.close();
});

test("the pages of booking and the practice call in Firefox", async (t) => {
  if (!firefox || typeof host === "string") return t.skip("no Firefox, or no network for it");
  const resident = await FirefoxPerson.open(firefox, LIMIT_MS);
  for (const path of ["/", "/book", "/book/kosodate-call", "/book/kosodate-call/days", "/join", "/practice"]) {
    await resident.page.goto(`${office.url}${path}`);
    assert.ok(await resident.fits(), path);
    await shot(resident, `page${path.replaceAll("/", "-")}`);
  }
  await resident.pressAt("practice-start");
  await resident.sees("practice-good");
  await shot(resident, "practice-good");
  await resident.pressAt("practice-stop");
  await resident.sees("practice-over");
  assert.deepEqual(resident.faults, []);
});
