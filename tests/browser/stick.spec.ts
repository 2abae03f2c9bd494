// A screen that no network reaches: an admin downloads what is published, unpacks it onto a stick, and the screen plays it.
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { Home } from "../bench/lib/player.ts";
import { eventually, Office } from "./office.ts";
import { at, isAccessible, newStaff, shot, startBrowser } from "./people.ts";
import { readPng, spread } from "./picture.ts";

const run = promisify(execFile);
/** Where the demo's layout has its films. */
const FILMS = { x: 24, y: 132, width: 832, height: 468 };
/** A port at which nobody listens: the screen is alone. */
const NOBODY = 9;

let office: Office;
let browser: Browser;
let home: Home;
let player: ChildProcess | undefined;

before(async () => {
  office = await Office.open();
  browser = await startBrowser();
  home = new Home("far");
});

after(async () => {
  player?.kill();
  home?.remove();
  await browser?.close();
  await office?.close();
});

interface Status {
  page: string;
  faults: string[];
}

const ask = (...words: string[]) => run(office.program("signage-player"), ["--config", join(home.dir, "office.toml"), "--screen", "far", ...words]);

test("what a screen shows is brought to another one on a stick, and plays there without a network", async () => {
  const { page } = await newStaff(browser, office, "kanri");
  await page.goto(`${office.url}/staff/screens/one/lobby`);
  await page.locator("#stick").scrollIntoViewIfNeeded();
  await page.locator("details.plain summary").click();
  const key = (await at(page, "bundle-key").innerText()).trim();
  await isAccessible(page, "a stick's section");
  await shot(page, "stick");
  const download = await eventually("the archive", async () => {
    const waiting = page.waitForEvent("download", { timeout: 20_000 });
    await at(page, "bundle").click();
    return await waiting.catch(() => undefined);
  }, 60_000);
  assert.match(download.suggestedFilename(), /^madoguchi-lobby-\d{4}-\d\d-\d\d\.zip$/);
  const archive = join(home.dir, "lobby.zip");
  await download.saveAs(archive);
  // As a computer at an office unpacks it: a folder of the archive's name.
  const folder = join(home.dir, "unpacked");
  await run("python3", ["-m", "zipfile", "-e", archive, folder]);
  const bundle = JSON.parse(readFileSync(join(folder, "bundle.json"), "utf8")) as { manifest: { contents: object } };
  assert.ok(Object.keys(bundle.manifest.contents).length > 0, "the demo's layout has contents");

  const media = join(home.dir, "media");
  mkdirSync(media);
  home.configure(NOBODY);
  appendFileSync(join(home.dir, "office.toml"), `\n[player]\nsticks = ${JSON.stringify(media)}\nstick_keys = [${JSON.stringify(key)}]\n`);
  player = spawn(office.program("signage-player"), ["--config", join(home.dir, "office.toml"), "--screen", "far", "--headless"], { stdio: "ignore" });
  const status = () => ask("--status").then(({ stdout }) => JSON.parse(stdout) as Status);
  await eventually("the screen waits", async () => (await status()).page === "standby", 60_000);

  cpSync(folder, join(media, "USB"), { recursive: true });
  await eventually("it plays what was on the stick", async () => (await status()).page === "home", 60_000);
  rmSync(join(media, "USB"), { recursive: true });
  const picture = join(process.env.MADOGUCHI_SHOTS ?? home.dir, "stick-plays.png");
  await eventually("a film is on", async () => {
    await ask("--snapshot", picture);
    return spread(readPng(picture), FILMS) > 10;
  });
  assert.deepEqual((await status()).faults.filter((fault) => !fault.startsWith("clock")), []);
});
