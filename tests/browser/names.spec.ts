// Whether residents and guests are told the names of the staff they talk to: as the office's configuration says.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { at, hangUp, newPerson, newStaff, shot, startBrowser } from "./people.ts";
import { guestLink, LIMIT_MS, newCall, plates } from "./seats.ts";

const NAME = "窓口 花子";

let browser: Browser;

before(async () => {
  browser = await startBrowser({ framesPerSecond: 10 });
});
after(async () => {
  await browser?.close();
});

for (const isShown of [false, true]) {
  test(`show_names = ${isShown}: a resident and a guest ${isShown ? "read" : "never get"} the name of who serves`, async () => {
    const office = await Office.open({ isBare: true, tables: `\n[consultation]\nshow_names = ${isShown}\n` });
    try {
      const staff = await newStaff(browser, office);
      const { resident } = await newCall(staff, browser);
      const family = await newPerson(browser);
      // All that the server ever tells these pages, by whatever way.
      const told: string[] = [];
      family.page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => told.push(String(payload))));
      family.page.on("response", async (response) => told.push(await response.text().catch(() => "")));
      await family.page.goto(await guestLink(staff, "family", true));
      await at(family.page, "enter-waiting").click();
      await at(family.page, "call").waitFor({ timeout: LIMIT_MS });
      const plate = isShown ? `子育て支援課の区職員 ${NAME}` : "子育て支援課の区職員";
      for (const person of [resident, family]) {
        await eventually("who serves is told by what they are", async () => (await plates(person)).includes(plate), LIMIT_MS);
        assert.equal((await person.page.innerText("body")).includes(NAME), isShown);
      }
      await shot(resident.page, `names-${isShown ? "shown" : "hidden"}-phone`);
      assert.ok(told.length > 3);
      assert.equal(told.some((text) => text.includes(NAME)), isShown, "what isn't shown isn't sent either");
      await hangUp(staff);
      await Promise.all([staff, resident, family].map((one) => one.context.close()));
    } finally {
      await office.close();
    }
  });
}
