// The whole way of a resident who uses no mouse: from /book to the goodbye, on a phone of 320 points and at 200 % zoom.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { follow, press, seesFocus, tabTo } from "./keyboard.ts";
import { Mailbox } from "./mailbox.ts";
import { eventually, Office, ROOT } from "./office.ts";
import { form } from "./papers.ts";
import { at, fits, isAccessible, newPerson, newStaff, type Person, seesAndHears, startBrowser } from "./people.ts";

const LIMIT_MS = 90_000;
const SHOTS = process.env.MADOGUCHI_SHOTS ?? join(ROOT, "target/shots/journey");
/** What a page is given: the smallest phone, and a window of 1280 by 800 whose letters are twice as large. */
const WINDOWS = [
  { name: "320", width: 320, height: 640 },
  { name: "zoom", width: 640, height: 400 },
] as const;

let mailbox: Mailbox;
let office: Office;
let browser: Browser;

before(async () => {
  mkdirSync(SHOTS, { recursive: true });
  console.log(`# pictures of every step: ${SHOTS}`);
  mailbox = await Mailbox.open();
  const tables = `
[mail]
host = "127.0.0.1"
port = ${mailbox.port}
tls = "none"
from = "madoguchi@minami.example.jp"
`;
  // Open at all hours, so that the next appointment's link is open at once, whenever this is run.
  const settings = { hours: '["00:00-23:59"]', closed_weekdays: "[]", closed_dates: "[]", opens_before: '"90m"', web_closes: '"1m"' };
  [office, browser] = await Promise.all([Office.open({ isBare: true, tables, settings }), startBrowser({ framesPerSecond: 10 })]);
});
after(async () => {
  await browser?.close();
  await office?.close();
  await mailbox?.close();
});

const soon = <T>(what: string, ask: () => Promise<T | undefined | null | false> | T | undefined | null | false) => eventually(what, ask, LIMIT_MS);

/** One step of a way: in both windows nothing sticks out, nothing is against WCAG 2.2 AA, the focus is seen, and a picture is kept. */
async function look(page: Page, way: string, step: string): Promise<void> {
  for (const { name, width, height } of WINDOWS) {
    await page.setViewportSize({ width, height });
    const what = `${way}: ${step} (${name})`;
    await fits(page, what);
    // A window that becomes another one may leave the focus outside of it; the next key brings it back.
    await page.evaluate(() => document.activeElement !== document.body && document.activeElement?.scrollIntoView({ block: "nearest" }));
    await seesFocus(page);
    await isAccessible(page, what);
    await page.screenshot({ path: join(SHOTS, `${way}-${step}-${name}.png`), fullPage: true });
  }
  await page.setViewportSize(WINDOWS[0]);
}

/** A resident whose browser asks before it gives camera and microphone, and says yes. */
function newResident(): Promise<Person> {
  return newPerson(browser, { width: 320, height: 640, scale: 2, permissions: [] });
}

/** From the first page to the appointment. */
async function books({ page }: Person, way: string, says: { name: string; mail?: string; age: string }): Promise<void> {
  await look(page, way, "01-home");
  await follow(page, page.locator('[data-test="service-kosodate-call"]'));
  await look(page, way, "02-topic");
  await follow(page, page.locator('main a[href*="topic=hoiku"]'));
  await look(page, way, "03-days");
  await follow(page, page.locator("main a[data-room]").first());
  await look(page, way, "04-times");
  await follow(page, page.locator('main a[data-test="time"]').first());
  await look(page, way, "05-details");
  // Sent as it is: what is missing is said, and the way leads there.
  await follow(page, page.locator('[data-test="book"]'));
  await at(page, "faults").waitFor();
  await look(page, way, "06-faults");
  await press(page, page.locator('[data-test="faults"] a[href="#name"]'));
  await soon("the way leads to the field", () => page.locator("#name").evaluate((field) => field === document.activeElement));
  await seesFocus(page);
  await page.keyboard.insertText(says.name);
  if (says.mail) {
    await tabTo(page, page.locator("#mail"));
    await page.keyboard.type(says.mail);
  }
  await tabTo(page, page.locator("#q-age"));
  await page.keyboard.insertText(says.age);
  await press(page, page.locator("#consent"), "Space");
  assert.ok(await page.locator("#consent").isChecked());
  await look(page, way, "07-filled");
  await follow(page, page.locator('[data-test="book"]'));
  await at(page, "title").waitFor();
  await look(page, way, "08-booked");
}

