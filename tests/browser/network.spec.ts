// From another machine: a resident's browser on a host of its own (a network namespace) that trusts the office's authority,
// over HTTPS, with media over the network. The cable is pulled, the address changes: the call comes back by itself. How
// fast is printed, for people to compare; what is asserted is that it does, without leaving the room.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { OtherHost } from "./host.ts";
import { eventually, Office } from "./office.ts";
import { admit, at, enterWaiting, newLink, newPerson, newStaff, type Person, seesAndHears, shot, startBrowser } from "./people.ts";

const AWAY_MS = 6_000;

let host: OtherHost | string;
let office: Office;
let here: Browser;
let there: Browser;
let staff: Person;
let resident: Person;

before(async () => {
  host = OtherHost.open();
  if (typeof host === "string") return;
  office = await Office.open({ lan: host.here });
  // What the README tells people to do in the browser's settings: import the office's authority.
  const nss = join(host.home, ".pki/nssdb");
  mkdirSync(nss, { recursive: true });
  execFileSync("certutil", ["-d", `sql:${nss}`, "-N", "--empty-password"]);
  const ca = join(office.run, "secrets/ca.pem");
  execFileSync("certutil", ["-d", `sql:${nss}`, "-A", "-n", "office", "-t", "C,,", "-i", ca]);
  [here, there] = await Promise.all([startBrowser(), host.startBrowser()]);
});
after(async () => {
  await here?.close();
  await there?.close();
  await office?.close();
  if (host instanceof OtherHost) host.close();
});

test("a resident on another machine talks with staff on this one", async (context) => {
  if (typeof host === "string") return context.skip(host);
  staff = await newStaff(here, office);
  const { url, id } = await newLink(staff);
  assert.match(url, new RegExp(`^https://${host.here.replaceAll(".", "\\.")}:`));
  resident = await newPerson(there, { trustsAnybody: false });
  await enterWaiting(resident, url);
  await admit(staff, id);
  await Promise.all([seesAndHears(resident), seesAndHears(staff)]);
});

/** From now on notes, in the page itself, when each new picture of the other person was shown (the machine's clock). */
async function notePictures({ page }: Person): Promise<void> {
  await page.evaluate(() => {
    const shownAt: number[] = [];
    Object.assign(window, { shownAt });
    let known = 0;
    setInterval(() => {
      const video = document.querySelector<HTMLVideoElement>('video[data-test="remote-video"]');
      const count = video?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
      if (count > 0 && count !== known) shownAt.push(Date.now());
      known = count;
    }, 20);
  });
}

/** How long after a moment the first new picture was shown, in milliseconds. */
function firstPictureAfter({ page }: Person, moment: number): Promise<number> {
  return eventually("a new picture", async () => {
    const found = await page.evaluate((since) => {
      const { shownAt } = window as unknown as { shownAt: number[] };
      return shownAt.find((one) => one >= since) ?? null;
    }, moment);
    return found === null ? undefined : found - moment || 1;
  }, 60_000);
}

/** How many peer connections a page has made since it was opened. */
function madeConnections({ page }: Person): Promise<number> {
  return page.evaluate(() => (window as unknown as { connections: unknown[] }).connections.length);
}

async function comesBack(what: string, backAt: number): Promise<void> {
  const waits = await Promise.all([firstPictureAfter(resident, backAt), firstPictureAfter(staff, backAt)]);
  await Promise.all([seesAndHears(resident, 60_000), seesAndHears(staff, 60_000)]);
  await eventually("staff are told that all is well", async () => (await staff.page.locator('.remote[data-state="lost"]').count()) === 0);
  console.log(`# ${what}: back in picture after ${waits[0]} ms (resident), ${waits[1]} ms (staff)`);
}

test("the cable is out for a while: others see that, and the call goes on where it was", async (context) => {
  if (typeof host === "string") return context.skip(host);
  await Promise.all([notePictures(resident), notePictures(staff)]);
  const made = await Promise.all([madeConnections(resident), madeConnections(staff)]);
  host.setCable(false);
  const pulledAt = performance.now();
  await staff.page.locator('.remote[data-state="lost"]').waitFor();
  await shot(staff.page, "other-reconnects");
  await resident.page.locator('[data-test="call"][data-status="reconnecting"]').waitFor();
  await shot(resident.page, "reconnecting");
  await eventually("the time is over", () => performance.now() - pulledAt > AWAY_MS);
  host.setCable(true);
  const backAt = Date.now();
  await comesBack("cable out and in", backAt);
  assert.deepEqual(await Promise.all([madeConnections(resident), madeConnections(staff)]), made, "the same connections");
});

test("another address, as from Wi-Fi to 4G: the same call goes on", async (context) => {
  if (typeof host === "string") return context.skip(host);
  const made = await madeConnections(staff);
  host.setCable(false);
  host.changeAddress();
  await new Promise((later) => setTimeout(later, 1_000));
  host.setCable(true);
  await comesBack("another address after a second without any", Date.now());
  host.changeAddress();
  await comesBack("another address at once", Date.now());
  assert.equal(await madeConnections(staff), made, "nothing is made anew for the other person");
  assert.equal(await at(staff.page, "call").getAttribute("data-status"), "talking");
  assert.deepEqual([...resident.faults, ...staff.faults], []);
});

test("a browser that does not trust the authority is warned", async (context) => {
  if (typeof host === "string") return context.skip(host);
  const stranger = await newPerson(here, { trustsAnybody: false });
  await assert.rejects(stranger.page.goto(office.url), /ERR_CERT_AUTHORITY_INVALID/);
});
