// A broadcast: one browser brings its camera by WHIP as OBS does, others watch it by WHEP on the page for everybody.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { at, isAccessible, newPerson, newStaff, type Person, received, shot, startBrowser } from "./people.ts";

interface Broadcast {
  id: string;
  title: string;
  whip_url: string;
  publish_token: string;
  watch_url: string;
}

let office: Office;
let browser: Browser;
let staff: Person;

before(async () => {
  [office, browser] = await Promise.all([Office.open({ isBare: true }), startBrowser()]);
  staff = await newStaff(browser, office);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

/** What staff ask of the API, from their own page. */
function ask(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const wanted = { method, path, body: body && JSON.stringify(body) };
  return staff.page.evaluate(async ({ method, path, body }) => {
    const csrf = document.querySelector<HTMLMetaElement>("meta[name=csrf]")?.content ?? "";
    const headers = { "content-type": "application/json", "x-csrf-token": csrf };
    const response = await fetch(path, { method, headers, body: body ?? null });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : null };
  }, wanted);
}

async function newBroadcast(isPublic: boolean): Promise<Broadcast> {
  const { status, body } = await ask("POST", "/api/broadcasts", { title: "区長からのお知らせ", public: isPublic });
  assert.equal(status, 201);
  return body as Broadcast;
}

/** Brings the fake camera and microphone. Gives the answer's status and, when it was taken, the session's address. */
async function bring(page: Page, { whip_url, publish_token }: Broadcast): Promise<{ status: number; session: string }> {
  return page.evaluate(
    async ({ url, token }) => {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 360 }, audio: true });
      const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
      for (const track of stream.getTracks()) connection.addTransceiver(track, { direction: "sendonly", streams: [stream] });
      await connection.setLocalDescription();
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/sdp" };
      const body = connection.localDescription?.sdp ?? "";
      const response = await fetch(url, { method: "POST", headers, body });
      const sdp = await response.text();
      if (response.status === 201) await connection.setRemoteDescription({ type: "answer", sdp });
      else connection.close();
      return { status: response.status, session: response.headers.get("location") ?? "" };
    },
    { url: whip_url, token: publish_token },
  );
}

async function newPublisher(): Promise<Person> {
  const person = await newPerson(browser);
  await person.page.goto(office.url);
  return person;
}

const state = (page: Page) => at(page, "live-state").getAttribute("data-state");

/** The brightest of a few points of what the page's video shows now. */
function brightest(page: Page): Promise<number> {
  return page.evaluate(() => {
    const video = document.querySelector<HTMLVideoElement>('[data-test="live-video"]');
    const context = new OffscreenCanvas(8, 8).getContext("2d");
    if (!video || !context || video.videoWidth === 0) return 0;
    context.drawImage(video, 0, 0, 8, 8);
    return Math.max(...context.getImageData(0, 0, 8, 8).data.filter((_, index) => index % 4 !== 3));
  });
}

/** New pictures come, and they aren't black. */
async function sees({ page }: Person): Promise<void> {
  const before = (await received(page)).framesDecoded;
  await eventually("the broadcast's picture", async () => {
    return (await received(page)).framesDecoded > before + 20 && (await brightest(page)) > 30;
  });
  await eventually("the page says so", async () => (await state(page)) === "on");
}

test("who waits for a broadcast sees it when it begins, hears it when asked, and is told when it is over", async () => {
  const broadcast = await newBroadcast(true);
  const viewer = await newPerson(browser);
  await viewer.page.goto(broadcast.watch_url);
  await eventually("the page waits", async () => (await state(viewer.page)) === "waiting");

  const publisher = await newPublisher();
  const brought = await bring(publisher.page, broadcast);
  assert.equal(brought.status, 201);
  await sees(viewer);
  const second = await newPerson(browser, { language: "en-GB", width: 1280, height: 800 });
  await second.page.goto(broadcast.watch_url);
  await sees(second);
  assert.match((await at(second.page, "live-state").textContent()) ?? "", /Live/);

  const isMuted = () => viewer.page.locator("video").evaluate((video) => (video as HTMLVideoElement).muted);
  assert.equal(await isMuted(), true);
  await at(viewer.page, "live-sound").click();
  assert.equal(await isMuted(), false);
  const before = (await received(viewer.page)).audioEnergy;
  await eventually("the sound is heard", async () => (await received(viewer.page)).audioEnergy > before + 1e-5);
  await isAccessible(viewer.page, "the broadcast's page");
  await shot(viewer.page, "live-390");
  await shot(second.page, "live-1280");

  assert.equal((await bring((await newPublisher()).page, broadcast)).status, 409, "one at a time");
  assert.equal((await ask("DELETE", `/api/broadcasts/${broadcast.id}`)).status, 204);
  for (const { page } of [viewer, second]) {
    await eventually("the page says that it is over", async () => (await state(page)) === "over");
  }
  assert.deepEqual([...viewer.faults, ...second.faults, ...publisher.faults], []);
});

test("a closed broadcast opens to its whole link only, and stands the loss of its node", async () => {
  const broadcast = await newBroadcast(false);
  const stranger = await newPerson(browser);
  await stranger.page.goto(broadcast.watch_url.replace(/#.*/, ""));
  await eventually("the page says that its link is not whole", async () => (await state(stranger.page)) === "denied");

  const [publisher, viewer] = await Promise.all([newPublisher(), newPerson(browser)]);
  assert.equal((await bring(publisher.page, broadcast)).status, 201);
  await viewer.page.goto(broadcast.watch_url);
  await sees(viewer);

  await office.kill("media-server");
  await publisher.page.reload();
  await eventually("the picture is taken by the next node", async () => (await bring(publisher.page, broadcast)).status === 201, 60_000);
  // The page itself finds out, and comes back.
  await eventually("the page shows it again", async () => (await state(viewer.page)) === "on", 60_000);
  await sees(viewer);
});
