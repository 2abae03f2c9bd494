// The look at camera workers itself: one that keeps a picture, or gives one to its log, is caught; one that counts isn't.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { BIN } from "./office.ts";
import { Trace } from "./trace.ts";

const NOTHING = { start: 0, second: 0 };
const hasStrace = (() => {
  try {
    return execFileSync("strace", ["-o", "/dev/null", "echo", "yes"], { encoding: "utf8" }) === "yes\n";
  } catch {
    return false;
  }
})();

/** Starts a worker that is this script as an office would, and judges it. */
async function judged(script: string): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "mg-trace-"));
  try {
    const programs = join(dir, "programs");
    mkdirSync(programs);
    symlinkSync(join(BIN, "judge-trace"), join(programs, "judge-trace"));
    writeFileSync(join(programs, "madoguchi"), "");
    const worker = join(programs, "vision");
    writeFileSync(worker, `#!/bin/sh\n${script}\n`);
    chmodSync(worker, 0o755);
    const trace = Trace.of(programs, dir);
    // What it says goes through pipes, as to the operator: Node's own are sockets.
    execFileSync("sh", ["-c", '{ "$0" 2>&3 | cat; } 3>&1 | cat', join(trace.bin, "vision")], { cwd: dir });
    await trace.judge(join(dir, "run"), 1, NOTHING);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

test("an office's worker that lets a picture out is caught, an honest one isn't", { skip: hasStrace ? false : "there is no strace" }, async () => {
  // Its word on what isn't there goes to its standard error, as a worker's log does.
  await judged("ls nobody; true");
  for (const leak of ["head -c 3000 /bin/sh > crop", "head -c 3000 /bin/sh >&2", "head -c 90000 /bin/sh | base64 >&2", "echo counted"]) {
    await assert.rejects(judged(leak), /a picture could have left/, leak);
  }
});
