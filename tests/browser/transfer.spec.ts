// Hold and transfer: nobody hears the resident on hold, staff talk among themselves first, and the resident is told who comes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { at, hangUp, isAccessible, newStaff, type Person, received, row, seesAndHears, shot, startBrowser } from "./people.ts";
import { LIMIT_MS, newCall, newCode, plates, sees } from "./seats.ts";

let office: Office;
let browser: Browser;

before(async () => {
  [office, browser] = await Promise.all([Office.open({ isBare: true }), startBrowser({ framesPerSecond: 10 })]);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

/** Counts the sounds that a page makes by itself. */
async function countNotes({ page }: Person): Promise<void> {
  await page.evaluate(() => {
    const count = { notes: 0 };
    Object.assign(window, { made: count });
    const original = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (this: OscillatorNode, ...words: [number?]) {
      count.notes += 1;
      return original.apply(this, words);
    };
  });
}
const notes = ({ page }: Person) => page.evaluate(() => (window as unknown as { made: { notes: number } }).made.notes);

test("on hold the resident has music and a picture and no connections, and then the call goes on", async () => {
  const staff = await newStaff(browser, office);
  const { resident } = await newCall(staff, browser);
  await countNotes(resident);
  await at(staff.page, "hold").click();
  await at(resident.page, "held").waitFor({ timeout: LIMIT_MS });
  await isAccessible(resident.page, "on hold");
  await shot(resident.page, "held-phone");
  await at(staff.page, "is-held").waitFor();
  await shot(staff.page, "staff-hold");
  await isAccessible(staff.page, "the staff's call on hold");
  await eventually("neither has the other's media", async () => {
    const [held, alone] = await Promise.all([received(resident.page), received(staff.page)]);
    return held.connections === 0 && (await at(staff.page, "remote").count()) === 0 && alone.audioLevel === 0;
  }, LIMIT_MS);
  await eventually("music plays", async () => (await notes(resident)) > 4, LIMIT_MS);
  // A reload on hold is on hold again.
  await resident.page.reload();
  await at(resident.page, "held").waitFor({ timeout: LIMIT_MS });
  await at(staff.page, "hold").click();
  await Promise.all([seesAndHears(resident, LIMIT_MS), seesAndHears(staff, LIMIT_MS)]);
  await hangUp(staff);
  await at(resident.page, "ended").waitFor({ timeout: LIMIT_MS });
  assert.deepEqual([...staff.faults, ...resident.faults], []);
  await Promise.all([staff, resident].map((one) => one.context.close()));
});

test("a page that doesn't obey hears and shows nothing on hold all the same: the server has cut it off", async () => {
  const staff = await newStaff(browser, office);
  const { resident } = await newCall(staff, browser);
  await resident.page.evaluate(() => {
    RTCPeerConnection.prototype.close = () => undefined;
  });
  const bytes = ({ page }: Person, kind: "inbound-rtp" | "outbound-rtp") =>
    page.evaluate(async (wanted) => {
      const all = (window as unknown as { connections: RTCPeerConnection[] }).connections;
      let sum = 0;
      for (const connection of all) {
        for (const report of (await connection.getStats()).values()) {
          if (report.type === wanted) sum += (report.bytesReceived ?? 0) + (report.bytesSent ?? 0);
        }
      }
      return sum;
    }, kind);
  assert.ok((await bytes(resident, "inbound-rtp")) > 0 && (await bytes(resident, "outbound-rtp")) > 0);
  await at(staff.page, "hold").click();
  await at(resident.page, "held").waitFor({ timeout: LIMIT_MS });
  // Sound comes fifty times a second: what stands still for a second has ended.
  const standsStill = async (ask: () => Promise<number>) => {
    const before = await ask();
    await resident.page.waitForTimeout(1_000);
    return (await ask()) === before;
  };
  await eventually("nothing comes to the resident any more", () => standsStill(() => bytes(resident, "inbound-rtp")), LIMIT_MS);
  await eventually("nothing of the resident comes to staff", async () => (await at(staff.page, "remote").count()) === 0, LIMIT_MS);
  assert.ok(await standsStill(() => bytes(staff, "inbound-rtp")));
  await hangUp(staff);
  await Promise.all([staff, resident].map((one) => one.context.close()));
});

test("a transfer with a whisper first", async () => {
  const hanako = await newStaff(browser, office, "hanako");
  const taro = await newStaff(browser, office, "taro");
  const { resident, id } = await newCall(hanako, browser);
  const ofTwo = await newCode([hanako, resident]);
  await at(hanako.page, "open-transfer").click();
  const ring = hanako.page.locator('[data-test="colleague"][data-staff="taro"] [data-test="ring"]');
  await ring.waitFor();
  await isAccessible(hanako.page, "the transfer's panel");
  await shot(hanako.page, "staff-transfer");
  await ring.click();
  await at(resident.page, "held").waitFor({ timeout: LIMIT_MS });
  await at(taro.page, "ringing").waitFor({ timeout: LIMIT_MS });
  await eventually("the title says so", async () => /呼び出し中/.test(await taro.page.title()), LIMIT_MS);
  await isAccessible(taro.page, "a console that rings");
  await shot(taro.page, "staff-ringing");
  await at(taro.page, "ring-accept").click();
  await Promise.all([sees(hanako, 1), sees(taro, 1)]);
  const whisper = await newCode([hanako, taro], ofTwo);
  assert.equal(await at(resident.page, "held").count(), 1);
  assert.equal((await received(resident.page)).connections, 0, "the resident has no part in the whisper");
  await shot(hanako.page, "staff-whisper");

  await at(hanako.page, "hand-over").click();
  await row(hanako, id).waitFor({ timeout: LIMIT_MS });
  await at(resident.page, "handed-over").waitFor({ timeout: LIMIT_MS });
  const words = await at(resident.page, "handed-over").innerText();
  await Promise.all([sees(resident, 1), sees(taro, 1)]);
  await newCode([taro, resident], ofTwo, whisper);
  const [plate] = await plates(resident);
  const section = plate?.split("の")[0] ?? "";
  assert.notEqual(section, "子育て支援課");
  assert.ok(words.includes(section), `${words} names ${section}`);
  await isAccessible(resident.page, "the call after a transfer");
  await shot(resident.page, "handed-over-phone");
  // hanako is free for the next.
  assert.equal(await at(hanako.page, "console").count(), 1);
  assert.equal((await received(hanako.page)).connections, 0);
  await hangUp(taro);
  await at(resident.page, "ended").waitFor({ timeout: LIMIT_MS });
  assert.deepEqual([hanako, taro, resident].flatMap((one) => one.faults), []);
  await Promise.all([hanako, taro, resident].map((one) => one.context.close()));
});

test("a colleague who can't come says so, and the call goes on", async () => {
  const hanako = await newStaff(browser, office, "hanako");
  const taro = await newStaff(browser, office, "taro");
  const { resident } = await newCall(hanako, browser);
  await at(hanako.page, "open-invite").click();
  await hanako.page.locator('[data-test="colleague"][data-staff="taro"] [data-test="ring"]').click();
  await at(taro.page, "ring-decline").click({ timeout: LIMIT_MS });
  await hanako.page.locator('[data-test="host-call"][data-state="declined"]').waitFor({ timeout: LIMIT_MS });
  await shot(hanako.page, "staff-declined");
  await at(hanako.page, "dismiss").click();
  await hanako.page.locator('[data-test="host-call"]').waitFor({ state: "detached" });
  await seesAndHears(resident, LIMIT_MS);
  await at(hanako.page, "close-panel").click();
  await hangUp(hanako);
  await Promise.all([hanako, taro, resident].map((one) => one.context.close()));
});
