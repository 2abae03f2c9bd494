// A call between a resident and staff in two browsers, for tests of what happens in it. Other work may share the machine:
// everything is waited for patiently.
import assert from "node:assert/strict";
import { eventually } from "./office.ts";
import { admit, at, enterWaiting, hangUp, newLink, type Person, seesAndHears } from "./people.ts";

const PATIENCE_MS = 90_000;

/** Waits until it is so. */
export const soon = <T>(what: string, ask: () => Promise<T | undefined | null | false> | T | undefined | null | false) => eventually(what, ask, PATIENCE_MS);

/** Both sides see and hear the other. */
export const bothSeeAndHear = (...people: Person[]) => Promise.all(people.map((one) => seesAndHears(one, PATIENCE_MS)));

/** Brings both into a new call, until each sees and hears the other. */
export async function inCall(resident: Person, staff: Person): Promise<void> {
  for (const { page } of [resident, staff]) page.setDefaultTimeout(PATIENCE_MS);
  const { url, id } = await newLink(staff);
  await enterWaiting(resident, url);
  await admit(staff, id);
  await bothSeeAndHear(resident, staff);
}

/** Staff hang up; no page has met a fault; both browsers' contexts are closed. */
export async function over(resident: Person, staff: Person): Promise<void> {
  await hangUp(staff);
  await at(resident.page, "ended").waitFor();
  assert.deepEqual([...resident.faults, ...staff.faults], []);
  await Promise.all([resident.context.close(), staff.context.close()]);
}
