// What is written and shown in a call, between two real browsers through the real media server: chat, captions, papers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { utf8 } from "../../signaling/web/src/e2ee/bytes.ts";
import { KeyRing } from "../../signaling/web/src/e2ee/ring.ts";
import { importBase, readHeader } from "../../signaling/web/src/e2ee/sframe.ts";
import { readMessage } from "../../signaling/web/src/talk/wire.ts";
import { bothSeeAndHear, inCall, over, soon } from "./call.ts";
import { Office } from "./office.ts";
import { brokenForm, form, lockedForm, picture } from "./papers.ts";
import { at, isAccessible, newPerson, newStaff, type Person, shot, startBrowser } from "./people.ts";

let office: Office;
let browser: Browser;

before(async () => {
  [office, browser] = await Promise.all([Office.open({ isBare: true }), startBrowser({ framesPerSecond: 10 })]);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

/** Keeps what comes by a page's data channels, as the media server passes it on. */
function keepWhatComes(): void {
  const came: number[][] = [];
  Object.assign(window, { came });
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      this.addEventListener("datachannel", ({ channel }) => {
        channel.addEventListener("message", ({ data }) => {
          if (data instanceof ArrayBuffer) came.push(Array.from(new Uint8Array(data)));
        });
      });
    }
  };
}

/** Remembers every secret of 32 bytes that a page derives keys from: its own frame keys are among them. */
function rememberSecrets(): void {
  const secrets: number[][] = [];
  Object.assign(window, { secrets });
  const original = crypto.subtle.importKey;
  crypto.subtle.importKey = function (this: SubtleCrypto, ...words: unknown[]) {
    if (words[2] === "HKDF") secrets.push(Array.from(new Uint8Array(words[1] as ArrayBuffer)));
    return Reflect.apply(original, this, words) as Promise<CryptoKey>;
  } as typeof original;
}

async function write(page: Page, words: string): Promise<void> {
  if (!(await at(page, "chat").isVisible())) await at(page, "chat-open").click();
  await at(page, "chat-text").fill(words);
  await at(page, "chat-text").press("Enter");
}

const lines = (page: Page) => page.locator('[data-test="chat-line"] .chat-words').allInnerTexts();

test("what is written can't be read on its way without the sender's key, and can with it", async () => {
  const [staff, resident] = [await newStaff(browser, office), await newPerson(browser)];
  await resident.context.addInitScript(keepWhatComes);
  await staff.context.addInitScript(rememberSecrets);
  await staff.page.reload();
  await at(staff.page, "create-link").first().waitFor();
  await inCall(resident, staff);
  const secret = "印鑑証明とマイナンバーをお持ちください";
  await write(staff.page, secret);
  await at(resident.page, "chat-open").click();
  await soon("the resident reads it", async () => (await lines(resident.page)).includes(secret));

  const came = await resident.page.evaluate(() => (window as unknown as { came: number[][] }).came);
  const bodies = came.map((bytes) => new Uint8Array(bytes.slice(7 + (bytes[6] ?? 0))));
  assert.ok(bodies.length > 0);
  for (const body of bodies) assert.ok(!Buffer.from(body).includes(Buffer.from(secret)), "the node can't read it");
  for (const body of bodies) assert.equal(readMessage(body), null, "nor is it any message");

  const secrets = await staff.page.evaluate(() => (window as unknown as { secrets: number[][] }).secrets);
  const found: string[] = [];
  for (const body of bodies) {
    for (const one of secrets) {
      const ring = new KeyRing();
      await ring.receive("staff", await importBase(new Uint8Array(one)), readHeader(body)?.kid ?? 0);
      const plain = await ring.open(body, "staff");
      const message = plain && readMessage(plain);
      if (message?.type === "chat") found.push(message.text);
    }
  }
  assert.deepEqual(found, [secret], "with the sender's key it is what was written, once");
  assert.ok(utf8(secret).length > 0);
  await over(resident, staff);
});

