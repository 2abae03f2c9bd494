// A broadcast between implementations: GStreamer brings it, a browser watches; a browser brings it, GStreamer watches.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { brightest, bring, endBroadcast, newBroadcast, sees, state } from "./live.ts";
import { eventually, Office } from "./office.ts";
import { at, newPerson, newStaff, type Person, received, startBrowser } from "./people.ts";

let office: Office;
let browser: Browser;
let staff: Person;
const running = new Set<GStreamer>();

before(async () => {
  [office, browser] = await Promise.all([Office.open({ isBare: true }), startBrowser()]);
  staff = await newStaff(browser, office);
});
after(async () => {
  for (const one of running) one.stop();
  await browser?.close();
  await office?.close();
});

/** What went through it. */
interface Count {
  pictures: number;
  sounds: number;
  height: number;
}

class GStreamer {
  count: Count = { pictures: 0, sounds: 0, height: 0 };
  readonly ended: Promise<number | null>;
  #words = "";
  readonly #child: ChildProcess;

  constructor(what: "publish" | "watch", url: string, token: string | null, codec: "vp8" | "h264") {
    const words = [what, "--url", url, "--codec", codec, "--seconds", "120", ...(token === null ? [] : ["--token", token])];
    const env = { ...process.env, SSL_CERT_FILE: office.authority };
    this.#child = spawn(office.program("madoguchi-live-peer"), words, { stdio: ["ignore", "pipe", "pipe"], env });
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    lines.on("line", (line) => {
      this.count = JSON.parse(line) as Count;
    });
    this.#child.stderr?.on("data", (part: Buffer) => {
      this.#words = (this.#words + part.toString()).slice(-4000);
    });
    this.ended = new Promise((done) => this.#child.on("exit", (code) => done(code)));
    running.add(this);
  }

  /** Waits until its figures are so; says what it said when it ended before. */
  async until(what: string, isSo: (count: Count) => boolean): Promise<void> {
    await eventually(
      what,
      () => {
        if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.#words}`);
        return isSo(this.count);
      },
      60_000,
    );
  }

  stop(): void {
    running.delete(this);
    this.#child.kill("SIGTERM");
  }
}

for (const codec of ["vp8", "h264"] as const) {
  test(`GStreamer's ${codec} is seen and heard in a browser, and comes back by WHEP`, async () => {
    const broadcast = await newBroadcast(staff, true);
    const viewer = await newPerson(browser);
    await viewer.page.goto(broadcast.watch_url);
    const publisher = new GStreamer("publish", broadcast.whip_url, broadcast.publish_token, codec);
    await publisher.until("pictures go out", (count) => count.pictures > 30);
    await sees(viewer);
    assert.ok((await brightest(viewer.page)) > 30);
    await at(viewer.page, "live-sound").click();
    await eventually("the tone is heard", async () => (await received(viewer.page)).audioEnergy > 1e-5);

    const watcher = new GStreamer("watch", broadcast.whep_url, null, codec);
    await watcher.until("pictures and sounds come", (count) => count.pictures > 60 && count.sounds > 60);
    assert.equal(watcher.count.height, 360);
    publisher.stop();
    watcher.stop();
    await endBroadcast(staff, broadcast);
    await eventually("the page says that it is over", async () => (await state(viewer.page)) === "over");
  });
}

test("a browser's broadcast is watched in GStreamer", async () => {
  const broadcast = await newBroadcast(staff, true);
  const publisher = await newPerson(browser);
  await publisher.page.goto(office.url);
  assert.equal((await bring(publisher.page, broadcast)).status, 201);
  const watcher = new GStreamer("watch", broadcast.whep_url, null, "vp8");
  await watcher.until("pictures and sounds come", (count) => count.pictures > 60 && count.sounds > 60);
  assert.equal(watcher.count.height, 360);
});

test("a wrong token is refused, and GStreamer says so", async () => {
  const broadcast = await newBroadcast(staff, true);
  const publisher = new GStreamer("publish", broadcast.whip_url, "a-token-of-nobody", "vp8");
  assert.notEqual(await publisher.ended, 0);
});
