// Broadcasts as staff make them, browsers bring them, and the page for everybody shows them.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { eventually } from "./office.ts";
import { at, type Person, received } from "./people.ts";

export interface Broadcast {
  id: string;
  title: string;
  whip_url: string;
  publish_token: string;
  whep_url: string;
  watch_url: string;
}

/** What staff ask of the API, from their own page. */
export function ask(staff: Person, method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const wanted = { method, path, body: body && JSON.stringify(body) };
  return staff.page.evaluate(async ({ method, path, body }) => {
    const csrf = document.querySelector<HTMLMetaElement>("meta[name=csrf]")?.content ?? "";
    const headers = { "content-type": "application/json", "x-csrf-token": csrf };
    const response = await fetch(path, { method, headers, body: body ?? null });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : null };
  }, wanted);
}

export async function newBroadcast(staff: Person, isPublic: boolean): Promise<Broadcast> {
  const { status, body } = await ask(staff, "POST", "/api/broadcasts", { title: "区長からのお知らせ", public: isPublic });
  assert.equal(status, 201);
  return body as Broadcast;
}

/** Brings the fake camera and microphone. Gives the answer's status and, when it was taken, the session's address. */
export async function bring(page: Page, { whip_url, publish_token }: Broadcast): Promise<{ status: number; session: string }> {
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

export const state = (page: Page) => at(page, "live-state").getAttribute("data-state");

/** The brightest of a few points of what the page's video shows now. */
export function brightest(page: Page): Promise<number> {
  return page.evaluate(() => {
    const video = document.querySelector<HTMLVideoElement>('[data-test="live-video"]');
    const context = new OffscreenCanvas(8, 8).getContext("2d");
    if (!video || !context || video.videoWidth === 0) return 0;
    context.drawImage(video, 0, 0, 8, 8);
    return Math.max(...context.getImageData(0, 0, 8, 8).data.filter((_, index) => index % 4 !== 3));
  });
}

/** New pictures come, and they aren't black. */
export async function sees({ page }: Person): Promise<void> {
  const before = (await received(page)).framesDecoded;
  await eventually("the broadcast's picture", async () => {
    return (await received(page)).framesDecoded > before + 20 && (await brightest(page)) > 30;
  });
  await eventually("the page says so", async () => (await state(page)) === "on");
}

/** Its end, as staff make it. */
export async function endBroadcast(staff: Person, { id }: Broadcast): Promise<void> {
  assert.equal((await ask(staff, "DELETE", `/api/broadcasts/${id}`)).status, 204);
}