test("chat: both write, unread lines are counted, links are staff's only, and it comes back after a reload", async () => {
  const [staff, resident] = [await newStaff(browser, office), await newPerson(browser)];
  await inCall(resident, staff);
  await write(staff.page, "詳しくは https://www.city.example.jp/kaigo をご覧ください。");
  await soon("the resident is told of it", async () => (await at(resident.page, "chat-unread").innerText()) === "1");
  await shot(resident.page, "talk-unread");
  await at(resident.page, "chat-open").click();
  const link = at(resident.page, "chat-link");
  await link.waitFor();
  assert.equal(await link.getAttribute("href"), "https://www.city.example.jp/kaigo");
  assert.match(await link.innerText(), /www\.city\.example\.jp を開きます/);
  assert.equal(await at(resident.page, "chat-unread").count(), 0);
  await write(resident.page, "これは https://evil.example/ です\n<b>太字ではない</b>");
  await soon("the staff see it", async () => (await at(staff.page, "chat-line").count()) === 2);
  assert.equal(await staff.page.locator('[data-test="chat-link"]').count(), 1, "only the staff's own is a link");
  assert.equal(await staff.page.locator(".chat-words b").count(), 0);
  await isAccessible(resident.page, "the resident's chat");
  await isAccessible(staff.page, "the staff's chat");
  await shot(resident.page, "talk-chat-phone");
  await shot(staff.page, "talk-chat-desktop");

  const before = await lines(staff.page);
  await resident.page.reload();
  await bothSeeAndHear(resident);
  await at(resident.page, "chat-open").click();
  await soon("the lines are back", async () => (await at(resident.page, "chat-line").count()) === 2);
  assert.deepEqual(await lines(resident.page), before);
  await at(resident.page, "chat-text").press("Escape");
  await soon("Escape closes it", async () => !(await at(resident.page, "chat").isVisible()));
  assert.equal(await resident.page.evaluate(() => document.activeElement?.getAttribute("data-test")), "chat-open", "and the focus is where it was");
  await over(resident, staff);
});

test("captions are shown as they are typed, as large and in the colours that somebody likes", async () => {
  const [staff, resident] = [await newStaff(browser, office), await newPerson(browser)];
  await inCall(resident, staff);
  await at(staff.page, "more").click();
  await isAccessible(staff.page, "the sheet");
  await shot(staff.page, "talk-more-desktop");
  await at(staff.page, "more-caption").click();
  await at(staff.page, "caption-text").pressSequentially("それでは、申請の", { delay: 20 });
  const shown = () => at(resident.page, "captions").innerText();
  await soon("what is typed is shown before its end", async () => /それでは、申請の/.test(await shown()));
  await at(staff.page, "caption-text").pressSequentially("書き方をご説明します。", { delay: 20 });
  await at(staff.page, "caption-text").press("Enter");
  await at(staff.page, "caption-text").pressSequentially("次に", { delay: 20 });
  await soon("both are shown", async () => /ご説明します。\n+次に/.test(await shown()));
  const read = await resident.page.locator('[data-test="captions"] [role="log"]').innerText();
  assert.match(read, /それでは、申請の書き方をご説明します。/, "finished sentences are read out");
  assert.doesNotMatch(read, /次に/, "others aren't yet");

  await at(resident.page, "more").click();
  await isAccessible(resident.page, "the resident's sheet");
  await shot(resident.page, "talk-more-phone");
  await at(resident.page, "more-look").click();
  await at(resident.page, "captions-size-3").check();
  await at(resident.page, "captions-yellow").check();
  await isAccessible(resident.page, "the choice of captions");
  await shot(resident.page, "talk-caption-choices");
  await at(resident.page, "more-close").click();
  await at(resident.page, "more-close").click();
  const look = () => at(resident.page, "captions").evaluate((it) => [getComputedStyle(it).fontSize, getComputedStyle(it).color]);
  assert.deepEqual(await look(), ["44px", "rgb(255, 230, 0)"]);
  await isAccessible(resident.page, "captions");
  await shot(resident.page, "talk-captions-phone");
  await resident.page.reload();
  await bothSeeAndHear(resident);
  await at(staff.page, "caption-text").pressSequentially("、用紙です。", { delay: 20 });
  await soon("captions go on", async () => /次に、用紙です。/.test(await shown()));
  assert.deepEqual(await look(), ["44px", "rgb(255, 230, 0)"], "the choice is kept");
  await over(resident, staff);
});

/** Chooses a file as somebody does. */
async function bring({ page }: Person, name: string, bytes: Buffer, mimeType = "application/pdf"): Promise<void> {
  await at(page, "paper-file").setInputFiles({ name, mimeType, buffer: bytes });
}

/** Where a page's black field lies, as a share of the width, by the pixels that are drawn. */
function fieldOf({ page }: Person): Promise<number | null> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('canvas[data-test="paper-page"][data-drawn]');
    const context = canvas?.getContext("2d");
    if (!canvas || !context || canvas.width === 0) return null;
    const y = Math.round(canvas.height * (1 - 425 / 842));
    const { data } = context.getImageData(0, y, canvas.width, 1);
    for (let x = 0; x < canvas.width; x++) if ((data[4 * x] ?? 255) < 60) return x / canvas.width;
    return null;
  });
}

