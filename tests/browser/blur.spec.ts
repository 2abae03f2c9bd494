// The background's blur is the browser's own: a button where browser and camera have it, none where they don't. Debian's
// Chromium has none, so the second test gives its fake camera one at the browser's edge (Media Capture Extensions,
// "backgroundBlur"): what is tested there is what the page asks of a camera that can, not how the blur looks.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { at, hangUp, isAccessible, newStaff, type Person, seesAndHears, shot, startBrowser } from "./people.ts";
import { LIMIT_MS, newCall } from "./seats.ts";

let office: Office;
let browser: Browser;

before(async () => {
  [office, browser] = await Promise.all([Office.open({ isBare: true }), startBrowser({ framesPerSecond: 10 })]);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

const blurButton = ({ page }: Person) => at(page, "blur");

/** A camera whose browser blurs, unless the system says no: what was asked of it is kept in `asked`. */
function blurringCamera(): void {
  const kept = { asked: [] as MediaTrackConstraints[], isRefused: false };
  const isBlurred = new WeakMap<MediaStreamTrack, boolean>();
  Object.assign(window, { blurring: kept });
  const { prototype } = MediaStreamTrack;
  const { getCapabilities, getSettings, applyConstraints } = prototype;
  prototype.getCapabilities = function (this: MediaStreamTrack) {
    const own = getCapabilities.call(this);
    return this.kind === "video" ? ({ ...own, backgroundBlur: [false, true] } as MediaTrackCapabilities) : own;
  };
  prototype.getSettings = function (this: MediaStreamTrack) {
    return { ...getSettings.call(this), backgroundBlur: isBlurred.get(this) ?? false } as MediaTrackSettings;
  };
  prototype.applyConstraints = function (this: MediaStreamTrack, wanted?: MediaTrackConstraints) {
    const { backgroundBlur, ...others } = (wanted ?? {}) as MediaTrackConstraints & { backgroundBlur?: boolean };
    kept.asked.push(wanted ?? {});
    if (kept.isRefused) return Promise.reject(new OverconstrainedError("backgroundBlur"));
    isBlurred.set(this, backgroundBlur ?? false);
    // The rest is the real camera's to keep.
    return applyConstraints.call(this, others);
  };
}

interface Blurring {
  asked: (MediaTrackConstraints & { backgroundBlur?: boolean })[];
  isRefused: boolean;
}
const blurring = ({ page }: Person) => page.evaluate(() => (window as unknown as { blurring: Blurring }).blurring);

test("where the browser can't blur there is no button for it", async () => {
  const staff = await newStaff(browser, office);
  const { resident } = await newCall(staff, browser);
  const can = await staff.page.evaluate(() => "backgroundBlur" in navigator.mediaDevices.getSupportedConstraints());
  const track = await staff.page.evaluate(async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ video: true });
    const [camera] = stream.getVideoTracks();
    const found = (camera?.getCapabilities() as { backgroundBlur?: boolean[] }).backgroundBlur ?? [];
    camera?.stop();
    return found.includes(true);
  });
  console.log(`# this browser: knows of blur ${can}, its camera can ${track}`);
  assert.equal(await blurButton(staff).count(), track ? 1 : 0);
  await hangUp(staff);
  await Promise.all([staff, resident].map((one) => one.context.close()));
});

test("where it can, one press blurs and one takes it away; where the system forbids it, the button goes on saying what is", async () => {
  const staff = await newStaff(browser, office);
  await staff.context.addInitScript(blurringCamera);
  await staff.page.reload();
  const { resident } = await newCall(staff, browser);
  assert.match(await blurButton(staff).innerText(), /背景をぼかす/);
  await blurButton(staff).click();
  await eventually("the button says how to end it", async () => /ぼかしをやめる/.test(await blurButton(staff).innerText()), LIMIT_MS);
  const [first, ...none] = (await blurring(staff)).asked.filter((one) => one.backgroundBlur !== undefined);
  assert.equal(first?.backgroundBlur, true);
  assert.ok(first?.width !== undefined, "the picture stays as large as it was");
  assert.equal(none.length, 0);
  await seesAndHears(resident, LIMIT_MS);
  await isAccessible(staff.page, "a call with blur");
  await shot(staff.page, "staff-blur");

  await staff.page.evaluate(() => {
    (window as unknown as { blurring: Blurring }).blurring.isRefused = true;
  });
  await blurButton(staff).click();
  await eventually("it was asked", async () => (await blurring(staff)).asked.length === 2, LIMIT_MS);
  assert.match(await blurButton(staff).innerText(), /ぼかしをやめる/, "it is blurred still");
  await staff.page.evaluate(() => {
    (window as unknown as { blurring: Blurring }).blurring.isRefused = false;
  });
  await blurButton(staff).click();
  await eventually("it is gone", async () => /背景をぼかす/.test(await blurButton(staff).innerText()), LIMIT_MS);

  // The office's picture has no background to blur.
  await at(staff.page, "office-picture").click();
  await blurButton(staff).waitFor({ state: "detached" });
  await at(staff.page, "office-picture").click();
  await blurButton(staff).waitFor();
  await seesAndHears(resident, LIMIT_MS);
  await hangUp(staff);
  assert.deepEqual([...staff.faults, ...resident.faults], []);
  await Promise.all([staff, resident].map((one) => one.context.close()));
});
