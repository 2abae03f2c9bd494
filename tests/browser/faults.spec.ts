// Any one part is killed and comes back: everything works again without touching the others.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { admit, at, enterWaiting, newLink, newPerson, newStaff, type Person, seesAndHears, startBrowser } from "./people.ts";

const ROUNDS = process.env.MADOGUCHI_LONG ? 5 : 1;

let office: Office;
let browser: Browser;
let staff: Person;
let talking: Person;
let waiting: Person;
let waitingId: string;

before(async () => {
  [office, browser] = await Promise.all([Office.open(), startBrowser()]);
  staff = await newStaff(browser, office);
  const first = await newLink(staff);
  talking = await newPerson(browser);
  await enterWaiting(talking, first.url);
  await admit(staff, first.id);
  await Promise.all([seesAndHears(talking), seesAndHears(staff)]);

  const colleague = await newStaff(browser, office, "taro");
  const second = await newLink(colleague);
  waitingId = second.id;
  waiting = await newPerson(browser);
  await enterWaiting(waiting, second.url);
  await colleague.context.close();
});
after(async () => {
  await browser?.close();
  await office?.close();
});

async function everythingWorks(after: string): Promise<void> {
  await Promise.all([seesAndHears(talking, 60_000), seesAndHears(staff, 60_000)]);
  await eventually(`${after}: the resident who waits is still waiting, and present`, async () => {
    const colleague = await newStaff(browser, office, "taro");
    try {
      await colleague.page
        .locator(`[data-test="consultation"][data-id="${waitingId}"][data-phase="waiting"][data-present="true"]`)
        .waitFor({ timeout: 15_000 });
      return await at(waiting.page, "waiting").isVisible();
    } finally {
      await colleague.context.close();
    }
  }, 60_000);
  const [area] = await eventually(`${after}: the area is counted`, async () => {
    const areas = await office.areas();
    return areas[0]?.count === null ? undefined : areas;
  });
  assert.notEqual(area?.level, "unknown");
  const pids = JSON.stringify(office.pids());
  await office.player("--snapshot", `${office.run}/after.png`);
  assert.equal(JSON.stringify(office.pids()), pids, `${after}: nothing else fell`);
}

for (const part of ["signaling", "media-server", "redis-ledger", "redis-live", "vision", "signage-player lobby"]) {
  test(`${part} is killed`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const before = office.pids();
      await office.kill(part);
      await everythingWorks(part);
      for (const [name, pid] of Object.entries(office.pids())) {
        if (name !== part) assert.equal(pid, before[name], `${name} was not touched`);
      }
    }
  });
}

test("afterwards the waiting resident is asked in and talks", async () => {
  const colleague = await newStaff(browser, office, "taro");
  await admit(colleague, waitingId);
  await Promise.all([seesAndHears(waiting), seesAndHears(colleague)]);
  assert.deepEqual([...talking.faults, ...waiting.faults, ...staff.faults], []);
});
