// Booking as a resident does it: on a small phone, by keyboard alone, without a script, in every language; and the desk.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { follow, tabTo } from "./keyboard.ts";
import { Office, ROOT } from "./office.ts";
import { fits, isAccessible, newPerson, newStaff, startBrowser } from "./people.ts";

const LIMIT_MS = 60_000;
const SHOTS = process.env.MADOGUCHI_SHOTS ?? join(ROOT, "target/shots/booking");
const LANGUAGES = ["ja", "easy", "en", "zh", "ko", "vi"];

let office: Office;
let browser: Browser;

before(async () => {
  mkdirSync(SHOTS, { recursive: true });
  [office, browser] = await Promise.all([Office.open({ isBare: true }), startBrowser()]);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

/** A resident's phone. `scale` 2 on 320 points: a page of 640 at 200 % zoom. */
async function phone(options: { width?: number; scale?: number; script?: boolean; language?: string } = {}): Promise<{
  page: Page;
  context: BrowserContext;
}> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    javaScriptEnabled: options.script ?? false,
    viewport: { width: options.width ?? 320, height: 640 },
    deviceScaleFactor: options.scale ?? 1,
    locale: options.language ?? "ja-JP",
  });
  context.setDefaultTimeout(LIMIT_MS);
  return { page: await context.newPage(), context };
}