test("a resident books, waits, talks and says goodbye by keyboard alone", async () => {
  const [staff, resident] = [await newStaff(browser, office), await newResident()];
  const { page } = resident;
  for (const one of [staff.page, page]) one.setDefaultTimeout(LIMIT_MS);
  const way = "call";
  await page.goto(`${office.url}/book`);
  await books(resident, way, { name: "葛\u{E0100}城 \u{20BB7}子", mail: "yoshiko@example.jp", age: "3歳" });
  assert.match(await at(page, "title").innerText(), /予約しました/);
  assert.equal(await at(page, "name").innerText(), "葛\u{E0100}城 \u{20BB7}子");
  await page.locator("svg.qr").waitFor();

  // The link of the letter leads to the same appointment.
  const own = (await at(page, "address").getAttribute("href")) ?? "";
  const letter = await soon("the letter", () => mailbox.letters[0]);
  assert.match(letter, /yoshiko@example\.jp/);
  const link = Mailbox.links(letter).find((address) => address.startsWith(`${office.url}/a/`)) ?? "";
  assert.notEqual(link, `${office.url}${own}`, "a letter has a link of its own");
  await page.goto(link);
  assert.equal(await at(page, "name").innerText(), "葛\u{E0100}城 \u{20BB7}子");
  await look(page, way, "09-link");
  await follow(page, at(page, "start"));

  await at(page, "ask-devices").waitFor();
  await look(page, way, "10-check");
  await press(page, at(page, "ask-devices"));
  await at(page, "enter-waiting").waitFor();
  await press(page, at(page, "test-sound"), "Space");
  await soon("the microphone is heard", async () => /✓/.test(await page.locator(".level-words").innerText()));
  await look(page, way, "11-ready");
  await press(page, at(page, "enter-waiting"));
  await at(page, "waiting").waitFor();
  await look(page, way, "12-waiting");

  const waits = staff.page.locator('[data-test="consultation"][data-phase="waiting"]');
  const id = await waits.getAttribute("data-id");
  assert.match(await waits.innerText(), /葛\u{E0100}城 \u{20BB7}子 様/u);
  await waits.locator('[data-test="admit"]').click();
  await Promise.all([seesAndHears(resident, LIMIT_MS), seesAndHears(staff, LIMIT_MS)]);
  await look(page, way, "13-call");

  await talks(resident, staff, way);

  await press(page, at(page, "hang-up"));
  await page.locator("dialog[open] [data-test=confirm]").waitFor();
  await look(page, way, "20-hang-up");
  await press(page, page.locator("dialog[open] [data-test=confirm]"));
  await at(page, "rating").waitFor();
  await look(page, way, "21-goodbye");
  await press(page, page.locator('[data-test="face"][data-score="5"]'), "Space");
  await soon("it is thanked for", async () => (await at(page, "rating-state").innerText()) !== "");
  await look(page, way, "22-rated");
  await staff.page.locator(`[data-test="consultation"][data-id="${id}"]`).waitFor({ state: "detached" });
  await page.goto(link);
  await look(page, way, "23-over");
  assert.deepEqual([...resident.faults, ...staff.faults], []);
  await Promise.all([resident.context.close(), staff.context.close()]);
});