/** Dark pixels where the heading is: letters that were really drawn. */
function inkOf({ page }: Person): Promise<number> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('canvas[data-test="paper-page"][data-drawn]');
    const context = canvas?.getContext("2d");
    if (!canvas || !context || canvas.width === 0) return 0;
    const { data } = context.getImageData(0, Math.round(canvas.height * 0.05), canvas.width, Math.round(canvas.height * 0.08));
    let dark = 0;
    for (let at = 0; at < data.length; at += 4) if ((data[at] ?? 255) < 128) dark += 1;
    return dark;
  });
}

const showsPage = (person: Person, page: number) =>
  soon(`page ${page + 1} is shown`, async () => {
    const field = await fieldOf(person);
    return field !== null && Math.abs(field - (72 + 60 * page) / 595) < 0.01;
  });

test("a PDF is shown to both, staff turn its pages, both point, each has a magnifying glass, and a reload brings it back", async () => {
  const [staff, resident] = [await newStaff(browser, office), await newPerson(browser)];
  await inCall(resident, staff);
  await bring(staff, "認定申請書.pdf", form(4));
  await Promise.all([showsPage(staff, 0), showsPage(resident, 0)]);
  assert.ok((await inkOf(resident)) > 1_000, "Japanese letters without a font in the file are drawn");
  assert.equal(await resident.page.locator('canvas[data-test="paper-page"]').getAttribute("aria-label"), "書類「認定申請書.pdf」4ページのうち1ページ目");
  await isAccessible(resident.page, "a paper on a phone");
  await shot(resident.page, "talk-paper-phone");
  await at(staff.page, "page-next").click();
  await at(staff.page, "page-next").click();
  await Promise.all([showsPage(staff, 2), showsPage(resident, 2)]);
  assert.equal(await at(resident.page, "page-next").count(), 0, "residents can't turn the staff's pages by mistake");

  const pointer = resident.page.locator('[data-test="paper-pointer"][data-mine="false"]');
  await soon("the staff's pointer is seen where it points", async () => {
    // Looked for each time: what else the page shows may move the paper.
    const box = await at(staff.page, "paper-page").boundingBox();
    assert.ok(box, "the paper has gone from the staff's page");
    await staff.page.mouse.move(box.x + box.width * 0.3, box.y + box.height * 0.4);
    await staff.page.mouse.move(box.x + box.width * 0.25, box.y + box.height * 0.5);
    const [x, y] = await pointer.evaluate((it) => [Number(it.dataset["x"]), Number(it.dataset["y"])], undefined, { timeout: 1_000 });
    assert.ok(Math.abs(x! - 0.25) < 0.02 && Math.abs(y! - 0.5) < 0.02, `it is seen at ${x}, ${y}`);
    return true;
  });
  await isAccessible(staff.page, "a paper at a desk");
  await shot(staff.page, "talk-paper-desktop");
  const theirs = staff.page.locator('[data-test="paper-pointer"][data-mine="false"]');
  await soon("and the resident's", async () => {
    await at(resident.page, "paper-page").click({ position: { x: 40, y: 60 } });
    return theirs.isVisible();
  });
  await soon("a pointer that rests goes", async () => !(await theirs.isVisible()));

  const width = (person: Person) => at(person.page, "paper-page").evaluate((it) => it.getBoundingClientRect().width);
  const [mine, others] = [await width(resident), await width(staff)];
  await at(resident.page, "zoom-in").click();
  await resident.page.keyboard.press("+");
  await soon("it is twice as large", async () => Math.abs((await width(resident)) - 2 * mine) < 3);
  assert.equal(await width(staff), others, "for the resident only");
  await shot(resident.page, "talk-paper-zoom");

  await resident.page.reload();
  await bothSeeAndHear(resident);
  await showsPage(resident, 2);
  await at(staff.page, "page-next").click();
  await showsPage(resident, 3);
  await at(staff.page, "paper-away").click();
  await soon("it is gone from both", async () => !(await at(resident.page, "paper").isVisible()) && !(await at(staff.page, "paper").isVisible()));
  await over(resident, staff);
});

