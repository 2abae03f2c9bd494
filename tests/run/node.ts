// Tests in TypeScript: the browser's files, each with an office and browsers of its own, and those of the tests' own tools.
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { Event } from "./events.ts";
import type { Job, Lane, Outcome } from "./job.ts";

const TESTS = join(import.meta.dirname, "..");

/**
 * A job for each file of the browser's tests; `work` is a folder for what they tell the runner. `laneOf` says what one asks of
 * the machine, by its job's name.
 */
export function browserJobs(work: string, laneOf: (name: string) => Lane): Job[] {
  return filesIn(join(TESTS, "browser"), ".spec.ts").map((file) => {
    const name = `browser/${basename(file, ".spec.ts")}`;
    // A browser on a machine that is shared is slow for a moment now and then.
    return { ...nodeJob(name, laneOf(name), [file], work), mayTryAgain: true };
  });
}

/** The tests of the runner and of the benches. */
export function toolJobs(work: string): Job[] {
  const of = (name: string, folder: string) => nodeJob(name, "waits", filesIn(join(TESTS, folder), ".test.ts"), work);
  return [of("tests/run", "run"), of("tests/bench", "bench/lib")];
}

function filesIn(folder: string, end: string): string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(end)).sort();
  return names.map((name) => join(folder, name));
}

function nodeJob(name: string, lane: Lane, files: string[], work: string): Job {
  const events = join(work, `${name.replaceAll("/", "-")}.events`);
  const reporters = [
    ["spec", "stdout"],
    [join(import.meta.dirname, "events.ts"), events],
  ].flatMap(([reporter, to]) => [`--test-reporter=${reporter}`, `--test-reporter-destination=${to}`]);
  return {
    name,
    lane,
    program: process.execPath,
    words: ["--test", ...reporters, ...files],
    cwd: TESTS,
    env: {},
    mayTryAgain: false,
    read: (log, code) => {
      const told = existsSync(events) ? readFileSync(events, "utf8") : "";
      rmSync(events, { force: true });
      return nodeOutcome(told, log, code);
    },
  };
}

/** What came of a job, by the lines of `events.ts`, all that it wrote, and its exit code. */
export function nodeOutcome(told: string, log: string, code: number | null): Outcome {
  const events = told.split("\n").filter(Boolean).map((line) => JSON.parse(line) as Event);
  const which = (came: Event["came"]) => events.filter((event) => event.came === came);
  const failed = which("failed").map(({ name, why }) => `${name}: ${why}`);
  if (code !== 0 && failed.length === 0) failed.push(code === null ? "was ended by a signal" : `ended with ${code}`);
  if (code === 0 && events.length === 0) failed.push("ran no test");
  const why = which("skipped").map(({ name, why }) => `${name}: ${why}`);
  // Some say it themselves, and go on with the rest of their test.
  const said = log.split("\n").map((line) => /^(?:\S+ )?(SKIPPED\b.*)$/.exec(line.trim())?.[1]).filter((line) => line !== undefined);
  const skipped = [...why, ...said.filter((line) => !why.some((other) => other.includes(line)))];
  return { passed: which("passed").length, ignored: which("skipped").length, skipped: [...new Set(skipped)], failed };
}
