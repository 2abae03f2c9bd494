// Data messages between two real browsers in a consultation: the pages' own code and channels, through the media server.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import type { Data, Message } from "../../signaling/web/src/shared/data.ts";
import { eventually, Office, ROOT } from "./office.ts";
import { admit, at, enterWaiting, newLink, newPerson, newStaff, type Person, seesAndHears, startBrowser } from "./people.ts";

let office: Office;
let browser: Browser;

before(async () => {
  [office, browser] = await Promise.all([Office.open(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

interface Window {
  up: Record<string, RTCDataChannel>;
  down: Record<string, RTCDataChannel>;
  data: Data;
  heard: Message[];
}

/** Remembers the channels that the page opens, and those that are opened to it. */
function rememberChannels(): void {
  const found = { up: {} as Record<string, RTCDataChannel>, down: {} as Record<string, RTCDataChannel> };
  Object.assign(window, found);
  const { createDataChannel } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.createDataChannel = function (label, options) {
    const channel = createDataChannel.call(this, label, options);
    found.up[label] = channel;
    return channel;
  };
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      this.addEventListener("datachannel", ({ channel }) => (found.down[channel.label] = channel));
    }
  };
}

/** Waits for a page's channels, and gives them to a `Data` of the page's own code that the test can speak to. */
async function talking(person: Person): Promise<void> {
  await eventually("the channels are open", () =>
    person.page.evaluate(() => {
      const { up, down } = window as unknown as Window;
      const all = [up.reliable, up.lossy, down.reliable, down.lossy];
      return all.every((one) => one?.readyState === "open");
    }),
  );
  const source = stripTypeScriptTypes(readFileSync(join(ROOT, "signaling/web/src/shared/data.ts"), "utf8"));
  const code = source.replaceAll(/^export /gm, "");
  await person.page.evaluate(`(() => {
    ${code}
    const data = new Data();
    const heard = [];
    data.onMessage((message) => heard.push(message));
    data.openOn({ createDataChannel: (label) => window.up[label] });
    data.listenTo(window.down.reliable, true);
    data.listenTo(window.down.lossy, false);
    data.begin();
    Object.assign(window, { data, heard });
  })()`);
}

/** Whom and what a page has heard: from whom, whether privately, and the words. */
function heard(person: Person): Promise<{ from: string; isPrivate: boolean; isReliable: boolean; words: string }[]> {
  return person.page.evaluate(() =>
    (window as unknown as Window).heard.map(({ from, isPrivate, isReliable, body }) => ({
      from,
      isPrivate,
      isReliable,
      words: new TextDecoder().decode(body),
    })),
  );
}

const say = (person: Person, words: string, to?: string) =>
  person.page.evaluate(
    ([words, to]) => (window as unknown as Window).data.send(new TextEncoder().encode(words), to),
    [words, to] as const,
  );

test("messages pass between two browsers: in order, to one, quickly, and many at a time", async () => {
  const staff = await newStaff(browser, office);
  const resident = await newPerson(browser);
  for (const { context } of [staff, resident]) await context.addInitScript(rememberChannels);
  await staff.page.reload();
  await at(staff.page, "create-link").first().waitFor();
  const { url, id } = await newLink(staff);
  await enterWaiting(resident, url);
  await admit(staff, id);
  await Promise.all([seesAndHears(resident), seesAndHears(staff)]);
  await Promise.all([talking(resident), talking(staff)]);

  assert.deepEqual(await say(staff, "こんにちは"), { missed: [], missedMore: 0 });
  await eventually("the resident hears it", async () => (await heard(resident)).length === 1);
  const [first] = await heard(resident);
  assert.deepEqual([first?.words, first?.isPrivate, first?.isReliable], ["こんにちは", false, true]);

  await say(resident, "はい", first?.from);
  await eventually("the staff hears it", async () => (await heard(staff)).length === 1);
  const [second] = await heard(staff);
  assert.deepEqual([second?.words, second?.isPrivate], ["はい", true]);
  assert.notEqual(second?.from, first?.from);
  const refused = await resident.page.evaluate(async () => {
    const { data } = window as unknown as Window;
    return data.send(new Uint8Array(1), "nobody").catch((error: { problem: unknown }) => error.problem);
  });
  assert.equal((refused as { status: number }).status, 404);

  await eventually("what is quick arrives", async () => {
    await staff.page.evaluate(() => (window as unknown as Window).data.sendLossy(new TextEncoder().encode("here")));
    return (await heard(resident)).some((one) => one.words === "here" && !one.isReliable);
  });

  // A document of 600 kB, in pieces as large as they may be.
  const receipts = await staff.page.evaluate(async () => {
    const { data } = window as unknown as Window;
    const sent = [];
    for (let piece = 0; piece < 40; piece += 1) {
      await data.ready();
      sent.push(data.send(new Uint8Array(15_000).fill(piece)));
    }
    return Promise.all(sent);
  });
  assert.ok(receipts.every(({ missed }) => missed.length === 0));
  const pieces = () =>
    resident.page.evaluate(() => {
      const whole = (window as unknown as Window).heard.filter(({ body }) => body.length === 15_000);
      return whole.map(({ body }) => (body.every((byte) => byte === body[0]) ? body[0] : -1));
    });
  await eventually("all of it is there", async () => (await pieces()).length === 40);
  assert.deepEqual(await pieces(), Array.from({ length: 40 }, (_, piece) => piece));

  assert.deepEqual([...resident.faults, ...staff.faults], []);
  await Promise.all([resident.context.close(), staff.context.close()]);
});
