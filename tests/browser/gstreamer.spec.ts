// A broadcast between implementations: GStreamer brings it, a browser watches; a browser brings it, GStreamer watches.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { GStreamer } from "./gstreamer.ts";
import { brightest, bring, endBroadcast, newBroadcast, sees, state } from "./live.ts";
import { eventually, Office } from "./office.ts";
import { at, newPerson, newStaff, type Person, received, startBrowser } from "./people.ts";

let office: Office;
let browser: Browser;
let staff: Person;

before(async () => {
  [office, browser] = await Promise.all([Office.open({ isBare: true }), startBrowser()]);
  staff = await newStaff(browser, office);
});
after(async () => {
  GStreamer.stopAll();
  await browser?.close();
  await office?.close();
});

for (const codec of ["vp8", "h264"] as const) {
  test(`GStreamer's ${codec} is seen and heard in a browser, and comes back by WHEP`, async () => {
    const broadcast = await newBroadcast(staff, true);
    const viewer = await newPerson(browser);
    await viewer.page.goto(broadcast.watch_url);
    const publisher = new GStreamer(office, "publish", broadcast.whip_url, broadcast.publish_token, codec);
    await publisher.until("pictures go out", (count) => count.pictures > 30);
    await sees(viewer);
    assert.ok((await brightest(viewer.page)) > 30);
    await at(viewer.page, "live-sound").click();
    await eventually("the tone is heard", async () => (await received(viewer.page)).audioEnergy > 1e-5);

    const watcher = new GStreamer(office, "watch", broadcast.whep_url, null, codec);
    await watcher.until("pictures and sounds come", (count) => count.pictures > 60 && count.sounds > 60);
    assert.equal(watcher.count.height, 360);
    publisher.stop();
    watcher.stop();
    await endBroadcast(staff, broadcast);
    await eventually("the page says that it is over", async () => (await state(viewer.page)) === "over");
  });
}

test("a browser's broadcast is watched in GStreamer", async () => {
  const broadcast = await newBroadcast(staff, true);
  const publisher = await newPerson(browser);
  await publisher.page.goto(office.url);
  assert.equal((await bring(publisher.page, broadcast)).status, 201);
  const watcher = new GStreamer(office, "watch", broadcast.whep_url, null, "vp8");
  await watcher.until("pictures and sounds come", (count) => count.pictures > 60 && count.sounds > 60);
  assert.equal(watcher.count.height, 360);
});

test("by TCP alone GStreamer brings and watches for longer than a connection stays without a check", async () => {
  const broadcast = await newBroadcast(staff, true);
  const publisher = new GStreamer(office, "publish", broadcast.whip_url, broadcast.publish_token, "vp8", ["--tcp-only"]);
  await publisher.until("pictures go out", (count) => count.pictures > 30);
  const watcher = new GStreamer(office, "watch", broadcast.whep_url, null, "vp8", ["--tcp-only"]);
  // 45 s: libnice sends no checks that are answered, and without them the media server ends a connection after 30 s.
  await watcher.until("pictures come, and come on", (count) => count.pictures > 45 * 30);
  await endBroadcast(staff, broadcast);
});

test("a wrong token is refused, and GStreamer says so", async () => {
  const broadcast = await newBroadcast(staff, true);
  const publisher = new GStreamer(office, "publish", broadcast.whip_url, "a-token-of-nobody", "vp8");
  assert.notEqual(await publisher.ended, 0);
});
