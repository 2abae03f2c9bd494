// What tests do with the seats of a call: links for guests, colleagues who are called, who is seen.
import type { Browser } from "playwright-core";
import { eventually } from "./office.ts";
import { admit, at, enterWaiting, newLink, newPerson, type Person, received, seesAndHears } from "./people.ts";

/** Machines that are shared are slow. */
export const LIMIT_MS = 60_000;

/** A resident and a member of staff who talk. */
export async function newCall(staff: Person, browser: Browser): Promise<{ resident: Person; id: string; url: string }> {
  const { url, id } = await newLink(staff);
  const resident = await newPerson(browser);
  await enterWaiting(resident, url);
  await admit(staff, id);
  await Promise.all([seesAndHears(resident, LIMIT_MS), seesAndHears(staff, LIMIT_MS)]);
  return { resident, id, url };
}

/** Staff make a link for a guest and tell it. */
export async function guestLink(staff: Person, part: string, isLetIn = false): Promise<string> {
  const { page } = staff;
  await at(page, "open-invite").click();
  await at(page, "link-part").selectOption(part);
  await at(page, "let-in-ahead").setChecked(isLetIn);
  await at(page, "make-guest-link").click();
  await at(page, "guest-url").waitFor();
  const url = await at(page, "guest-url").inputValue();
  await at(page, "close-panel").click();
  return url;
}

/** The plates of those whom a page shows. */
export const plates = (person: Person) => at(person.page, "plate").allInnerTexts();

/** A page shows so many others, each with a picture that moves, and hears somebody. */
export async function sees(person: Person, others: number): Promise<void> {
  const { page } = person;
  await eventually(`${others} others`, async () => (await at(page, "remote").count()) === others, LIMIT_MS);
  const painted = () =>
    page.evaluate(() =>
      [...document.querySelectorAll<HTMLVideoElement>('[data-test="remote-video"]')].map((one) => one.getVideoPlaybackQuality().totalVideoFrames),
    );
  const before = await painted();
  await eventually(
    `each of ${others} pictures moves`,
    async () => {
      const now = await painted();
      return now.length === others && now.every((frames, i) => frames > (before[i] ?? 0) + 5);
    },
    LIMIT_MS,
  );
  const heard = (await received(page)).audioEnergy;
  await eventually("sound goes on", async () => (await received(page)).audioEnergy > heard, LIMIT_MS);
}

/** The digits of the lock, once the call is encrypted. */
export function code(person: Person): Promise<string> {
  return eventually(
    "the call is encrypted",
    async () => {
      const { page } = person;
      if ((await at(page, "lock").getAttribute("data-state")) !== "encrypted") return null;
      return (await at(page, "lock-code").textContent())?.replace(/\D/g, "").slice(0, 8) || null;
    },
    LIMIT_MS,
  );
}

/** All have the same digits, and not these. */
export function newCode(people: Person[], ...before: string[]): Promise<string> {
  return eventually(
    "everybody has the same new keys",
    async () => {
      const codes = await Promise.all(people.map(code));
      const [first = ""] = codes;
      return codes.every((one) => one === first) && !before.includes(first) ? first : null;
    },
    LIMIT_MS,
  );
}
