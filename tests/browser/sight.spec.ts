// What a console shows of others while it is in a call, and what leaves it when it goes to another section.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { at, enterWaiting, hangUp, isAccessible, newLink, newPerson, newStaff, row, shot, startBrowser } from "./people.ts";
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

test("in a call one is told quietly who waits; what goes to another section leaves a list without a reload", async () => {
  const hanako = await newStaff(browser, office);
  // Serves one section only.
  const kacho = await newStaff(browser, office, "kacho");
  for (const { page } of [hanako, kacho]) page.setDefaultTimeout(LIMIT_MS);
  const second = await newLink(kacho);
  const { resident } = await newCall(hanako, browser);
  assert.equal(await at(hanako.page, "also-waiting").count(), 0);
  await hanako.page.evaluate(() => {
    const made = { sounds: 0 };
    Object.assign(window, { made });
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (this: OscillatorNode, ...words: [number?]) {
      made.sounds += 1;
      return start.apply(this, words);
    };
  });
  const next = await newPerson(browser);
  await enterWaiting(next, second.url);
  await at(hanako.page, "also-waiting").waitFor();
  assert.match(await at(hanako.page, "also-waiting").innerText(), /子育て支援課で1人がお待ちです/);
  assert.equal(await at(hanako.page, "also-waiting").getAttribute("data-new"), "true");
  await eventually("the title says so", async () => /1人待ち/.test(await hanako.page.title()), LIMIT_MS);
  assert.equal(await hanako.page.evaluate(() => (window as unknown as { made: { sounds: number } }).made.sounds), 0, "no sound over the talk");
  await isAccessible(hanako.page, "a call while somebody waits");
  await shot(hanako.page, "staff-also-waiting");

  const taro = await newStaff(browser, office, "taro");
  const loads = await kacho.page.evaluate(() => performance.timeOrigin);
  await row(kacho, second.id).waitFor();
  await row(taro, second.id).locator('[data-test="more"]').click();
  await row(taro, second.id).locator('[data-test="move"]').click();
  await at(taro.page, "move-section").selectOption("kaigo");
  await at(taro.page, "move-confirm").click();
  await row(kacho, second.id).waitFor({ state: "detached" });
  assert.equal(await kacho.page.evaluate(() => performance.timeOrigin), loads, "the same page");
  assert.equal(await row(taro, second.id).count(), 1, "who serves both still has it");
  await hangUp(hanako);
  assert.deepEqual([hanako, kacho, taro, resident, next].flatMap((one) => one.faults), []);
  await Promise.all([hanako, kacho, taro, resident, next].map((one) => one.context.close()));
});
