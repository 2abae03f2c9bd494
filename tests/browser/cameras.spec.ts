// Setting a camera up in the browser: the real office, its camera worker and a film with people. The blurred picture comes and
// goes, an area is drawn by mouse and by keyboard and the count follows, what another camera counts is drawn, a set-up is tried
// on a film of the office's and on one that is sent, and whoever is there sets a door's count right. Each page is looked at by axe-core, and on a phone.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { eventually, Office, ROOT } from "./office.ts";
import { at, isAccessible, look, newStaff, shot, startBrowser } from "./people.ts";

let office: Office;
let browser: Browser;
let films: string;
const FILM = join(ROOT, ".cache/films/vtest.avi");
/** The picture is gone after so long. */
const SHOWN_FOR = 25;
const CAMERA = "lobby-1f-north";

before(async () => {
  films = mkdtempSync(join(tmpdir(), "mg-films-"));
  mkdirSync(films, { recursive: true });
  copyFileSync(FILM, join(films, "hiroba.avi"));
  const tables = `
[[area]]
id = "east-gate"
name = { ja = "東口", en = "East Gate" }
capacity = 60
moderate_from = 20
busy_from = 40
[[camera]]
id = "east-door"
area = "east-gate"
source = "${FILM}"
role = "entrance"
frames_per_second = 3.0
film_frames_per_second = 7.0
person_heights = [[0.30, 0.105], [0.65, 0.180]]
line = [[0.5, 1.0], [0.5, 0.3]]
[[area]]
id = "plaza"
name = { ja = "広場", en = "Plaza" }
capacity = 60
moderate_from = 20
busy_from = 40
join = "sum"
${["west", "east"].map(
    (side) => `[[camera]]
id = "plaza-${side}"
area = "plaza"
source = "${FILM}"
frames_per_second = 1.0
film_frames_per_second = 7.0
person_heights = [[0.30, 0.105], [0.65, 0.180]]
`,
  ).join("")}`;
  const settings = { shown_for: `"${SHOWN_FOR}s"`, films: JSON.stringify(films) };
  // A still takes some 12,000 bytes; boxes of some people 400, five times a second.
  const answers = { start: 40_000, second: 2_000 };
  // In a user namespace, which strace takes for ordinary users, the worker can't reach the film that the server holds open.
  const isWatched = process.getuid?.() === 0;
  [office, browser] = await Promise.all([Office.open({ tables, settings, answers, isWatched }), startBrowser()]);
});

after(async () => {
  await browser?.close();
  await office?.close();
  if (films) rmSync(films, { recursive: true, force: true });
});

const count = async (area: string) => (await office.areas()).find((one) => one.area === area)?.count;

/** Where a share of the picture is on the page. */
async function onPage(page: Page, [x, y]: readonly [number, number]): Promise<[number, number]> {
  await at(page, "canvas").scrollIntoViewIfNeeded();
  const box = await at(page, "canvas").boundingBox();
  assert.ok(box, "there is a canvas");
  return [box.x + x * box.width, box.y + y * box.height];
}

async function click(page: Page, point: readonly [number, number]): Promise<void> {
  await page.mouse.click(...(await onPage(page, point)));
}

async function drag(page: Page, from: readonly [number, number], to: readonly [number, number]): Promise<void> {
  await page.mouse.move(...(await onPage(page, from)));
  await page.mouse.down();
  await page.mouse.move(...(await onPage(page, [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2])));
  await page.mouse.move(...(await onPage(page, to)));
  await page.mouse.up();
}

/** Goes on by Tab until what has the focus is meant. */
async function tabTo(page: Page, what: string, isIt: (label: string) => boolean): Promise<void> {
  for (let n = 0; n < 120; n++) {
    await page.keyboard.press("Tab");
    const label = await page.evaluate(() => {
      const here = document.activeElement;
      return here?.getAttribute("aria-label") ?? here?.textContent?.trim() ?? "";
    });
    if (isIt(label)) return;
  }
  throw new Error(`no Tab leads to ${what}`);
}

/** The corners as the page has them in numbers, in percent. */
const corners = (page: Page) =>
  page.locator(".numbers li").evaluateAll((rows) => rows.map((row) => [...row.querySelectorAll("input")].map((one) => Number(one.value))));

async function saved(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelector('[data-test="said"]')?.textContent?.includes("保存しました"));
}