test("who brought a paper reloads: the others give it back, and a picture from a phone is shown too", async () => {
  const [staff, resident] = [await newStaff(browser, office), await newPerson(browser)];
  await inCall(resident, staff);
  await bring(resident, "保険証.png", picture(900, 600, [20, 120, 60]), "image/png");
  const colour = ({ page }: Person) =>
    page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('canvas[data-test="paper-page"][data-drawn]');
      const context = canvas?.getContext("2d");
      return canvas && context && canvas.width > 0 ? Array.from(context.getImageData(canvas.width >> 1, canvas.height >> 1, 1, 1).data.slice(0, 3)) : null;
    });
  const isGreen = (rgb: number[] | null) => rgb !== null && [20, 120, 60].every((value, at) => Math.abs(value - (rgb[at] ?? 0)) < 12);
  await soon("the staff see the picture", async () => isGreen(await colour(staff)));
  await resident.page.reload();
  await bothSeeAndHear(resident);
  await soon("and the resident again", async () => isGreen(await colour(resident)));
  await over(resident, staff);
});

test("a file that can't be shown says what to do, and the call goes on", async () => {
  const [staff, resident] = [await newStaff(browser, office), await newPerson(browser, { width: 320, height: 640 })];
  await inCall(resident, staff);
  const bad: [string, Buffer, string, RegExp][] = [
    ["broken.pdf", brokenForm(), "broken", /壊れている/],
    ["大きい.pdf", Buffer.concat([form(1), Buffer.alloc(30 * 1024 * 1024)]), "too_large", /20 MB まで/],
    ["長い.pdf", form(51), "too_long", /50 ページまで/],
    ["鍵.pdf", lockedForm(), "locked", /パスワード/],
    ["表.xlsx", Buffer.from("PK\u0003\u0004 not a paper"), "unknown", /PDF か写真/],
    ["写真.heic", Buffer.from("\0\0\0\u0018ftypheic0000"), "heic", /HEIC/],
    ["写真.jpg", Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 0, 0]), "broken", /壊れている/],
    ["空.pdf", Buffer.alloc(0), "empty", /中身がありません/],
  ];
  for (const [name, bytes, problem, words] of bad) {
    await bring(resident, name, bytes);
    await soon(`${name}: ${problem}`, async () => {
      const said = await at(resident.page, "paper-trouble").getAttribute("data-problem", { timeout: 1000 });
      if (said !== problem) throw new Error(`it says ${said}`);
      return true;
    });
    assert.match(await at(resident.page, "paper-trouble").innerText(), words);
    await at(resident.page, "paper-trouble-close").click();
  }
  await bring(resident, "broken.pdf", brokenForm());
  await at(resident.page, "paper-trouble").waitFor();
  await isAccessible(resident.page, "a broken paper");
  await shot(resident.page, "talk-paper-broken");
  assert.equal(await staff.page.locator('[data-test="paper"]').count(), 0, "nobody else is bothered");
  await bring(resident, "よい.pdf", form(1));
  await showsPage(staff, 0);
  await bothSeeAndHear(staff);
  await shot(resident.page, "talk-paper-320");
  await over(resident, staff);
});

test("all of it by keyboard, at 320 px and with letters twice as large", async () => {
  const [staff, resident] = [await newStaff(browser, office), await newPerson(browser, { width: 320, height: 640 })];
  await inCall(resident, staff);
  const { page } = resident;
  const focusOn = async (hook: string) =>
    soon(`the focus comes to ${hook}`, async () => {
      await page.keyboard.press("Tab");
      return (await page.evaluate(() => document.activeElement?.getAttribute("data-test"))) === hook;
    });
  await focusOn("chat-open");
  await page.keyboard.press("Enter");
  await at(page, "chat").waitFor();
  await page.keyboard.type("はい、聞こえます");
  await page.keyboard.press("Enter");
  await at(staff.page, "chat-open").click();
  await soon("it arrives", async () => (await lines(staff.page)).includes("はい、聞こえます"));
  await shot(page, "talk-chat-320");
  await page.keyboard.press("Escape");
  await focusOn("more");
  await page.keyboard.press("Enter");
  await at(page, "more-sheet").waitFor();
  await focusOn("more-sign");
  await page.keyboard.press("Enter");
  await soon("the sign language view is on", async () => (await page.locator(".stage").getAttribute("data-signing")) === "true");
  await isAccessible(page, "the sign language view at 320 px");
  await shot(page, "talk-sign-320");
  // As browsers enlarge letters: a page of half the width.
  await page.setViewportSize({ width: 195, height: 422 });
  await soon("nothing sticks out at 200 %", () => page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth));
  await shot(page, "talk-200-percent");
  await page.setViewportSize({ width: 320, height: 640 });
  await over(resident, staff);
});
