// Three media nodes on one machine: one is killed, one goes silent, each is drained for an upgrade. Calls come back by
// themselves. Times are printed, for people to compare; what is asserted is that everybody is back.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { admit, enterWaiting, newLink, newPerson, newStaff, type Person, seesAndHears, startBrowser } from "./people.ts";

interface Call {
  id: string;
  staff: Person;
  resident: Person;
}

let office: Office;
let browser: Browser;
const calls: Call[] = [];

async function startCall(login: string): Promise<Call> {
  const staff = await newStaff(browser, office, login);
  const { url, id } = await newLink(staff);
  const resident = await newPerson(browser);
  await enterWaiting(resident, url);
  await admit(staff, id);
  await Promise.all([seesAndHears(staff, 60_000), seesAndHears(resident, 60_000)]);
  return { id, staff, resident };
}

before(async () => {
  [office, browser] = await Promise.all([Office.open({ nodes: 3, isBare: true }), startBrowser()]);
  calls.push(await startCall("hanako"));
  calls.push(await startCall("taro"));
});
after(async () => {
  await browser?.close();
  await office?.close();
});

const names = [1, 2, 3].map((number) => `media-server ${number}`);

/** How many people each node serves, by the node's own metrics. */
function people(): Promise<number[]> {
  return Promise.all(office.controls.map((control) => office.participants(control)));
}

/** The first node that serves somebody. */
async function busyNode(): Promise<number> {
  const index = (await people()).findIndex((count) => count > 0);
  assert.notEqual(index, -1, "somebody is in a call");
  return index;
}

/** From now on counts, in the page itself, how long no new picture of the other person came at most. */
async function watchPicture({ page }: Person): Promise<void> {
  await page.evaluate(() => {
    const pause = { longest: 0 };
    Object.assign(window, { pause });
    let lastNews = performance.now();
    let known = 0;
    setInterval(() => {
      const video = document.querySelector<HTMLVideoElement>('video[data-test="remote-video"]');
      const now = performance.now();
      // Another stream begins to count anew: any other number but none is news.
      const shown = video?.getVideoPlaybackQuality().totalVideoFrames || known;
      if (shown !== known) lastNews = now;
      pause.longest = Math.max(pause.longest, now - lastNews);
      known = shown;
    }, 50);
  });
}

/** The longest time without a new picture since the last call of this, in milliseconds. */
function longestPause({ page }: Person): Promise<number> {
  return page.evaluate(() => {
    const { pause } = window as unknown as { pause: { longest: number } };
    const { longest } = pause;
    pause.longest = 0;
    return Math.round(longest);
  });
}

const everybody = () => calls.flatMap((call) => [call.staff, call.resident]);

/** Everybody in a call sees and hears again. Says how long the longest picture stood still. */
async function everybodyIsBack(after: string): Promise<void> {
  await Promise.all(everybody().map((person) => seesAndHears(person, 60_000)));
  const pauses = await Promise.all(everybody().map(longestPause));
  console.log(`# ${after}: pictures stood still for at most ${pauses.join(", ")} ms`);
}

/** Runs `media-server drain` and waits for its end. */
async function drain(number: number, deadline: string): Promise<string> {
  const words = ["drain", "--config", office.config, "--node", String(number), "--deadline", deadline];
  const { stdout } = await promisify(execFile)(office.program("media-server"), words, { timeout: 120_000 });
  return stdout;
}

test("two calls are on two of the three nodes", async () => {
  const counts = await people();
  assert.deepEqual(counts.filter((count) => count > 0), [2, 2], `${counts}`);
  await Promise.all(everybody().map(watchPicture));
});

test("a node is killed: its calls go on on another", async () => {
  const node = await busyNode();
  await office.kill(names[node] ?? "");
  await everybodyIsBack("killed");
  assert.equal((await people()).reduce((sum, count) => sum + count, 0), 4);
});

test("a node's machine is gone without a word: its calls go on on another", async () => {
  const node = await busyNode();
  const pid = office.pids()[names[node] ?? ""];
  assert.ok(pid);
  process.kill(pid, "SIGSTOP");
  try {
    await eventually("all four are on the nodes that are left", async () => {
      const others = office.controls.filter((_, index) => index !== node);
      const counts = await Promise.all(others.map((control) => office.participants(control)));
      return counts.reduce((sum, count) => sum + count, 0) === 4;
    });
    await everybodyIsBack("silent");
  } finally {
    process.kill(pid, "SIGKILL");
  }
  await eventually("the office has started another in its place", () => {
    const now = office.running()?.parts[names[node] ?? ""];
    return now && now !== pid;
  });
});

test("an empty node is drained: it ends at once, is started again, and nobody notices", async () => {
  await eventually("all nodes are there", async () => (await office.aliveNodes()).length === 3);
  const node = (await people()).indexOf(0);
  assert.notEqual(node, -1, "a node is empty");
  const before = office.pids();
  assert.match(await drain(node + 1, "10m"), /has ended/);
  await eventually("it is started again", async () => {
    const pid = office.pids()[names[node] ?? ""];
    return pid !== before[names[node] ?? ""] && (await office.aliveNodes()).length === 3;
  });
  await everybodyIsBack("an empty node drained");
});

test("all nodes are drained one after another: every call moves and comes back", async () => {
  const before = office.pids();
  for (const [index, name] of names.entries()) {
    const said = await drain(index + 1, "1s");
    assert.match(said, /has ended/);
    await eventually(`${name} is started again and takes rooms`, async () => {
      const pid = office.pids()[name];
      return pid !== before[name] && (await office.aliveNodes()).length === 3;
    });
    await everybodyIsBack(`${name} drained`);
  }
  const after = office.pids();
  for (const name of names) assert.notEqual(after[name], before[name], `${name} is a new process`);
  assert.equal(after.signaling, before.signaling, "signaling was not touched");
  assert.deepEqual(everybody().flatMap((person) => person.faults), []);
});
