// Screens, cameras that turn, sound only, and signs, between two real browsers through the real media server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { bothSeeAndHear, inCall, over, soon } from "./call.ts";
import { BadNetwork } from "./impair.ts";
import { Office } from "./office.ts";
import { at, isAccessible, newPerson, newStaff, type Person, received, shot, startBrowser } from "./people.ts";

const SIGN_FRAMES = 25;

let office: Office;
let browser: Browser;

before(async () => {
  [office, browser] = await Promise.all([Office.open({ isBare: true }), startBrowser({ framesPerSecond: 10, cameras: 3 })]);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

async function choose({ page }: Person, hook: string): Promise<void> {
  await at(page, "more").click();
  await at(page, hook).click();
}

/** Keeps the track of a shared screen, so that a test can end it as the browser's own bar does. */
function keepScreen(): void {
  const original = navigator.mediaDevices.getDisplayMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getDisplayMedia = async (options) => {
    const stream = await original(options);
    Object.assign(window, { sharedScreen: stream.getVideoTracks()[0] });
    return stream;
  };
}

/** How many frames of a shared screen were shown, and how large. */
function screenOf(page: Page): Promise<{ frames: number; width: number }> {
  return page.evaluate(() => {
    const video = document.querySelector<HTMLVideoElement>('[data-test="screen-video"]');
    return { frames: video?.getVideoPlaybackQuality().totalVideoFrames ?? 0, width: video?.videoWidth ?? 0 };
  });
}

test("a screen is shared in an encrypted call, ends by the browser's own bar, and begins again", async () => {
  const [staff, resident] = [await newStaff(browser, office), await newPerson(browser)];
  await staff.context.addInitScript(keepScreen);
  await staff.page.reload();
  await at(staff.page, "create-link").first().waitFor();
  await inCall(resident, staff);
  assert.equal(await at(resident.page, "lock").getAttribute("data-state"), "encrypted");
  await choose(staff, "more-screen");
  await at(staff.page, "sharing").waitFor();
  await soon("the resident sees the screen", async () => {
    const { frames, width } = await screenOf(resident.page);
    return frames > 3 && width > 300;
  });
  await bothSeeAndHear(resident);
  await isAccessible(resident.page, "a shared screen");
  await isAccessible(staff.page, "sharing");
  await shot(resident.page, "share-phone");
  await shot(staff.page, "share-desktop");
  await staff.page.evaluate(() => {
    const { sharedScreen } = window as unknown as { sharedScreen: MediaStreamTrack };
    sharedScreen.stop();
    sharedScreen.dispatchEvent(new Event("ended"));
  });
  await at(staff.page, "sharing").waitFor({ state: "hidden" });
  await at(resident.page, "screen").waitFor({ state: "hidden" });
  await choose(staff, "more-screen");
  await soon("it is seen again", async () => (await screenOf(resident.page)).frames > 3);
  // Who comes back sees it too.
  await resident.page.reload();
  await bothSeeAndHear(resident);
  await soon("and after a reload", async () => (await screenOf(resident.page)).frames > 3);
  await at(staff.page, "screen-stop").click();
  await at(resident.page, "screen").waitFor({ state: "hidden" });
  await over(resident, staff);
});

/** A phone with two cameras: Chromium's second false one is a depth sensor, which no phone's browser names. */
function withoutDepthSensor(): void {
  const original = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
  navigator.mediaDevices.enumerateDevices = async () => (await original()).filter(({ label }) => label !== "fake_device_1");
}

test("the camera turns without a gap in the call, and only the front one is a mirror", async () => {
  const [staff, resident] = [await newStaff(browser, office), await newPerson(browser)];
  await resident.context.addInitScript(withoutDepthSensor);
  await inCall(resident, staff);
  const own = at(resident.page, "local-video");
  const device = () => own.evaluate((it) => ((it as HTMLVideoElement).srcObject as MediaStream).getVideoTracks()[0]?.getSettings().deviceId);
  const before = await device();
  assert.equal(await own.getAttribute("class"), "mirrored");
  await choose(resident, "more-turn");
  await soon("another camera is used", async () => (await device()) !== before);
  assert.notEqual(await own.getAttribute("class"), "mirrored");
  await bothSeeAndHear(staff);
  await choose(resident, "more-turn");
  await soon("and the first again", async () => (await device()) === before);
  assert.equal(await own.getAttribute("class"), "mirrored");
  await bothSeeAndHear(staff);
  assert.equal((await received(staff.page)).connections, 2, "by the same connections");
  await over(resident, staff);
});

/** Frames of pictures that came in a while. */
async function framesIn(page: Page, seconds: number): Promise<number> {
  const before = await received(page);
  await page.waitForTimeout(seconds * 1000);
  return (await received(page)).framesDecoded - before.framesDecoded;
}

test("sound only, by hand: no pictures either way, voices go on, and pictures come back", async () => {
  const [staff, resident] = [await newStaff(browser, office), await newPerson(browser)];
  await inCall(resident, staff);
  await choose(resident, "more-sound");
  await at(resident.page, "sound-only").waitFor();
  assert.equal(await at(resident.page, "sound-only").getAttribute("data-mode"), "by_hand");
  await soon("the staff are told that there is no picture", async () => /カメラは切れています/.test(await at(staff.page, "remote-state").innerText()));
  await soon("no picture comes to the resident any more", async () => (await framesIn(resident.page, 1)) === 0);
  const before = (await received(resident.page)).audioEnergy;
  await soon("the voice goes on", async () => (await received(resident.page)).audioEnergy > before);
  await isAccessible(resident.page, "sound only");
  await shot(resident.page, "share-sound-only");
  await at(resident.page, "pictures").click();
  await bothSeeAndHear(resident, staff);
  await over(resident, staff);
});

test("sound only, by itself: a network that stays poor leaves pictures out, and says so", async () => {
  const network = await BadNetwork.open(office, 7, "loss=0%");
  try {
    const [staff, resident] = [await newStaff(browser, office), await newPerson(browser, { through: network.address })];
    await inCall(resident, staff);
    await network.set("loss=30% delay=50ms");
    await at(resident.page, "sound-only").waitFor();
    assert.equal(await at(resident.page, "sound-only").getAttribute("data-mode"), "by_itself");
    assert.match(await at(resident.page, "sound-only").innerText(), /電波が弱いため/);
    await shot(resident.page, "share-by-itself");
    await network.set("loss=0%");
    await soon("pictures are offered", async () => (await at(resident.page, "sound-only").getAttribute("data-offered")) === "true");
    await at(resident.page, "pictures").click();
    await bothSeeAndHear(staff);
    await over(resident, staff);
  } finally {
    network.close();
  }
});

/** Frames a second of the signer, over some seconds, by the receiving browser's own figures. */
async function framesPerSecond(page: Page): Promise<number> {
  const count = () => page.evaluate(() => ({ frames: document.querySelector<HTMLVideoElement>('[data-test="remote-video"]')?.getVideoPlaybackQuality().totalVideoFrames ?? 0, at: performance.now() }));
  const before = await count();
  await page.waitForTimeout(4_000);
  const after = await count();
  return ((after.frames - before.frames) * 1000) / (after.at - before.at);
}

test("the sign language view: the signer is large, and comes at 25 frames a second or more", async () => {
  const quick = await startBrowser({ framesPerSecond: 30 });
  try {
    const staff = await newStaff(quick, office, "hanako", { cores: 2 });
    const resident = await newPerson(quick, { cores: 2 });
    await inCall(resident, staff);
    await choose(resident, "more-sign");
    assert.equal(await staff.page.locator(".stage").getAttribute("data-signing"), "false", "the staff's view is theirs");
    const wishes = () =>
      staff.page.evaluate(() => {
        const all = (window as unknown as { connections: RTCPeerConnection[] }).connections.filter((one) => one.connectionState === "connected");
        const senders = all.flatMap((one) => one.getSenders()).filter((one) => one.track?.kind === "video");
        return senders.map((one) => [one.track?.contentHint, (one.getParameters() as { degradationPreference?: string }).degradationPreference]);
      });
    await soon("the staff's camera keeps its frames", async () => (await wishes()).some(([hint, preference]) => hint === "motion" && preference === "maintain-framerate"));
    let best = 0;
    await soon(`${SIGN_FRAMES} frames a second`, async () => {
      best = Math.max(best, await framesPerSecond(resident.page));
      return best >= SIGN_FRAMES;
    });
    console.log(`# the signer comes at ${best.toFixed(1)} frames a second`);
    const size = await at(resident.page, "remote-video").boundingBox();
    assert.ok(size && size.width >= 380, "as wide as the phone");
    await isAccessible(resident.page, "the sign language view");
    await shot(resident.page, "share-sign");
    await over(resident, staff);
  } finally {
    await quick.close();
  }
});
