// Three and four in a call: who comes by a link is heard and seen by all and told by what they are; who is put out is out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { at, hangUp, isAccessible, newPerson, newStaff, seesAndHears, shot, startBrowser } from "./people.ts";
import { guestLink, LIMIT_MS, newCall, newCode, plates, sees } from "./seats.ts";

let office: Office;
let browser: Browser;

before(async () => {
  [office, browser] = await Promise.all([Office.open({ isBare: true }), startBrowser({ framesPerSecond: 10 })]);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

test("an interpreter by link and family let in ahead: each sees and hears the others, and keys are new with each", async () => {
  const staff = await newStaff(browser, office);
  const { resident } = await newCall(staff, browser);
  const ofTwo = await newCode([staff, resident]);

  const interpreter = await newPerson(browser, { width: 1280, height: 800 });
  await interpreter.page.goto(await guestLink(staff, "interpreter"));
  await at(interpreter.page, "enter-waiting").click();
  await at(interpreter.page, "waiting").waitFor();
  await isAccessible(interpreter.page, "a guest's waiting room");
  await shot(interpreter.page, "guest-waiting");
  await shot(staff.page, "staff-guest-waits");
  await isAccessible(staff.page, "the call with a guest who waits");
  await at(staff.page, "let-in").click();
  await Promise.all([sees(staff, 2), sees(resident, 2), sees(interpreter, 2)]);
  const ofThree = await newCode([staff, resident, interpreter], ofTwo);
  assert.deepEqual((await plates(resident)).toSorted(), ["子育て支援課の区職員", "通訳"].toSorted(), "what they are, no names");
  assert.deepEqual((await plates(interpreter)).toSorted(), ["子育て支援課の区職員", "相談の方"].toSorted());
  await shot(resident.page, "call-of-three-phone");
  await shot(staff.page, "call-of-three-desktop");

  const family = await newPerson(browser);
  await family.page.goto(await guestLink(staff, "family", true));
  await at(family.page, "enter-waiting").click();
  await at(family.page, "call").waitFor({ timeout: LIMIT_MS });
  await Promise.all([staff, resident, interpreter, family].map((one) => sees(one, 3)));
  const ofFour = await newCode([staff, resident, interpreter, family], ofTwo, ofThree);
  await shot(resident.page, "call-of-four-phone");
  await shot(staff.page, "call-of-four-desktop");
  await isAccessible(resident.page, "a call of four");
  await resident.page.setViewportSize({ width: 320, height: 640 });
  await shot(resident.page, "call-of-four-320");
  await resident.page.setViewportSize({ width: 390, height: 844 });
  const pins = at(staff.page, "pin");
  await pins.last().click();
  await eventually("the pinned one is large", async () => {
    const remote = at(staff.page, "remote").filter({ has: staff.page.locator('[aria-pressed="true"]') });
    return (await remote.getAttribute("data-main")) === "true";
  });

  // Muted by staff: not heard, told so, and back by themselves only.
  await at(staff.page, "open-people").click();
  await isAccessible(staff.page, "the people's panel");
  await shot(staff.page, "staff-people");
  const row = staff.page.locator('[data-test="person"][data-part="family"]');
  await row.locator('[data-test="silence"]').click();
  await family.page.locator('[data-test="switch-microphone"][data-state="off"]').waitFor({ timeout: LIMIT_MS });
  assert.match(await family.page.innerText(".trouble"), /職員があなたのマイクを切りました/);
  assert.equal(await staff.page.locator("[data-test=unsilence]").count(), 0);
  await at(family.page, "switch-microphone").click();
  await family.page.locator('[data-test="switch-microphone"][data-state="on"]').waitFor();

  // Put out: the page says so, the link is dead, and the others have new keys.
  const link = family.page.url();
  await row.locator('[data-test="remove"]').click();
  await at(family.page, "ended").waitFor({ timeout: LIMIT_MS });
  await Promise.all([staff, resident, interpreter].map((one) => sees(one, 2)));
  await newCode([staff, resident, interpreter], ofTwo, ofThree, ofFour);
  assert.equal((await family.page.goto(link))?.status(), 410);

  // A guest goes alone: the others go on. Nobody comes into a locked call.
  await at(staff.page, "lock-room").setChecked(true);
  await hangUp(interpreter);
  await at(interpreter.page, "ended").waitFor();
  await Promise.all([seesAndHears(staff, LIMIT_MS), seesAndHears(resident, LIMIT_MS)]);
  await at(staff.page, "close-panel").click();
  await at(staff.page, "open-invite").click();
  await at(staff.page, "make-guest-link").click();
  await staff.page.getByText("入室が止められています").waitFor();
  await at(staff.page, "close-panel").click();
  await hangUp(staff);
  await at(resident.page, "ended").waitFor({ timeout: LIMIT_MS });
  assert.deepEqual([staff, resident, interpreter, family].flatMap((one) => one.faults), []);
  await Promise.all([staff, resident, interpreter, family].map((one) => one.context.close()));
});

test("a guest's reload comes back to the call; on another device the link does nothing", async () => {
  const staff = await newStaff(browser, office, "taro");
  const { resident } = await newCall(staff, browser);
  const guest = await newPerson(browser);
  const url = await guestLink(staff, "head_office", true);
  await guest.page.goto(url);
  await at(guest.page, "enter-waiting").click();
  await sees(guest, 2);
  await guest.page.reload();
  await Promise.all([sees(guest, 2), sees(resident, 2), sees(staff, 2)]);
  const thief = await newPerson(browser);
  await thief.page.goto(url);
  await at(thief.page, "refused").waitFor({ timeout: LIMIT_MS });
  assert.match(await thief.page.innerText("body"), /別の端末/);
  await shot(thief.page, "link-bound");
  await sees(guest, 2);
  await hangUp(staff);
  await at(guest.page, "ended").waitFor({ timeout: LIMIT_MS });
  await Promise.all([staff, resident, guest, thief].map((one) => one.context.close()));
});

test("the office's picture goes out in the camera's place, and the camera really stops", async () => {
  const staff = await newStaff(browser, office);
  const { resident } = await newCall(staff, browser);
  await at(staff.page, "office-picture").click();
  await staff.page.locator('[data-test="office-picture"][aria-pressed="true"]').waitFor();
  const blue = () =>
    resident.page.evaluate(() => {
      const video = document.querySelector<HTMLVideoElement>('[data-test="remote-video"]');
      const context = new OffscreenCanvas(1, 1).getContext("2d");
      if (!video || video.videoWidth === 0 || !context) return null;
      // The band at the picture's foot.
      context.drawImage(video, 0, video.videoHeight * 0.98, video.videoWidth, video.videoHeight * 0.01, 0, 0, 1, 1);
      const [r = 255, g = 255, b = 0] = context.getImageData(0, 0, 1, 1).data;
      return b > r + 60 && b > g + 60;
    });
  await eventually("the resident sees the office's picture", blue, LIMIT_MS);
  await shot(resident.page, "office-picture");
  await at(staff.page, "office-picture").click();
  await eventually("the camera is back", async () => (await blue()) === false, LIMIT_MS);
  await hangUp(staff);
  await Promise.all([staff, resident].map((one) => one.context.close()));
});
