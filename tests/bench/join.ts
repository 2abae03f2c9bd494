// join: from opening a link (already admitted), and from a reload, to the first decoded remote frame; --clear: not encrypted
import type { Browser } from "playwright-core";
import { eventually, Office } from "../browser/office.ts";
import { admit, enterWaiting, hangUp, newLink, newPerson, newStaff, type Person, received, seesAndHears, startBrowser } from "../browser/people.ts";
import { finish, median, option, percentile, round, say, table } from "./lib/report.ts";

const CALLS = option("calls", 20);
const WARM_UP = 2;

const office = await Office.open({ isWatched: false, ...(process.argv.includes("--clear") ? { encryption: "off" as const } : {}) });
// Each end has a browser of its own, as in life.
const browsers: Browser[] = await Promise.all([startBrowser(), startBrowser()]);
const [opened, reloaded]: [number[], number[]] = [[], []];
try {
  const staff = await newStaff(browsers[0] as Browser, office);
  for (let call = -WARM_UP; call < CALLS; call++) {
    const [fromLink, fromReload] = await oneCall(staff, browsers[1] as Browser);
    say(`call ${call + 1}${call < 0 ? " (warm-up)" : ""}: link ${fromLink} ms, reload ${fromReload} ms`);
    if (call >= 0) {
      opened.push(fromLink);
      reloaded.push(fromReload);
    }
  }
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
  await office.close();
}

table([
  ["link to first frame", "ms", opened],
  ["reload to first frame", "ms", reloaded],
]);
const figures = (values: number[]) => ({ p50: round(median(values)), p95: round(percentile(values, 0.95)) });
finish({ calls: CALLS, link_to_first_frame_ms: figures(opened), reload_to_first_frame_ms: figures(reloaded) });

/** A new consultation, admitted; then its link is opened anew, and then reloaded. */
async function oneCall(staff: Person, browser: Browser): Promise<[number, number]> {
  const { url, id } = await newLink(staff);
  const resident = await newPerson(browser);
  await enterWaiting(resident, url);
  await admit(staff, id);
  await Promise.all([seesAndHears(resident), seesAndHears(staff)]);
  await resident.page.goto("about:blank");
  await resident.page.goto(url, { waitUntil: "commit" });
  const fromLink = await firstFrame(resident);
  await resident.page.reload({ waitUntil: "commit" });
  const fromReload = await firstFrame(resident);
  await hangUp(staff);
  await staff.page.locator(`[data-test="consultation"][data-id="${id}"]`).waitFor({ state: "detached" });
  await resident.context.close();
  return [fromLink, fromReload];
}

/** Milliseconds from the page's navigation start to the first remote frame that its video element showed. */
async function firstFrame(person: Person): Promise<number> {
  const mark = await eventually("the first remote frame", () =>
    person.page.evaluate(() => performance.getEntriesByName("first-remote-frame")[0]?.startTime),
  );
  if ((await received(person.page)).framesDecoded === 0) throw new Error("a frame was marked, but none was decoded");
  return round(mark);
}
