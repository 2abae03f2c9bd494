// A resident's network goes and comes back, or becomes another one (the browser is on a host of its own, a network
// namespace): the call comes back by itself. How fast is printed, for people to compare; what is asserted is that it does,
// with the same connections and without leaving the room.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { OtherHost } from "./host.ts";
import { eventually, Office } from "./office.ts";
import { admit, at, enterWaiting, newLink, newPerson, newStaff, type Person, seesAndHears, shot, startBrowser } from "./people.ts";

const AWAY_MS = 6_000;
/** Leaves more of a small machine to what is tested. */
const FEW_FRAMES = { framesPerSecond: 10 };

let host: OtherHost | string;
let office: Office;
let here: Browser;
let there: Browser;
let staff: Person;
let resident: Person;

before(async () => {
  host = OtherHost.open();
  if (typeof host === "string") return;
  office = await Office.open({ lan: host.here, isBare: true });
  [here, there] = await Promise.all([startBrowser(FEW_FRAMES), host.startBrowser(FEW_FRAMES)]);
  staff = await newStaff(here, office);
  const { url, id } = await newLink(staff);
  resident = await newPerson(there);
  await enterWaiting(resident, url);
  await admit(staff, id);
  await Promise.all([seesAndHears(resident, 60_000), seesAndHears(staff, 60_000)]);
  await Promise.all([notePictures(resident), notePictures(staff)]);
});
after(async () => {
  await here?.close();
  await there?.close();
  await office?.close();
  if (host instanceof OtherHost) host.close();
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

/** How long the picture stood still at most since a moment, in milliseconds; a picture must have come since another one. */
function standstill({ page }: Person, since: number, until: number): Promise<number> {
  return eventually("a new picture", async () => {
    const times = await page.evaluate(() => (window as unknown as { shownAt: number[] }).shownAt);
    if (!times.some((one) => one >= until)) return undefined;
    const relevant = [since, ...times.filter((one) => one >= since)];
    return Math.max(...relevant.slice(1).map((one, n) => one - (relevant[n] ?? one)));
  }, 60_000);
}

/** How many peer connections a page has made since it was opened. */
function madeConnections({ page }: Person): Promise<number> {
  return page.evaluate(() => (window as unknown as { connections: unknown[] }).connections.length);
}

/** From which of its own addresses each connection of a page sends. */
function ownAddresses({ page }: Person): Promise<string[]> {
  return page.evaluate(async () => {
    const all = (window as unknown as { connections: RTCPeerConnection[] }).connections;
    const addresses: string[] = [];
    for (const connection of all.filter((one) => one.connectionState === "connected")) {
      const reports = await connection.getStats();
      const transport = [...reports.values()].find((one) => one.type === "transport");
      const pair = reports.get(transport?.selectedCandidatePairId ?? "");
      addresses.push(String(reports.get(pair?.localCandidateId ?? "")?.address));
    }
    return addresses;
  });
}

/** Waits until all goes on from the host's present address, and says how long the pictures stood still since a moment. */
async function comesBack(what: string, away: OtherHost, since: number): Promise<void> {
  await eventually("both connections go by the present address", async () => {
    const used = await ownAddresses(resident);
    return used.length === 2 && used.every((one) => one === away.there);
  }, 60_000);
  const until = Date.now();
  const pauses = await Promise.all([standstill(resident, since, until), standstill(staff, since, until)]);
  await Promise.all([seesAndHears(resident, 60_000), seesAndHears(staff, 60_000)]);
  await eventually(
    "staff are told that all is well",
    async () => (await staff.page.locator('.remote[data-state="lost"]').count()) === 0,
  );
  console.log(`# ${what}: without a picture for ${pauses[0]} ms (resident), ${pauses[1]} ms (staff)`);
}

test("the cable is out for a while: others see that, and the call goes on where it was", async (context) => {
  if (typeof host === "string") return context.skip(host);
  const made = await Promise.all([madeConnections(resident), madeConnections(staff)]);
  host.setCable(false);
  const pulledAt = performance.now();
  await staff.page.locator('.remote[data-state="lost"]').waitFor();
  await shot(staff.page, "other-reconnects");
  await resident.page.locator('[data-test="call"][data-status="reconnecting"]').waitFor();
  await shot(resident.page, "reconnecting");
  await eventually("the time is over", () => performance.now() - pulledAt > AWAY_MS);
  host.setCable(true);
  await comesBack("since the cable is in again", host, Date.now());
  assert.deepEqual(await Promise.all([madeConnections(resident), madeConnections(staff)]), made, "the same connections");
});

test("another address, as from Wi-Fi to 4G: the same call goes on", async (context) => {
  if (typeof host === "string") return context.skip(host);
  const made = await madeConnections(staff);
  host.setCable(false);
  host.changeAddress();
  await new Promise((later) => setTimeout(later, 1_000));
  host.setCable(true);
  await comesBack("another address after a second without any", host, Date.now());
  const changedAt = Date.now();
  host.changeAddress();
  await comesBack("another address from one moment to the next", host, changedAt);
  assert.equal(await madeConnections(staff), made, "nothing is made anew for the other person");
  assert.equal(await at(staff.page, "call").getAttribute("data-status"), "talking");
  assert.deepEqual([...resident.faults, ...staff.faults], []);
});
