// A broadcast: one browser brings its camera by WHIP as OBS does, others watch it by WHEP on the page for everybody.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { bring, endBroadcast, newBroadcast, sees, state } from "./live.ts";
import { eventually, Office } from "./office.ts";
import { at, isAccessible, newPerson, newStaff, type Person, received, shot, startBrowser } from "./people.ts";

let office: Office;
let browser: Browser;
let staff: Person;

before(async () => {
  [office, browser] = await Promise.all([Office.open({ isBare: true }), startBrowser()]);
  staff = await newStaff(browser, office);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

async function newPublisher(): Promise<Person> {
  const person = await newPerson(browser);
  await person.page.goto(office.url);
  return person;
}

test("who waits for a broadcast sees it when it begins, hears it when asked, and is told when it is over", async () => {
  const broadcast = await newBroadcast(staff, true);
  const viewer = await newPerson(browser);
  await viewer.page.goto(broadcast.watch_url);
  await eventually("the page waits", async () => (await state(viewer.page)) === "waiting");

  const publisher = await newPublisher();
  const brought = await bring(publisher.page, broadcast);
  assert.equal(brought.status, 201);
  await sees(viewer);
  const second = await newPerson(browser, { language: "en-GB", width: 1280, height: 800 });
  await second.page.goto(broadcast.watch_url);
  await sees(second);
  assert.match((await at(second.page, "live-state").textContent()) ?? "", /Live/);

  const isMuted = () => viewer.page.locator("video").evaluate((video) => (video as HTMLVideoElement).muted);
  assert.equal(await isMuted(), true);
  await at(viewer.page, "live-sound").click();
  assert.equal(await isMuted(), false);
  const before = (await received(viewer.page)).audioEnergy;
  await eventually("the sound is heard", async () => (await received(viewer.page)).audioEnergy > before + 1e-5);
  await isAccessible(viewer.page, "the broadcast's page");
  await shot(viewer.page, "live-390");
  await shot(second.page, "live-1280");

  assert.equal((await bring((await newPublisher()).page, broadcast)).status, 409, "one at a time");
  await endBroadcast(staff, broadcast);
  for (const { page } of [viewer, second]) {
    await eventually("the page says that it is over", async () => (await state(page)) === "over");
  }
  assert.deepEqual([...viewer.faults, ...second.faults, ...publisher.faults], []);
});

test("a closed broadcast opens to its whole link only, and stands the loss of its node", async () => {
  const broadcast = await newBroadcast(staff, false);
  const stranger = await newPerson(browser);
  await stranger.page.goto(broadcast.watch_url.replace(/#.*/, ""));
  await eventually("the page says that its link is not whole", async () => (await state(stranger.page)) === "denied");

  const [publisher, viewer] = await Promise.all([newPublisher(), newPerson(browser)]);
  assert.equal((await bring(publisher.page, broadcast)).status, 201);
  await viewer.page.goto(broadcast.watch_url);
  await sees(viewer);

  await office.kill("media-server");
  await publisher.page.reload();
  await eventually("the picture is taken by the next node", async () => (await bring(publisher.page, broadcast)).status === 201, 60_000);
  // The page itself finds out, and comes back.
  await eventually("the page shows it again", async () => (await state(viewer.page)) === "on", 60_000);
  await sees(viewer);
});
