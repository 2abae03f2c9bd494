// When a screen shows what: days, times, what leads, when it is on, and earlier versions, all by the keyboard; a real player
// whose picture follows. What can't be is told by its field. Looked at by axe-core, at 320 points, and with letters of 200 %.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Locator, Page } from "playwright-core";
import { press, tabTo } from "./keyboard.ts";
import { eventually, Office } from "./office.ts";
import { picture } from "./papers.ts";
import { at, fits, isAccessible, look, newStaff, shot, startBrowser } from "./people.ts";
import { readPng, share } from "./picture.ts";

const LAYOUT = {
  version: 2,
  name: "first",
  width: 1280,
  height: 720,
  pages: [{ name: "home", background: "#ffffff", zones: [{ name: "clock", rect: { x: 40, y: 40, width: 600, height: 200 }, widget: { type: "clock" } }] }],
};
const RED = [200, 20, 20] as const;
const BLUE = [20, 40, 200] as const;
const BLACK = [0, 0, 0] as const;
/** The shortest time that a picture may stand, in seconds. */
const SECONDS = 3;
/** So many earlier versions are kept. */
const KEPT = 10;

let office: Office;
let browser: Browser;
const folder = mkdtempSync(join(tmpdir(), "mg-times-"));

before(async () => {
  writeFileSync(join(folder, "first.json"), JSON.stringify(LAYOUT));
  writeFileSync(join(folder, "red.png"), picture(320, 180, [...RED]));
  writeFileSync(join(folder, "blue.png"), picture(320, 180, [...BLUE]));
  const tables = `\n[[screen]]\nid = "lobby"\nname = { ja = "1階ロビー", en = "1st Floor Lobby" }\nlayout = "${join(folder, "first.json")}"\n`;
  office = await Office.open({ isBare: true, tables });
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await office?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The colour that the whole screen has now. */
async function colour(): Promise<"red" | "blue" | "black" | undefined> {
  const shots = process.env.MADOGUCHI_SHOTS ?? folder;
  mkdirSync(shots, { recursive: true });
  const file = join(shots, "times-screen.png");
  await office.player("--snapshot", file);
  const now = readPng(file);
  const all = { x: 0, y: 0, width: now.width, height: now.height };
  const is = (colour: readonly number[]) => share(now, all, colour) > 0.9;
  if (is(RED)) return "red";
  if (is(BLUE)) return "blue";
  return is(BLACK) ? "black" : undefined;
}

/** Waits for a colour, and sees no other one for longer than three pictures stand. */
async function showsOnly(expected: "red" | "blue" | "black"): Promise<void> {
  await eventually(`the screen is ${expected}`, async () => (await colour()) === expected);
  for (let n = 0; n < 3 * SECONDS; n += 1) {
    assert.equal(await colour(), expected);
    await new Promise((wake) => setTimeout(wake, 1000));
  }
}

async function showsBoth(): Promise<void> {
  for (const expected of ["red", "blue", "red"] as const) {
    await eventually(`the screen is ${expected} in its turn`, async () => (await colour()) === expected);
  }
}

/** A day by the office's clock, so many days from today. */
const day = (ahead: number) => new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Tokyo" }).format(Date.now() + ahead * 86_400_000);

/** Types a date as browsers take it, whichever part they ask for first. */
async function typeDate(page: Page, field: Locator, value: string): Promise<void> {
  await tabTo(page, field);
  const [year = "", month = "", date = ""] = value.split("-");
  await page.keyboard.type(month + date + year);
  if ((await field.inputValue()) !== value) {
    for (let n = 0; n < 2; n += 1) await page.keyboard.press("ArrowLeft");
    await page.keyboard.type(year);
    await page.keyboard.press("ArrowRight");
    await page.keyboard.type(month + date);
  }
  assert.equal(await field.inputValue(), value, "the date is typed");
}

/** Types a time in the morning, by a clock of twelve hours or of twenty-four. */
async function typeMorning(page: Page, field: Locator, value: string): Promise<void> {
  await tabTo(page, field);
  await page.keyboard.type(`${value.replace(":", "")}A`);
  assert.equal(await field.inputValue(), value, "the time is typed");
}

/** Goes through a list's choices from its first on, to the one that begins so. */
async function choose(page: Page, list: Locator, begins: string): Promise<void> {
  await tabTo(page, list);
  await page.keyboard.press("Home");
  const chosen = () => list.evaluate((it) => (it as HTMLSelectElement).selectedOptions[0]?.text ?? "");
  const count = await list.locator("option").count();
  for (let n = 0; n < count && !(await chosen()).startsWith(begins); n += 1) await page.keyboard.press("ArrowDown");
  assert.ok((await chosen()).startsWith(begins), `${begins} can be chosen`);
}

/** Presses a button of a form, and waits for the page that comes. */
async function send(page: Page, button: Locator): Promise<void> {
  await tabTo(page, button);
  await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter")]);
}

const field = (page: Page, name: string) => page.locator(`[name="${name}"]`);
const summary = (page: Page, key: string | number) => page.locator("summary", { has: at(page, `when-${key}`) });
const words = (page: Page, key: string | number) => summary(page, key).innerText();

test("days, what leads, when the screen is on, and earlier versions decide what it shows; by the keyboard alone", async () => {
  const { page } = await newStaff(browser, office, "kanri");
  await page.goto(`${office.url}/staff/screens/files`);
  await page.locator("#file").setInputFiles([join(folder, "red.png"), join(folder, "blue.png")]);
  await send(page, at(page, "upload"));

  await page.goto(`${office.url}/staff/screens/one/lobby`);
  await choose(page, page.locator("#layout"), "全画面（横）");
  for (const name of ["red", "blue"]) {
    await choose(page, page.locator("#add"), name);
    await send(page, at(page, "add"));
  }
  for (const number of [1, 2]) {
    await tabTo(page, page.locator(`#s-${number}`));
    await page.keyboard.press("Control+A");
    await page.keyboard.type(String(SECONDS));
  }
  await send(page, at(page, "publish"));
  await showsBoth();
  assert.equal(await page.locator(".versions li").count(), 0, "there is no earlier version yet");

  // Blue from the day after tomorrow on.
  await press(page, summary(page, 1));
  await typeDate(page, field(page, "from-1"), day(2));
  await send(page, at(page, "publish"));
  assert.match(await words(page, 1), /から、毎日.*次は.*から表示します。/s);
  await showsOnly("red");
  await press(page, summary(page, 1));
  await look(page, "times-later");

  // Blue on the days around today, before everything else.
  await typeDate(page, field(page, "from-1"), day(-2));
  await typeDate(page, field(page, "until-1"), day(2));
  await press(page, field(page, "leads-1"), "Space");
  await send(page, at(page, "publish"));
  assert.match(await words(page, 1), /から.*まで、毎日$/);
  await showsOnly("blue");

  // A screen whose days are over stays dark.
  await press(page, summary(page, "on"));
  await typeDate(page, field(page, "until-on"), day(-2));
  await send(page, at(page, "publish"));
  assert.match(await words(page, "on"), /この日時はもう来ません。/);
  await showsOnly("black");

  // The first version again: both, and the screen is on.
  await look(page, "times-versions");
  await send(page, page.locator('button[value="restore-1"]'));
  assert.match(await page.locator('[role="status"]').innerText(), /前の版を公開しました/);
  assert.match(await words(page, "on"), /^画面をつける日時\s*いつでも$/);
  await showsBoth();

  for (let version = 6; version <= KEPT + 2; version += 1) await send(page, at(page, "publish"));
  const kept = await page.locator(".versions li").evaluateAll((all) => all.map((one) => Number((one as HTMLElement).dataset.version)));
  assert.deepEqual(kept, Array.from({ length: KEPT }, (_, n) => KEPT + 1 - n), "the ten before the newest");
});

test("what can't be is told by its field, and nothing that was typed is lost or kept", async () => {
  const { page } = await newStaff(browser, office, "kanri");
  await page.goto(`${office.url}/staff/screens/one/lobby`);
  const before = await page.locator(".versions li").count();
  await press(page, summary(page, 0));
  await typeDate(page, field(page, "from-0"), "2030-12-20");
  await typeDate(page, field(page, "until-0"), "2030-12-10");
  await press(page, summary(page, 1));
  await typeMorning(page, field(page, "begins-1"), "09:00");
  await typeMorning(page, field(page, "ends-1"), "09:00");
  await press(page, summary(page, "on"));
  await choose(page, field(page, "days-on"), "曜日を選ぶ");
  await send(page, at(page, "publish"));

  const told = at(page, "wrong");
  assert.equal(await told.getAttribute("role"), "alert");
  const lines = await told.locator("li").allInnerTexts();
  assert.equal(lines.length, 3, lines.join("; "));
  for (const [at, [place, what]] of [
    ["1. red.png", "最後の日は、最初の日と同じか、それより後"],
    ["2. blue.png", "終わりの時刻は、始まりと違う時刻"],
    ["画面をつける日時", "曜日を1つ以上選んで"],
  ].entries()) {
    assert.ok(lines[at]?.includes(`${place}：`) && lines[at].includes(what ?? "?"), lines[at]);
  }
  for (const [name, value] of [["from-0", "2030-12-20"], ["until-0", "2030-12-10"], ["begins-1", "09:00"], ["ends-1", "09:00"], ["days-on", "days"]] as const) {
    assert.equal(await field(page, name).inputValue(), value, `${name} is as it was typed`);
  }
  for (const name of ["until-0", "ends-1", "days-on"]) {
    assert.equal(await field(page, name).getAttribute("aria-invalid"), "true", name);
    const by = await field(page, name).getAttribute("aria-describedby");
    assert.ok(await page.locator(`#${by}`).isVisible(), `what is wrong stands by ${name}`);
  }
  await look(page, "times-wrong");
  await field(page, "days-on").scrollIntoViewIfNeeded();
  await shot(page, "times-wrong-fields");

  // Each line leads to its field.
  await press(page, told.locator("a").nth(1));
  await eventually("the field has the focus", () => field(page, "ends-1").evaluate((it) => it === document.activeElement));

  // Letters of twice the size.
  await page.setViewportSize({ width: 640, height: 800 });
  await page.evaluate(() => {
    document.documentElement.style.fontSize = "200%";
  });
  await fits(page, "letters of 200 %");
  await isAccessible(page, "letters of 200 %");
  await shot(page, "times-200");
  await page.setViewportSize({ width: 1280, height: 800 });

  await page.goto(`${office.url}/staff/screens/one/lobby`);
  assert.equal(await page.locator(".versions li").count(), before, "nothing was published");
  assert.equal(await field(page, "from-0").inputValue(), "", "nothing was saved");

  // No list at all.
  for (let left = 2; left > 0; left -= 1) await send(page, page.locator('button[value="drop-0"]'));
  await send(page, at(page, "publish"));
  assert.match(await page.locator("#error").innerText(), /再生リストが空です。/);
  await look(page, "times-empty");
});
