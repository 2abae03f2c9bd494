// The picture's quality follows what is shown and what the network carries: layers by what the browsers themselves report.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { OtherHost } from "./host.ts";
import { eventually, Office } from "./office.ts";
import { admit, enterWaiting, newLink, newPerson, newStaff, type Person, seesAndHears, shot, startBrowser } from "./people.ts";

/** Enough cores for three layers, whatever this machine has. */
const CORES = 8;
const LARGE = { width: 1280, height: 800 };
const SMALL = { width: 400, height: 420 };
/** Three encoders and a decoder for each page are much for a small machine. */
const FEW_FRAMES = { framesPerSecond: 10 };
/** Less than a resident's page gets otherwise, but enough for sound. */
const NARROW_KILOBITS = 300;

let host: OtherHost | string;
let office: Office;
let here: Browser;
let there: Browser;
let staff: Person;
let resident: Person;

before(async () => {
  host = OtherHost.open();
  const isAlone = typeof host === "string";
  office = await Office.open({ isBare: true, ...(isAlone ? {} : { lan: (host as OtherHost).here }) });
  here = await startBrowser(FEW_FRAMES);
  there = typeof host === "string" ? here : await host.startBrowser(FEW_FRAMES);
  staff = await newStaff(here, office, "hanako", { cores: CORES });
  const { url, id } = await newLink(staff);
  resident = await newPerson(there, { cores: CORES, ...SMALL });
  await enterWaiting(resident, url);
  await admit(staff, id);
  await Promise.all([seesAndHears(staff, 60_000), seesAndHears(resident, 60_000)]);
});
after(async () => {
  await here?.close();
  if (there !== here) await there?.close();
  await office?.close();
  if (host instanceof OtherHost) host.close();
});

interface Layer {
  rid: string;
  isActive: boolean;
  framesSent: number;
}

/** The layers in which a page sends its camera, by the browser's own figures. */
function sentLayers(page: Page): Promise<Layer[]> {
  return page.evaluate(async () => {
    const all = (window as unknown as { connections: RTCPeerConnection[] }).connections;
    const layers: Layer[] = [];
    for (const connection of all.filter((one) => one.connectionState === "connected")) {
      for (const sender of connection.getSenders().filter((one) => one.track?.kind === "video")) {
        const active = new Map(sender.getParameters().encodings.map((one) => [one.rid, one.active ?? true]));
        for (const report of (await sender.getStats()).values()) {
          if (report.type !== "outbound-rtp" || report.rid === undefined) continue;
          layers.push({ rid: report.rid, isActive: active.get(report.rid) ?? false, framesSent: report.framesSent ?? 0 });
        }
      }
    }
    return layers;
  });
}

interface Seen {
  height: number;
  frames: number;
  audioPackets: number;
}

/** What a page receives now. */
function seen(page: Page): Promise<Seen> {
  return page.evaluate(async () => {
    const all = (window as unknown as { connections: RTCPeerConnection[] }).connections;
    const sum = { height: 0, frames: 0, audioPackets: 0 };
    for (const connection of all.filter((one) => one.connectionState === "connected")) {
      for (const report of (await connection.getStats()).values()) {
        if (report.type !== "inbound-rtp") continue;
        if (report.kind === "audio") sum.audioPackets += report.packetsReceived ?? 0;
        if (report.kind !== "video") continue;
        sum.height = Math.max(sum.height, report.frameHeight ?? 0);
        sum.frames += report.framesDecoded ?? 0;
      }
    }
    return sum;
  });
}

const activeLayers = async (page: Page) => (await sentLayers(page)).filter((one) => one.isActive).map((one) => one.rid);

test("the camera is sent in three layers, from small to large", async () => {
  for (const person of [staff, resident]) {
    const layers = await eventually("three layers", async () => {
      const now = await sentLayers(person.page);
      return now.length === 3 ? now : undefined;
    });
    assert.deepEqual(new Set(layers.map((one) => one.rid)), new Set(["q", "h", "f"]));
  }
});

test("a small window gets a small picture, and the layers that nobody watches rest", async () => {
  const { height: large } = await eventually("the large layer is shown in a large window", async () => {
    const now = await seen(staff.page);
    return now.height > 400 ? now : undefined;
  }, 60_000);
  await staff.page.setViewportSize(SMALL);
  const { height: small } = await eventually("a smaller layer is shown in a small window", async () => {
    const now = await seen(staff.page);
    return now.height <= large / 2 ? now : undefined;
  });
  await eventually("the large layer rests at its sender", async () => {
    const active = await activeLayers(resident.page);
    return active.length > 0 && !active.includes("f");
  });
  const before = await seen(staff.page);
  await eventually("the small picture moves", async () => (await seen(staff.page)).frames > before.frames + 10);
  await staff.page.setViewportSize(LARGE);
  await eventually("the large layer is back in the large window", async () => (await seen(staff.page)).height >= large, 60_000);
  assert.ok((await activeLayers(resident.page)).includes("f"));
  console.log(`# heights: ${large} in the large window, ${small} in the small one`);
});

test("on a narrow link the picture gives way, says so, and comes back; the sound goes on", async (context) => {
  if (typeof host === "string") return context.skip(host);
  // One large picture at a time.
  await Promise.all([staff.page.setViewportSize(SMALL), resident.page.setViewportSize(LARGE)]);
  const { height: large } = await eventually("a large picture", async () => {
    const now = await seen(resident.page);
    return now.height > 400 ? now : undefined;
  }, 60_000);
  const cannot = host.narrow(NARROW_KILOBITS);
  if (cannot) return context.skip(cannot);
  const cutAt = performance.now();
  const isPaused = async () => (await resident.page.locator('.remote[data-state="paused"]').count()) > 0;
  await eventually("a smaller picture, or words that it is held back", async () => {
    return (await isPaused()) || (await seen(resident.page)).height < large;
  });
  const smallerAfter = performance.now() - cutAt;
  await shot(resident.page, "narrow-link");
  const before = await seen(resident.page);
  await eventually("two more seconds of sound", async () => {
    return (await seen(resident.page)).audioPackets > before.audioPackets + 100;
  });
  await eventually("the picture moves, or is said to be held back", async () => {
    return (await isPaused()) || (await seen(resident.page)).frames > before.frames + 5;
  });
  host.narrow(null);
  const widenedAt = performance.now();
  await eventually("the whole picture is back", async () => {
    return !(await isPaused()) && (await seen(resident.page)).height >= large;
  }, 45_000);
  const backAfter = performance.now() - widenedAt;
  console.log(`# smaller ${Math.round(smallerAfter)} ms after the cut, whole again ${Math.round(backAfter)} ms after its end`);
});
