// Tests in Rust: one job for each binary that cargo builds, and one for the examples in the documentation.
import { execFileSync } from "node:child_process";
import { dirname, join, relative } from "node:path";
import type { Job, Lane, Outcome } from "./job.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The line that cargo writes for each thing that it has built (`--message-format=json`); of all its fields, what is used here. */
interface Artifact {
  reason: string;
  manifest_path: string;
  target: { name: string; kind: string[] };
  profile: { test: boolean };
  executable: string | null;
}

/** Builds what isn't built yet; a job for each test binary. `laneOf` says what a binary asks of the machine, by its job's name. */
export function rustJobs(laneOf: (name: string) => Lane): Job[] {
  const words = ["test", "--workspace", "--no-run", "--quiet", "--message-format=json"];
  const said = execFileSync("cargo", words, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 28 });
  const jobs = said.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Artifact).filter(isTest).map((artifact) => {
    const home = dirname(artifact.manifest_path);
    const name = nameOf(artifact);
    return rustJob(name, laneOf(name), artifact.executable ?? "", ["--show-output"], home, { CARGO_MANIFEST_DIR: home });
  });
  return [...jobs, rustJob("documentation", laneOf("documentation"), "cargo", ["test", "--workspace", "--doc", "--quiet"], ROOT, {})];
}

function isTest({ reason, profile, executable }: Artifact): boolean {
  return reason === "compiler-artifact" && profile.test && executable !== null;
}

/** `store/areas` for the file of tests, `store/lib` and `media-server/bin` for what stands beside the code. */
function nameOf({ manifest_path, target }: Artifact): string {
  const folder = relative(ROOT, dirname(manifest_path));
  if (target.kind.includes("test")) return `${folder}/${target.name}`;
  return `${folder}/${target.kind.includes("bin") ? "bin" : "lib"}`;
}

function rustJob(name: string, lane: Lane, program: string, words: string[], cwd: string, env: Record<string, string>): Job {
  return { name, lane, program, words, cwd, env, mayTryAgain: true, read: rustOutcome };
}

/** What came of a test binary, by all that it wrote (with `--show-output`) and its exit code. */
export function rustOutcome(log: string, code: number | null): Outcome {
  const results = [...log.matchAll(/^test result: .* (\d+) passed; \d+ failed; (\d+) ignored;/gm)];
  const total = (field: number) => results.reduce((all, result) => all + Number(result[field]), 0);
  const failed = [...log.matchAll(/^failures:\n((?: {4}\S.*\n)+)/gm)].flatMap(([, names = ""]) => names.trim().split(/\n */));
  if (code !== 0 && failed.length === 0) failed.push(code === null ? "was ended by a signal" : `ended with ${code}`);
  // A test that ends its process would hide those after it.
  if (code === 0 && results.length === 0) failed.push("ended before it told what came of its tests");
  return { passed: total(1), ignored: total(2), skipped: skippedIn(log), failed };
}

/** What tests said that they left out, each with the test's name where libtest tells it. */
function skippedIn(log: string): string[] {
  const skipped = [];
  let test = "";
  for (const line of log.split("\n")) {
    test = /^---- (.*) stdout ----$/.exec(line)?.[1] ?? test;
    if (/^skipped\b/i.test(line)) skipped.push(test ? `${test}: ${line}` : line);
  }
  return skipped;
}

/** What to show of a binary that failed: all that it wrote, without what its good tests said. */
export function withoutSuccesses(log: string): string {
  return log.replace(/^successes:\n[^]*?^successes:\n(?: {4}.*\n)*\n?/gm, "");
}
