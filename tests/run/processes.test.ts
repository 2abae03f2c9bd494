// Jobs as real processes: how they end, and that nothing of them stays.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { eventually } from "../browser/office.ts";
import type { Job } from "./job.ts";
import { Processes } from "./processes.ts";

const dir = mkdtempSync(join(tmpdir(), "mg-run-test-"));
after(() => rmSync(dir, { recursive: true, force: true }));

function script(name: string, words: string): Job {
  return { name, lane: "waits", program: "sh", words: ["-c", words], cwd: dir, env: {}, mayTryAgain: false, read: () => ({ passed: 0, ignored: 0, skipped: [], failed: [] }) };
}

const HOUR_MS = 3_600_000;
const log = (name: string) => join(dir, `${name}.log`);
/** A process in a session of its own, as a server has that doesn't end with who started it; its number goes to a file. */
const server = (file: string) => `setsid sh -c 'echo $$ > ${file}.new; mv ${file}.new ${file}; exec sleep 3600' &`;

async function pidIn(file: string): Promise<number> {
  await eventually("a server", () => existsSync(join(dir, file)));
  return Number(readFileSync(join(dir, file), "utf8"));
}

function isGone(pid: number): boolean {
  const file = `/proc/${pid}/stat`;
  // One that has ended and that nobody has asked for yet is gone as well.
  return !existsSync(file) || /^\d+ \(.*\) Z/.test(readFileSync(file, "utf8"));
}

test("a job's exit code and all that it wrote are known", async () => {
  assert.equal(await new Processes().run(script("three", "echo out; echo err >&2; exit 3"), log("three"), HOUR_MS), 3);
  assert.equal(readFileSync(log("three"), "utf8"), "out\nerr\n");
});

test("what only computes gives way to what waits, with all that it starts", async () => {
  const words = "until [ $(nice) -ge 5 ]; do sleep 0.05; done; sh -c nice";
  await new Processes().run({ ...script("computes", words), lane: "computes" }, log("computes"), HOUR_MS);
  assert.ok(Number(readFileSync(log("computes"), "utf8")) >= 5);
});

test("a job that a signal ends has no exit code, and one that can't start has one that is no success", async () => {
  assert.equal(await new Processes().run(script("killed", "kill -9 $$"), log("killed"), HOUR_MS), null);
  const missing = { ...script("missing", ""), program: join(dir, "no-such-program") };
  assert.equal(await new Processes().run(missing, log("missing"), HOUR_MS), 127);
});

test("a job that hangs is ended with all that it started, and others go on", async () => {
  const processes = new Processes();
  const other = processes.run(script("other", `${server("other.pid")} wait`), log("other"), HOUR_MS);
  const spared = await pidIn("other.pid");
  assert.equal(await processes.run(script("hangs", `${server("hangs.pid")} until [ -e hangs.pid ]; do sleep 0.1; done; wait`), log("hangs"), 2000), null);
  await eventually("its server is gone", async () => isGone(await pidIn("hangs.pid")));
  assert.equal(isGone(spared), false);
  await processes.end();
  await other;
});

test("at the end nothing stays of what jobs started, in whatever session it is, and it is named", async () => {
  const processes = new Processes();
  const waits = processes.run(script("waits", `${server("waits.pid")} wait`), log("waits"), HOUR_MS);
  const pid = await pidIn("waits.pid");
  const left = await processes.end();
  assert.equal(await waits, null);
  assert.ok(left.includes(`sleep (${pid})`), left.join());
  await eventually("its server is gone", () => isGone(pid));
});
