// A camera that is sent in one stream with layers inside (SVC): each page gets those that it shows, and its decoder goes on.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { admit, enterWaiting, newLink, newPerson, newStaff, type OneStream, type Person, seesAndHears, startBrowser } from "./people.ts";

const LARGE = { width: 1280, height: 800 };
const SMALL = { width: 400, height: 420 };
/** An encoder of three sizes and two decoders are much for a small machine. */
const FEW_FRAMES = { framesPerSecond: 10 };

interface Seen {
  codec: string;
  height: number;
  frames: number;
  freezes: number;
  /** Key frames that the decoder asked for. */
  asked: number;
}

/** What a page receives now. */
function seen(page: Page): Promise<Seen> {
  return page.evaluate(async () => {
    const all = (window as unknown as { connections: RTCPeerConnection[] }).connections;
    for (const connection of all.filter((one) => one.connectionState === "connected")) {
      const stats = await connection.getStats();
      for (const report of stats.values()) {
        if (report.type !== "inbound-rtp" || report.kind !== "video") continue;
        return {
          codec: stats.get(report.codecId)?.mimeType ?? "",
          height: report.frameHeight ?? 0,
          frames: report.framesDecoded ?? 0,
          freezes: report.freezeCount ?? 0,
          asked: report.pliCount ?? 0,
        };
      }
    }
    return { codec: "", height: 0, frames: 0, freezes: 0, asked: 0 };
  });
}

/** What a page sends its camera as. */
function sent(page: Page): Promise<{ streams: number; mode: string; height: number }> {
  return page.evaluate(async () => {
    const all = (window as unknown as { connections: RTCPeerConnection[] }).connections;
    const found = { streams: 0, mode: "", height: 0 };
    for (const connection of all.filter((one) => one.connectionState === "connected")) {
      for (const report of (await connection.getStats()).values()) {
        if (report.type !== "outbound-rtp" || report.kind !== "video") continue;
        found.streams += 1;
        found.mode = report.scalabilityMode ?? "";
        found.height = report.frameHeight ?? 0;
      }
    }
    return found;
  });
}

/** Thirty pictures of this height without a stop, and without a key frame that was asked for. */
function runsSmoothly(page: Page, isRight: (height: number) => boolean): Promise<Seen> {
  return eventually("thirty pictures in a row", async () => {
    const begun = await seen(page);
    if (!isRight(begun.height)) return undefined;
    for (;;) {
      const now = await seen(page);
      if (!isRight(now.height) || now.freezes > begun.freezes || now.asked > begun.asked) return undefined;
      if (now.frames >= begun.frames + 30) return now;
      await page.waitForTimeout(100);
    }
  }, 60_000);
}

const STREAMS: OneStream[] = [
  { codec: "VP9", mode: "L3T3_KEY" },
  { codec: "AV1", mode: "L3T3_KEY" },
];

for (const oneStream of STREAMS) {
  describe(`${oneStream.codec} ${oneStream.mode}`, () => {
    let office: Office;
    let browser: Browser;
    let staff: Person;
    let resident: Person;

    before(async () => {
      office = await Office.open({ isBare: true, encryption: "off" });
      browser = await startBrowser(FEW_FRAMES);
      staff = await newStaff(browser, office, "hanako");
      const { url, id } = await newLink(staff);
      resident = await newPerson(browser, { ...SMALL, oneStream });
      await enterWaiting(resident, url);
      await admit(staff, id);
      await Promise.all([seesAndHears(staff, 60_000), seesAndHears(resident, 60_000)]);
    });
    after(async () => {
      await browser?.close();
      await office?.close();
    });

    test("a small window gets a smaller picture of the one stream, a large one all of it", async () => {
      const { height } = await eventually("the camera is sent whole", async () => {
        const now = await sent(resident.page);
        return now.mode === oneStream.mode && now.height > 400 ? now : undefined;
      }, 60_000);
      const large = await runsSmoothly(staff.page, (it) => it >= height);
      assert.equal(large.codec, `video/${oneStream.codec}`);
      assert.equal((await sent(resident.page)).streams, 1);

      await staff.page.setViewportSize(SMALL);
      const small = await runsSmoothly(staff.page, (it) => it <= height / 2);
      assert.ok((await sent(resident.page)).height >= height, "it is still sent whole");

      await staff.page.setViewportSize(LARGE);
      const again = await runsSmoothly(staff.page, (it) => it >= height);
      console.log(`# heights: ${large.height}, ${small.height}, ${again.height}; stops in all: ${again.freezes}`);
    });
  });
}