/** Chat, captions, microphone, a paper: each by keys. */
async function talks({ page }: Person, staff: Person, way: string): Promise<void> {
  await press(page, at(page, "chat-open"));
  await at(page, "chat-text").waitFor();
  await soon("the field has the focus", () => at(page, "chat-text").evaluate((field) => field === document.activeElement));
  await page.keyboard.insertText("保育所の見学はできますか。");
  await page.keyboard.press("Enter");
  await at(staff.page, "chat-open").click();
  await soon("staff read it", async () => (await at(staff.page, "chat-line").count()) === 1);
  await at(staff.page, "chat-text").fill("はい。見学の申し込みは https://www.city.example.jp/hoiku にあります。");
  await at(staff.page, "chat-text").press("Enter");
  await soon("the resident reads the answer", async () => (await at(page, "chat-line").count()) === 2);
  await look(page, way, "14-chat");
  await press(page, at(page, "chat-close"), "Enter", { backwards: true });
  await at(page, "chat").waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("data-test")), "chat-open", "the focus is where it was");

  await at(staff.page, "more").click();
  await at(staff.page, "more-caption").click();
  await at(staff.page, "caption-text").fill("お子さんは、来月から入れそうです。");
  await at(staff.page, "caption-text").press("Enter");
  await at(page, "captions").waitFor();
  await press(page, at(page, "more"));
  await at(page, "more-look").waitFor();
  await look(page, way, "15-more");
  await press(page, at(page, "more-look"));
  await tabTo(page, page.locator('[data-test^="captions-size-"]:checked'));
  for (let larger = 0; larger < 2; larger++) await page.keyboard.press("ArrowDown");
  await look(page, way, "16-captions");
  await press(page, at(page, "more-close"));
  await press(page, at(page, "more-close"));
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  await look(page, way, "17-captioned");
  await at(staff.page, "caption-close").click();

  await press(page, at(page, "switch-microphone"), "Space", { backwards: true });
  await soon("the microphone is off", async () => (await at(page, "switch-microphone").getAttribute("data-state")) === "off");
  await look(page, way, "18-muted");
  await page.keyboard.press("Space");
  await soon("the microphone is on", async () => (await at(page, "switch-microphone").getAttribute("data-state")) === "on");

  await staff.page.locator('[data-test="paper-file"]').setInputFiles({ name: "認定申請書.pdf", mimeType: "application/pdf", buffer: form(2) });
  await page.locator('canvas[data-test="paper-page"][data-drawn]').waitFor();
  await look(page, way, "19-paper");
  const width = () => at(page, "paper-page").evaluate((it) => it.getBoundingClientRect().width);
  const before = await width();
  for (const times of [1.3, 2]) {
    await press(page, at(page, "zoom-in"));
    await soon("it is larger", async () => (await width()) > before * times);
  }
  const scroll = page.locator(".paper-scroll");
  await tabTo(page, scroll, { backwards: true });
  const place = () => scroll.evaluate((it) => it.scrollTop + it.scrollLeft);
  const first = await place();
  for (const key of ["ArrowDown", "ArrowRight"]) await page.keyboard.press(key);
  await soon("the arrows move it", async () => (await place()) > first);
  await look(page, way, "19-paper-larger");
  await at(staff.page, "paper-away").click();
  await at(page, "paper").waitFor({ state: "detached" });
}

test("やさしい日本語: the same way to the waiting room, with readings over the kanji", async () => {
  const resident = await newResident();
  const { page } = resident;
  page.setDefaultTimeout(LIMIT_MS);
  await page.goto(`${office.url}/book`);
  await follow(page, at(page, "language-easy"));
  const readings = () => page.locator("main ruby rt").evaluateAll((all) => all.filter((rt) => rt.getBoundingClientRect().height > 0).length);
  assert.ok((await readings()) > 5, "readings are seen");
  await books(resident, "easy", { name: "グエン アン", age: "3さい" });
  assert.ok((await readings()) > 5);
  await follow(page, at(page, "start"));
  await press(page, at(page, "ask-devices"));
  await press(page, at(page, "enter-waiting"));
  await at(page, "waiting").waitFor();
  await look(page, "easy", "09-waiting");
  assert.deepEqual(resident.faults, []);
  await resident.context.close();
});