async function keep(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

/** From the first page to the form, by keyboard. */
async function toTheForm(page: Page, name: string): Promise<void> {
  await page.goto(`${office.url}/book`);
  await keep(page, `${name}-1-home`);
  await fits(page, "the first page");
  await follow(page, page.locator('[data-test="service-kosodate-call"]'));
  await keep(page, `${name}-2-topic`);
  await fits(page, "topics");
  await follow(page, page.locator('main a[href*="topic=hoiku"]'));
  await keep(page, `${name}-3-days`);
  await fits(page, "days");
  await follow(page, page.locator("main a[data-room]").nth(2));
  await keep(page, `${name}-4-times`);
  await fits(page, "times");
  await follow(page, page.locator('main a[data-test="time"]').first());
  await keep(page, `${name}-5-details`);
  await fits(page, "the form");
}

test("a resident books, moves and gives back by keyboard, without a script, at 320 points and 200 % zoom", async () => {
  const { page, context } = await phone({ scale: 2 });
  await toTheForm(page, "320");
  // Sent as it is: what is missing is said, and the way leads there.
  await follow(page, page.locator('[data-test="book"]'));
  await page.locator('[data-test="faults"]').waitFor();
  await keep(page, "320-6-faults");
  await fits(page, "what is missing");
  await tabTo(page, page.locator("#name"));
  await page.keyboard.insertText("葛\u{E0100}城 \u{20BB7}子");
  await tabTo(page, page.locator("#telephone"));
  await page.keyboard.insertText("０９０−１２３４−５６７８");
  await tabTo(page, page.locator("#consent"));
  await page.keyboard.press("Space");
  await follow(page, page.locator('[data-test="book"]'));
  assert.match(await page.locator('[data-test="title"]').innerText(), /予約しました/);
  assert.equal(await page.locator('[data-test="name"]').innerText(), "葛\u{E0100}城 \u{20BB7}子");
  await keep(page, "320-7-booked");
  await fits(page, "the appointment");
  const first = await page.locator('[data-test="when"]').innerText();

  await follow(page, page.locator('[data-test="change"]'));
  await follow(page, page.locator("main a[data-room]").nth(4));
  await follow(page, page.locator('main a[data-test="time"]').nth(1));
  await keep(page, "320-8-change");
  await fits(page, "the change");
  await follow(page, page.locator('[data-test="change"]'));
  assert.notEqual(await page.locator('[data-test="when"]').innerText(), first);
  await follow(page, page.locator('[data-test="cancel"]'));
  await keep(page, "320-9-cancel");
  await follow(page, page.locator('[data-test="cancel"]'));
  assert.match(await page.locator('[data-test="title"]').innerText(), /取り消されています/);
  assert.match(await page.innerText("main"), /000-000-0000/);
  await context.close();
});

test("every language has every page, none wider than the phone, none against WCAG 2.2 AA", async () => {
  for (const tongue of LANGUAGES) {
    const { page, context } = await phone({ script: true });
    await page.goto(`${office.url}/book`);
    await Promise.all([page.waitForEvent("load"), page.locator(`[data-test="language-${tongue}"]`).click()]);
    assert.equal(await page.locator("html").getAttribute("data-tongue"), tongue);
    await isAccessible(page, `${tongue}: the first page`);
    await keep(page, `${tongue}-1-home`);
    await fits(page, `${tongue}: the first page`);
    const steps: [string, string][] = [
      ["2-topic", '[data-test="service-kosodate-call"]'],
      ["3-days", "main .choices a >> nth=0"],
      ["4-times", "main a[data-room] >> nth=1"],
      ["5-details", 'main a[data-test="time"] >> nth=2'],
    ];
    for (const [name, link] of steps) {
      await Promise.all([page.waitForEvent("load"), page.locator(link).click()]);
      await isAccessible(page, `${tongue}: ${name}`);
      await keep(page, `${tongue}-${name}`);
      await fits(page, `${tongue}: ${name}`);
    }
    await page.locator("#name").fill("Nguyễn Thị Ánh");
    await page.locator("#consent").check();
    await Promise.all([page.waitForEvent("load"), page.locator('[data-test="book"]').click()]);
    await page.locator('[data-test="title"]').waitFor();
    await isAccessible(page, `${tongue}: the appointment`);
    await keep(page, `${tongue}-6-booked`);
    await fits(page, `${tongue}: the appointment`);
    const own = page.url().split("?")[0] ?? "";
    for (const [name, to] of [
      ["7-early", own.replace("/a/", "/c/")],
      ["8-days", `${own}/days`],
      ["9-cancel", `${own}/cancel`],
      ["10-join", `${office.url}/join`],
      ["11-unknown", `${office.url}/a/aaaaaaaaaaaaaaaaaaaaaaaaaa`],
    ] as const) {
      await page.goto(to);
      await isAccessible(page, `${tongue}: ${name}`);
      await keep(page, `${tongue}-${name}`);
      await fits(page, `${tongue}: ${name}`);
      assert.match(await page.innerText("body"), /000-000-0000/, "the telephone number is on every page");
    }
    await context.close();
  }
});

test("with letters twice as large, and on a desktop, it is still one page", async () => {
  for (const [name, width, size] of [["390", 390, "16px"], ["large", 390, "32px"], ["desktop", 1280, "16px"]] as const) {
    const { page, context } = await phone({ width, script: true });
    await page.addInitScript((size) => {
      // As a browser's own setting for the letters' size does.
      addEventListener("DOMContentLoaded", () => document.documentElement.style.setProperty("font-size", size));
    }, size);
    await page.goto(`${office.url}/book`);
    await keep(page, `${name}-1-home`);
    await fits(page, `${name}: the first page`);
    await page.goto(`${office.url}/book/kosodate-call/days`);
    await keep(page, `${name}-3-days`);
    await fits(page, `${name}: days`);
    await page.locator("main a[data-room]").nth(2).click();
    await page.locator('main a[data-test="time"]').first().waitFor();
    await keep(page, `${name}-4-times`);
    await fits(page, `${name}: times`);
    await page.locator('main a[data-test="time"]').first().click();
    await page.locator("#name").fill("窓口 花子");
    await keep(page, `${name}-5-details`);
    await fits(page, `${name}: the form`);
    await page.locator("#consent").check();
    await page.locator('[data-test="book"]').click();
    await page.locator('[data-test="title"]').waitFor();
    await keep(page, `${name}-6-booked`);
    await fits(page, `${name}: the appointment`);
    await context.close();
  }
});

test("staff book for somebody on the telephone, who opens the booking by its number", async () => {
  const staff = await newStaff(browser, office);
  const { page } = staff;
  page.setDefaultTimeout(LIMIT_MS);
  await page.goto(`${office.url}/staff/today`);
  await isAccessible(page, "the day's list");
  await keep(page, "staff-today-empty");
  await page.locator('[data-test="book"]').click();
  // Of today, or where nothing is free today any more, of the next day on which something is.
  await page.locator('input[name="at"]:enabled').last().check();
  await page.locator("#name").fill("電話 太郎");
  await page.locator("#telephone").fill("072-123-4567");
  await isAccessible(page, "the desk");
  await keep(page, "staff-book");
  await page.locator('input[name="consent"]').check();
  await page.locator('main [data-test="book"]').click();
  const number = await page.locator('[data-test="number"]').innerText();
  assert.match(number, /^\d{4}-\d{4}$/);
  await isAccessible(page, "the number");
  await keep(page, "staff-number");
  await page.locator("main a.button.primary").click();
  await page.locator('[data-test="appointment"]').first().waitFor();
  assert.match(await page.innerText("main"), /電話 太郎/);
  await page.locator(".appointment-acts summary").first().click();
  await isAccessible(page, "the day's list with an appointment");
  await keep(page, "staff-today");

  const resident = await newPerson(browser, { width: 390 });
  await resident.page.goto(`${office.url}/join`);
  await resident.page.locator("#number").fill(number);
  await resident.page.locator("button[type=submit]").click();
  await resident.page.locator('[data-test="name"]').waitFor();
  assert.equal(await resident.page.locator('[data-test="name"]').innerText(), "電話 太郎");
  assert.deepEqual([...staff.faults, ...resident.faults], []);
  await Promise.all([staff.context.close(), resident.context.close()]);
});
