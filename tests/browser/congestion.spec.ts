// The public page: real people in a real film, counted, shown, changing; with and without JavaScript.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { at, fits, isAccessible, newPerson, shot, startBrowser } from "./people.ts";

let office: Office;
let browser: Browser;

before(async () => {
  [office, browser] = await Promise.all([Office.open(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

test("the area's count changes on the open page as the film goes on", async () => {
  const resident = await newPerson(browser);
  await resident.page.goto(office.url);
  const count = at(resident.page, "area-count").first();
  const seen = new Set<string>();
  await eventually(
    "three different counts on the page, without a reload",
    async () => {
      const text = (await count.textContent())?.trim();
      if (text && /\d/.test(text)) seen.add(text);
      return seen.size >= 3;
    },
    90_000,
  );
  assert.match((await at(resident.page, "area-level").first().textContent()) ?? "", /空いています|やや混雑|混雑|満員/);
  assert.match((await at(resident.page, "area-age").first().textContent()) ?? "", /たった今|秒前|分前/);
  await isAccessible(resident.page, "the public page");
  await shot(resident.page, "home-390");
  for (const [width, height] of [
    [320, 640],
    [1280, 800],
  ] as const) {
    await resident.page.setViewportSize({ width, height });
    await fits(resident.page, `the public page at ${width}`);
    await shot(resident.page, `home-${width}`);
  }
  assert.deepEqual(resident.faults, []);
  await resident.context.close();
});

test("the page is complete without JavaScript, in Japanese and English", async () => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false, locale: "ja-JP" });
  const page = await context.newPage();
  await eventually("a count on the page", async () => {
    await page.goto(office.url);
    return /\d/.test((await at(page, "area-count").first().textContent()) ?? "");
  });
  assert.match((await page.innerText("body")) ?? "", /1階ロビー/);
  await page.locator('a[href*="/language?to=en"]').first().click();
  assert.match((await page.innerText("body")) ?? "", /1st Floor Lobby/);
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  await context.close();
});

test("the API gives the same state as JSON, and says how many the area holds", async () => {
  const area = await eventually("a counted area", async () => (await office.areas()).find((one) => one.count !== null));
  assert.equal(area.area, "lobby-1f");
  assert.equal(area.capacity, 12);
  assert.ok(area.observed_at && Math.abs(Date.now() - area.observed_at) < 30_000, "observed just now");
  const answer = await office.get("/api/areas");
  assert.match(String(answer.headers["content-type"]), /^application\/json/);
  const missing = await office.get("/api/nothing");
  assert.equal(missing.status, 404);
  assert.match(String(missing.headers["content-type"]), /^application\/problem\+json/);
});

test("every page carries its security headers", async () => {
  for (const path of ["/", "/staff/login", "/c/aaaaaaaaaaaaaaaaaaaaaaaaaa", "/nothing", "/api/areas"]) {
    const { headers } = await office.get(path);
    assert.match(String(headers["content-security-policy"]), /default-src 'none'/, path);
    assert.doesNotMatch(String(headers["content-security-policy"]), /unsafe-inline|unsafe-eval/, path);
    assert.match(String(headers["strict-transport-security"]), /max-age=\d{7,}/, path);
    assert.match(String(headers["permissions-policy"]), /camera=\(self\)/, path);
    assert.equal(headers["x-content-type-options"], "nosniff", path);
    for (const cookie of [headers["set-cookie"] ?? []].flat()) assert.match(cookie, /^__Host-/, path);
  }
});

test("the login page is accessible, and a wrong password says so", async () => {
  const person = await newPerson(browser, { width: 1280, height: 800 });
  await person.page.goto(`${office.url}/staff`);
  assert.match(person.page.url(), /\/staff\/login/);
  await isAccessible(person.page, "the login page");
  await shot(person.page, "staff-login");
  await person.page.locator("input[name=id]").fill("hanako");
  await person.page.locator("input[name=password]").fill("wrong");
  await person.page.locator("form button[type=submit]").first().click();
  await person.page.locator("[role=alert]").waitFor();
  await isAccessible(person.page, "the login page with an error");
  await person.context.close();
});
