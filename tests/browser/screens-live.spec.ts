// A broadcast on a screen: staff make one that not everybody may watch, GStreamer brings it, an admin puts it on a screen, and
// the real player shows it by its own token, until it is over.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { GStreamer } from "./gstreamer.ts";
import { type Broadcast, endBroadcast, newBroadcast } from "./live.ts";
import { eventually, Office, ROOT } from "./office.ts";
import { at, isAccessible, newStaff, type Person, shot, startBrowser } from "./people.ts";
import { differs, type Picture, readPng, share } from "./picture.ts";

const SCREEN = `
[[screen]]
id = "lobby"
name = { ja = "1階 ロビー" }
layout = "${join(ROOT, "configs/content/layouts/lobby.json")}"
`;
const WHOLE = { x: 0, y: 0, width: 1280, height: 720 };
const BLACK = [0, 0, 0] as const;

/** This machine's own address: GStreamer's ICE never sends from the loopback interface. */
const LAN = Object.values(networkInterfaces())
  .flat()
  .find((it) => it && it.family === "IPv4" && !it.internal)?.address;

let office: Office;
let browser: Browser;

before(async () => {
  office = await Office.open({ isBare: true, more: SCREEN, ...(LAN ? { lan: LAN } : {}) });
  browser = await startBrowser();
});
after(async () => {
  GStreamer.stopAll();
  await browser?.close();
  await office?.close();
});

/** What the player shows now. */
async function snapshot(name: string): Promise<Picture> {
  const folder = process.env.MADOGUCHI_SHOTS ?? office.run;
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.png`);
  const words = ["--config", office.config, "--screen", "lobby", "--snapshot", file];
  await promisify(execFile)(office.program("signage-player"), words);
  return readPng(file);
}

const status = async () => JSON.parse(await office.player("--status")) as { faults: string[]; still_ms: number };

/** GStreamer's test picture: a white ball on black. What the player shows where nothing comes is pale blue and letters. */
const isBall = (picture: Picture) => share(picture, WHOLE, BLACK) > 0.5 && share(picture, WHOLE, [255, 255, 255]) > 0.001;

async function put(staff: Person, broadcast: Broadcast): Promise<void> {
  const { page } = staff;
  await page.goto(`${office.url}/staff/screens/one/lobby`);
  // What was there before.
  const items = page.locator(".playlist li");
  if ((await items.count()) > 0) {
    await page.locator('button[value="drop-0"]').click();
    await eventually("the list is empty", async () => (await items.count()) === 0);
  }
  await at(page, "live-open").click();
  await page.locator("#live-broadcast").selectOption(broadcast.id);
  assert.match(await page.locator("#live-broadcast option:checked").innerText(), /区長からのお知らせ【限定公開】/);
  await isAccessible(page, "a screen's broadcasts");
  await shot(page, "screens-live-broadcast");
  await at(page, "live-add").click();
  await page.locator(`li[data-name="${broadcast.title}"]`).waitFor();
  await page.locator("#s-1").fill("15");
  await at(page, "publish").click();
  await page.locator('[role="status"]').waitFor();
}

for (const codec of ["vp8", "h264"] as const) {
  test(`a broadcast for few in ${codec} is shown on the screen that staff have put it on, until it is over`, async () => {
    const staff = await newStaff(browser, office, "kanri");
    const broadcast = await newBroadcast(staff, false);
    const publisher = new GStreamer(office, "publish", broadcast.whip_url, broadcast.publish_token, codec);
    await publisher.until("pictures go out", (count) => count.pictures > 30);
    await put(staff, broadcast);
    const first = await eventually(
      "the broadcast is on the screen",
      async () => {
        const picture = await snapshot(`screens-live-${codec}`);
        return isBall(picture) && picture;
      },
      60_000,
    );
    await eventually("it moves", async () => {
      const later = await snapshot(`screens-live-${codec}-later`);
      return isBall(later) && differs(first, later, WHOLE);
    });
    assert.deepEqual((await status()).faults, []);

    // When its turn is nearly over the next one is prepared; then the session before is ended.
    const present = () => office.participants(office.controls[0] ?? "");
    await eventually("the next session is there", async () => (await present()) === 3);
    await eventually("the one before is ended", async () => (await present()) === 2);
    await eventually("the ball is there still", async () => isBall(await snapshot(`screens-live-${codec}-again`)));
    assert.deepEqual((await status()).faults, []);

    await staff.page.goto(`${office.url}/staff`);
    await endBroadcast(staff, broadcast);
    publisher.stop();
    await eventually(
      "what is over goes, and the screen says why",
      async () => {
        const { faults } = await status();
        return faults.some((fault) => fault.startsWith(broadcast.title) && fault.includes("404")) && !isBall(await snapshot("screens-live-over"));
      },
      60_000,
    );
    await staff.page.context().close();
  });
}