test("an admin sees a blurred picture, draws where people count, and the count follows", async () => {
  await eventually("the camera counts", async () => ((await count("lobby-1f")) ?? 0) >= 2, 90_000);
  const { page, faults } = await newStaff(browser, office, "kanri");
  await page.goto(`${office.url}/staff/cameras`);
  await page.locator(`tr[data-id="${CAMERA}"][data-state="seeing"]`).waitFor();
  await look(page, "cameras-list");
  await page.getByRole("link", { name: CAMERA }).click();
  await at(page, "canvas").waitFor();
  await look(page, "cameras-one");

  await at(page, "picture").click();
  await at(page, "still").waitFor({ timeout: 60_000 });
  const shownAt = Date.now();
  const size = await at(page, "still").evaluate(async (image) => {
    const picture = new Image();
    picture.src = image.getAttribute("href") ?? "";
    await picture.decode();
    return [picture.naturalWidth, picture.naturalHeight];
  });
  assert.deepEqual(size, [64, 48], "so few pixels that nobody can be known");
  await at(page, "watch").click();
  await page.waitForFunction(() => /\d人/.test(document.querySelector('[data-test="watched-count"]')?.textContent ?? ""), null, { timeout: 60_000 });
  await page.locator(".box").first().waitFor();
  await at(page, "canvas").scrollIntoViewIfNeeded();
  await shot(page, "cameras-picture-1280");
  await page.setViewportSize({ width: 390, height: 844 });
  await at(page, "canvas").scrollIntoViewIfNeeded();
  await shot(page, "cameras-picture-390");
  await isAccessible(page, "the picture with boxes");
  await page.setViewportSize({ width: 1280, height: 800 });

  // By mouse: a small triangle in the sky, in which nobody stands.
  await page.getByRole("button", { name: "囲みをやめて画像全体にする" }).click();
  for (const point of [[0.05, 0.03], [0.3, 0.03], [0.3, 0.14]] as const) await click(page, point);
  await drag(page, [0.3, 0.14], [0.12, 0.15]);
  const [, , third] = await corners(page);
  assert.ok(third && Math.abs((third[0] ?? 0) - 12) < 1 && Math.abs((third[1] ?? 0) - 15) < 1, `dragged: ${third}`);
  await at(page, "save").click();
  await saved(page);
  await eventually("nobody stands in the sky", async () => (await count("lobby-1f")) === 0, 90_000);

  // By keyboard: a corner more, the corners moved and typed until they hold the square, saved.
  await at(page, "add-corner").focus();
  await page.keyboard.press("Enter");
  await tabTo(page, "the save button", (label) => label === "この範囲で数える");
  await page.locator("h1").evaluate((title) => {
    title.tabIndex = -1;
    title.focus();
  });
  await tabTo(page, "the first corner", (label) => label.startsWith("角1: "));
  const before = (await corners(page))[0];
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Shift+ArrowUp");
  const moved = (await corners(page))[0];
  assert.ok(before && moved, "a corner");
  assert.deepEqual(
    moved.map((value, n) => Math.round((value - (before[n] ?? 0)) * 10) / 10),
    [-1, -0.1],
    "arrows move by a hundredth, with Shift by a thousandth",
  );
  const square = [[0, 26], [100, 26], [100, 100], [0, 100]];
  for (const [n, [x, y]] of square.entries()) {
    for (const [word, value] of [["横", x], ["縦", y]] as const) {
      await page.getByRole("spinbutton", { name: `角${n + 1} ${word}` }).focus();
      await page.keyboard.press("ControlOrMeta+a");
      await page.keyboard.type(String(value));
    }
  }
  await page.keyboard.press("Tab");
  assert.deepEqual(await corners(page), square);
  await tabTo(page, "the save button", (label) => label === "この範囲で数える");
  await page.keyboard.press("Enter");
  await saved(page);
  await eventually("people are counted again", async () => ((await count("lobby-1f")) ?? 0) >= 2, 90_000);

  // What crosses itself is refused in words, and taken back.
  await page.getByRole("spinbutton", { name: "角1 横" }).fill("99");
  await page.getByRole("spinbutton", { name: "角2 横" }).fill("1");
  await page.keyboard.press("Tab");
  await page.locator('[data-test="wrong"][data-fault="crossing"]').waitFor();
  await look(page, "cameras-wrong");
  for (let n = 0; n < 2; n++) await at(page, "undo").click();
  await page.locator('[data-test="wrong"]').waitFor({ state: "detached" });
  assert.deepEqual(await corners(page), square);

  const left = Math.max(0, SHOWN_FOR * 1000 - (Date.now() - shownAt));
  await at(page, "still").waitFor({ state: "detached", timeout: left + 60_000 });
  await at(page, "watched-count").waitFor({ state: "detached", timeout: 60_000 });
  assert.equal(await page.locator(".box").count(), 0, "no boxes are left");
  assert.ok(!(await page.content()).includes("data:image/png"), "and nothing of the picture");

  await page.reload();
  assert.deepEqual(await corners(page), square, "what was saved is there");
  const answer = await page.request.get(`${office.url}/staff/cameras/one/${CAMERA}/camera.toml`);
  assert.match(await answer.text(), /polygon = \[\[0, 0\.26\], \[1, 0\.26\]/);
  await page.goto(`${office.url}/staff/audit`);
  for (const what of ["カメラのぼかした画像を見た", "カメラの検出枠を見た", "カメラの範囲を決めた"]) {
    assert.ok((await page.innerText("body")).includes(what), what);
  }
  assert.deepEqual(faults, []);
});

test("what another camera counts is drawn by mouse and by keyboard, and isn't counted here", async () => {
  const { page, faults } = await newStaff(browser, office, "kanri");
  await page.goto(`${office.url}/staff/cameras/one/plaza-west`);
  await page.locator('input[value="overlaps"]').check();
  await at(page, "add-overlap").click();
  assert.deepEqual(await page.locator("#overlap-camera option").allTextContents(), ["plaza-east"], "the other camera of the area");
  // By mouse the upper corners to the picture's left edge and top, by keyboard and in numbers the rest.
  await drag(page, [0.7, 0.4], [0.3, 0.2]);
  await click(page, [0.85, 0.98]);
  assert.equal((await corners(page)).length, 5, "a press adds a corner to it");
  await look(page, "cameras-overlap");
  await tabTo(page, "the corner that was added", (label) => label.startsWith("角4: "));
  await page.keyboard.press("Delete");
  assert.equal((await corners(page)).length, 4);
  for (const [n, [x, y]] of [[0, 0], [100, 0], [100, 100], [0, 100]].entries()) {
    await page.getByRole("spinbutton", { name: `角${n + 1} 横` }).fill(String(x));
    await page.getByRole("spinbutton", { name: `角${n + 1} 縦` }).fill(String(y));
  }
  await page.keyboard.press("Tab");
  assert.equal(await at(page, "idle-overlaps").count(), 0, "the area's count is a sum");
  await at(page, "save").click();
  await saved(page);
  await at(page, "watch").click();
  await page.waitForFunction(() => document.querySelector('[data-test="watched-count"]')?.textContent?.includes("0人"), null, { timeout: 90_000 });
  await page.locator('.box[data-counted="false"]').first().waitFor({ timeout: 90_000 });
  assert.equal(await page.locator('.box[data-counted="true"]').count(), 0, "everybody is the other camera's to count");
  await eventually("the other camera counts them", async () => ((await count("plaza")) ?? 0) >= 1, 90_000);
  const toml = await (await page.request.get(`${office.url}/staff/cameras/one/plaza-west/camera.toml`)).text();
  assert.match(toml, /overlap = \[\n {2}\{ camera = "plaza-east", polygon = \[\[0, 0\], \[1, 0\]/);

  // The other one can't leave them back: nobody would count them.
  const other = await newStaff(browser, office, "kanri");
  await other.page.goto(`${office.url}/staff/cameras/one/plaza-east`);
  await other.page.locator('input[value="overlaps"]').check();
  await at(other.page, "add-overlap").click();
  await other.page.locator('[data-test="wrong"][data-fault="circle"]').waitFor();
  await look(other.page, "cameras-circle");
  await at(other.page, "remove-overlap").click();
  await other.page.locator('[data-test="wrong"]').waitFor({ state: "detached" });

  await page.reload();
  await page.locator('input[value="overlaps"]').check();
  await at(page, "remove-overlap").click();
  await at(page, "save").click();
  await saved(page);
  await page.goto(`${office.url}/staff/cameras/one/${CAMERA}`);
  await page.locator('input[value="overlaps"]').check();
  await at(page, "idle-overlaps").waitFor();
  assert.equal(await at(page, "add-overlap").count(), 0, "no other camera there");
  assert.deepEqual([...faults, ...other.faults], []);
});

test("a film is sent for one trial, and nothing of it is left", async () => {
  const { page, faults } = await newStaff(browser, office, "kanri");
  await page.goto(`${office.url}/staff/cameras/one/plaza-east`);
  const own = page.locator("#own-film");
  const huge = join(films, "huge.mp4");
  writeFileSync(huge, "");
  truncateSync(huge, 513 * 1024 * 1024);
  await own.setInputFiles(huge);
  await at(page, "too-large").waitFor();
  assert.ok(await at(page, "bring").isDisabled(), "said before anything is sent");
  await look(page, "cameras-too-large");
  rmSync(huge);
  const list = join(films, "list.mp4");
  writeFileSync(list, "#EXTM3U\nhttp://192.0.2.7/\n".repeat(400));
  await own.setInputFiles(list);
  await at(page, "bring").click();
  await page.waitForFunction(() => document.querySelector('[data-test="trial-words"]')?.textContent?.includes("開けませんでした"));
  await own.setInputFiles(FILM);
  await at(page, "bring").click();
  await at(page, "outcome").waitFor({ timeout: 300_000 });
  const rows = await page.locator(".trial-table tbody tr").allInnerTexts();
  assert.ok(rows.some((row) => Number(row.split("\t").at(-1)) >= 3), `people are in the film: ${rows.join("; ")}`);
  await look(page, "cameras-brought");
  assert.deepEqual(readdirSync(join(office.run, "vision")).filter((file) => file !== "setup.sock"), [], "it lay in memory");
  await page.goto(`${office.url}/staff/audit`);
  for (const what of ["カメラの範囲を試す動画を送った", "送られた動画が削除された"]) {
    assert.ok((await page.innerText("body")).includes(what), what);
  }
  assert.deepEqual(faults, []);
});

test("a set-up is tried on a film, and its counts are a chart and a table", async () => {
  const { page, faults } = await newStaff(browser, office, "kanri");
  await page.goto(`${office.url}/staff/cameras/one/east-door`);
  await page.locator('input[value="line"]').check();
  await drag(page, [0.5, 1], [0.45, 0.98]);
  await at(page, "swap").click();
  await page.locator('input[value="heights"]').check();
  await at(page, "canvas").scrollIntoViewIfNeeded();
  await look(page, "cameras-heights");
  await page.locator("#film").selectOption("hiroba.avi");
  await at(page, "trial").click();
  await at(page, "outcome").waitFor({ timeout: 300_000 });
  const rows = await page.locator(".trial-table tbody tr").allInnerTexts();
  assert.ok(rows.length >= 10, `${rows.length} parts of the film`);
  assert.ok(rows.some((row) => Number(row.split("\t").at(-1)) >= 3), `people are in the film: ${rows.join("; ")}`);
  assert.match((await at(page, "crossed").textContent()) ?? "", /入 \d+人、出 \d+人/);
  assert.ok(((await at(page, "curve").getAttribute("d")) ?? "").length > 100, "a curve");
  await look(page, "cameras-trial");
  assert.deepEqual(faults, []);
});

test("whoever is there sets a door's count right, and everybody is told", async () => {
  const lead = await newStaff(browser, office, "kacho");
  await eventually("the door is watched", async () => {
    await lead.page.goto(`${office.url}/staff/counts`);
    return (await lead.page.innerText("body")).includes("入った");
  });
  assert.equal(await lead.page.locator('[data-area="lobby-1f"] form').count(), 0, "a hall's camera counts by itself");
  const before = await count("east-gate");
  assert.equal(before, null, "who was inside at the start nobody knows");
  await look(lead.page, "counts");
  await lead.page.locator("#p-east-gate").fill("30");
  await at(lead.page, "correct").click();
  await lead.page.locator('[role="status"]').waitFor();
  const after = await eventually("everybody is told", async () => (await count("east-gate")) ?? undefined);
  assert.ok(Math.abs(after - 30) <= 10, `30, and who crossed since: ${after}`);
  await shot(lead.page, "counts-done");
  const staff = await newStaff(browser, office, "hanako");
  await staff.page.goto(`${office.url}/staff/counts`);
  assert.equal(await staff.page.locator("form [name=people]").count(), 0, "who isn't a lead sees only");
  const forbidden = await staff.page.goto(`${office.url}/staff/cameras`);
  assert.equal(forbidden?.status(), 403);
});
