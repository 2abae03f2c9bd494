// A new screen: a real player shows a code, an admin accepts it, gives it a picture, sees what it shows, tells something
// urgent on it, and takes its token away. Each page is looked at by axe-core, and at 320 pixels.
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { press } from "./keyboard.ts";
import { eventually, Office, ROOT } from "./office.ts";
import { at, look, newStaff, shot, startBrowser } from "./people.ts";
import { differs, readPng, share, spread } from "./picture.ts";

let office: Office;
let browser: Browser;
let player: ChildProcess;
const PLAYER = ["--screen", "new-one"];

before(async () => {
  office = await Office.open({ isBare: true });
  browser = await startBrowser();
  const words = ["--config", office.config, ...PLAYER, "--pair", "--headless"];
  player = spawn(office.program("signage-player"), words, { stdio: ["ignore", "pipe", "pipe"] });
  const log = createWriteStream(playerLog());
  player.stdout?.pipe(log, { end: false });
  player.stderr?.pipe(log, { end: false });
});

after(async () => {
  player?.kill();
  await browser?.close();
  await office?.close();
});

const playerLog = () => join(office.run, "new-player.log");

/** All codes that the player has shown, as its log says. */
function codes(): string[] {
  const text = readFileSync(playerLog(), "utf8").replace(/\x1b\[[0-9;]*m/g, "");
  return [...text.matchAll(/code="?(\d{3}-\d{3}-\d{3})/g)].map((found) => found[1] ?? "");
}

/** What the player shows now. */
async function snapshot(name: string) {
  const folder = process.env.MADOGUCHI_SHOTS ?? office.run;
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.png`);
  await promisify(execFile)(office.program("signage-player"), ["--config", office.config, ...PLAYER, "--snapshot", file]);
  return readPng(file);
}

const BLUE = [0x00, 0x17, 0xc1] as const;
/** Where the page with the code has it, and the whole picture. */
const CODE = { x: 64, y: 224, width: 1152, height: 190 };
const PICTURE = join(ROOT, "signage-player/tests/golden/board-busy.png");

test("a new screen is paired, filled, looked at, told something urgent, and revoked", async () => {
  const code = await eventually("the player shows a code", () => codes()[0], 60_000);
  const shown = await eventually("the code is on the picture", async () => {
    const picture = await snapshot("screens-code");
    return share(picture, CODE, BLUE) > 0.05 ? picture : undefined;
  });

  const { page } = await newStaff(browser, office, "kanri");
  await page.goto(`${office.url}/staff/screens`);
  await look(page, "screens-empty");
  await page.locator("#code").fill("000-000-000");
  await page.locator("#name").fill("2階 待合");
  await page.locator("#place").fill("2階 東側");
  await page.keyboard.press("Enter");
  await page.locator("#error").waitFor();
  await look(page, "screens-wrong-code");
  await page.locator("#code").fill(code);
  await at(page, "pair").click();
  await page.locator('[data-id^="screen-"]').waitFor();
  await eventually("the screen is there", async () => {
    await page.reload();
    return (await page.locator('tr[data-state="there"]').count()) === 1;
  });
  await look(page, "screens-list");
  const token = join(office.run, "screens/new-one/token");
  assert.equal(statSync(token).mode & 0o077, 0, "nobody else reads the token");

  await page.goto(`${office.url}/staff/screens/files`);
  await page.locator("#file").setInputFiles(join(ROOT, "README.md"));
  await at(page, "upload").click();
  await page.locator("#error").waitFor();
  await page.locator("#file").setInputFiles([PICTURE, join(ROOT, "signaling/tests/pages/page.jpg")]);
  await at(page, "upload").click();
  await page.locator('tr[data-name="board-busy.png"]').waitFor();
  await look(page, "screens-files");

  await page.goto(`${office.url}/staff/screens`);
  await page.locator('[data-id^="screen-"] a').click();
  for (const name of ["page.jpg", "board-busy.png"]) {
    await page.locator("#add").selectOption({ index: await indexOf(page, name) });
    await at(page, "add").click();
    await page.locator(`li[data-name="${name}"]`).waitFor();
  }
  await page.locator("#s-2").fill("3600");
  await page.locator("#playlist").click();
  // Its first "up" that isn't disabled is the second item's.
  await press(page, page.locator('button[value="up-1"]'));
  await eventually("the second is the first", async () => {
    const first = page.locator(".playlist li").first();
    return (await first.getAttribute("data-name")) === "board-busy.png";
  });
  assert.equal(await page.locator("#s-1").inputValue(), "3600", "what was typed isn't lost");
  await look(page, "screens-one");
  await page.locator("#playlist").scrollIntoViewIfNeeded();
  await page.locator("#add").scrollIntoViewIfNeeded();
  await shot(page, "screens-playlist");
  await addCamera(page);
  await at(page, "publish").click();
  await page.locator('[role="status"]').waitFor();
  await eventually("the player shows the picture and no code", async () => {
    const picture = await snapshot("screens-published");
    return share(picture, CODE, BLUE) < 0.05 && differs(shown, picture, CODE) && spread(picture) > 5;
  });
  await at(page, "look").click();
  await eventually("the page has a picture of it", async () => {
    await page.reload();
    return (await page.locator(".look img").count()) === 1;
  });
  const width = await page.locator(".look img").evaluate((image) => (image as HTMLImageElement).naturalWidth);
  assert.ok(width >= 1280, "as large as the screen");
  await look(page, "screens-looked");

  const before = await snapshot("screens-before-notice");
  await page.goto(`${office.url}/staff/screens/notices`);
  await page.locator("#t-ja").fill("2階で火災報知器が鳴りました。職員の案内に従ってください。");
  await page.locator('input[value="urgent"]').check();
  await at(page, "post").click();
  await page.locator('tr[data-state="now"]').waitFor();
  await look(page, "screens-notices");
  const band = { x: 0, y: 0, width: before.width, height: before.height };
  await eventually("the band is on the screen", async () => differs(before, await snapshot("screens-notice"), band));

  await page.goto(`${office.url}/staff/screens`);
  await page.locator('[data-id^="screen-"] a').click();
  await at(page, "revoke").click();
  await page.locator('[role="status"]').waitFor();
  await eventually("the player shows another code", () => codes().length > 1 && codes().at(-1) !== code, 60_000);
  await eventually("it is on the picture", async () => share(await snapshot("screens-revoked"), CODE, BLUE) > 0.03);
  assert.throws(() => statSync(token), "the old token is gone");
});

/** Adds a live picture by its address; one with a password in it is refused, and stays in its field. */
async function addCamera(page: Page): Promise<void> {
  await at(page, "live-open").click();
  await page.locator("#live-name").fill("正面玄関");
  await page.locator("#live-url").fill("rtsp://viewer:secret@192.0.2.1/1");
  await at(page, "live-add").click();
  assert.match(await page.locator("#error").innerText(), /パスワード/);
  assert.equal(await page.locator("#live-url").inputValue(), "rtsp://viewer:secret@192.0.2.1/1");
  await look(page, "screens-live-refused");
  await page.locator("#live-url").fill("rtsp://192.0.2.1/1");
  await page.keyboard.press("Enter");
  await page.locator('[role="status"]').waitFor();
  assert.equal(await page.locator('li[data-name="正面玄関"]').count(), 0, "enter only saves");
  await at(page, "live-open").click();
  await page.locator("#live-name").fill("正面玄関");
  await page.locator("#live-url").fill("rtsp://192.0.2.1/1");
  await at(page, "live-add").click();
  const item = page.locator('li[data-name="正面玄関"]');
  await item.waitFor();
  assert.match(await item.innerText(), /rtsp:\/\/192\.0\.2\.1\/1/);
  assert.equal(await item.locator('input[name="seconds"]').inputValue(), "60");
  await look(page, "screens-live-added");
}

/** Where in the list of files to add the one of this name stands. */
async function indexOf(page: Page, name: string): Promise<number> {
  const words = await page.locator("#add option").allInnerTexts();
  return words.findIndex((word) => word.startsWith(name));
}
