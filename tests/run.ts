// Runs all tests, in Rust and in the browser: `node run.ts [NAME...]` with the beginnings of jobs' names (`store`,
// `browser/booth`), or none for all. Several jobs at once, the longest first and browsers last, with nothing else beside them; what one wrote is shown only if it fails.
// A binary or a file that fails gets a second try at the end with nothing beside it; what needed it is named, and fails where it
// fails again. Everything that failed and everything that tests left out stands at the end once more.
// `--remember` writes how long each job took, for the next run's order.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { type Job, type Lane, type Outcome, sum } from "./run/job.ts";
import { browserJobs, toolJobs } from "./run/node.ts";
import { Processes } from "./run/processes.ts";
import { inOrder, next, roomOf } from "./run/queue.ts";
import { rustJobs, withoutSuccesses } from "./run/rust.ts";

/** What jobs ask of the machine, where that isn't what their kind does: Rust's wait, browsers are busy. */
const LANES: Record<string, Lane> = {
  // Films, simulated time and drawing: nothing in them waits for the clock.
  "vision/film": "computes",
  "vision/motion_counts_people": "computes",
  "vision/simulated_people": "computes",
  "vision/car_parks": "computes",
  "vision/picture_sizes": "computes",
  "media-server/core": "computes",
  "signage-player/golden": "computes",
  documentation: "computes",
  // How long pictures of a call stand still on a bad network: another's work would count as loss.
  "browser/loss": "alone",
  // Whether screens show a frame at the same moment, and go on when one falls.
  "signage-player/wall": "alone",
};

/** More failures than this aren't a slow moment: nothing is tried again. */
const MOST_AGAIN = 5;
/** What takes longer hangs. */
const LIMIT_MS = (process.env.MADOGUCHI_LONG ? 120 : 20) * 60_000;
const SECONDS = join(import.meta.dirname, "run/seconds.json");

const options = process.argv.slice(2).filter((word) => word.startsWith("--"));
const names = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const unknown = options.filter((option) => option !== "--remember");

const work = mkdtempSync(join(tmpdir(), "mg-run-"));
const processes = new Processes();
const room = roomOf(availableParallelism());
const seconds = JSON.parse(readFileSync(SECONDS, "utf8")) as Record<string, number>;
const took: Record<string, number> = {};
let isStopping = false;

function fail(why: string): never {
  console.error(`run.ts: ${why}`);
  rmSync(work, { recursive: true, force: true });
  process.exit(2);
}

if (unknown.length > 0) fail(`${unknown.join(" ")}: there is only --remember`);

/** The jobs that the command line names; Rust's are built where one of them may be meant. */
function jobs(): Job[] {
  const laneOf = (usual: Lane) => (name: string) => LANES[name] ?? usual;
  const others = [...browserJobs(work, laneOf("browser")), ...toolJobs(work)];
  const isNamed = (job: Job) => names.length === 0 || names.some((name) => job.name.startsWith(name));
  const needsRust = names.length === 0 || names.some((name) => !others.some((job) => job.name.startsWith(name)));
  const all = [...others, ...(needsRust ? rustJobs(laneOf("waits")) : [])];
  const nobody = names.filter((name) => !all.some((job) => job.name.startsWith(name)));
  if (nobody.length > 0) fail(`no test's name begins with ${nobody.join(" or ")}; there are ${all.map((job) => job.name).join(", ")}`);
  return all.filter(isNamed);
}

async function run(job: Job): Promise<Outcome> {
  const log = join(work, `${job.name.replaceAll("/", "-")}.log`);
  const begin = performance.now();
  const code = await processes.run(job, log, LIMIT_MS);
  const time = (performance.now() - begin) / 1000;
  took[job.name] = Math.round(time);
  // Ended with all others: nothing is to be said about it.
  if (isStopping) return new Promise(() => {});
  const wrote = readFileSync(log, "utf8");
  const outcome = job.read(wrote, code);
  if (time * 1000 >= LIMIT_MS) outcome.failed.push(`took longer than ${LIMIT_MS / 60_000} min, and was ended`);
  const isGood = outcome.failed.length === 0;
  if (!isGood) console.log(`---- ${job.name} ----\n${withoutSuccesses(wrote)}---- end of ${job.name} ----`);
  console.log(`${isGood ? "ok    " : "FAILED"} ${time.toFixed(1).padStart(6)} s  ${job.name}  ${outcome.passed} passed`);
  return outcome;
}

/** Runs all, as many at once as there is room for. */
async function runAll(jobs: Job[]): Promise<Map<Job, Outcome>> {
  const outcomes = new Map<Job, Outcome>();
  const waiting = inOrder(jobs, seconds);
  const running = new Map<Job, Promise<void>>();
  while (waiting.length + running.size > 0) {
    const job = next(waiting, [...running.keys()], room);
    if (!job) {
      await Promise.race(running.values());
      continue;
    }
    waiting.splice(waiting.indexOf(job), 1);
    const ended = run(job).then((outcome) => {
      outcomes.set(job, outcome);
      running.delete(job);
    });
    running.set(job, ended);
  }
  return outcomes;
}

/** Tries once more what failed and may be slow for a moment, one at a time. Says what needed it. */
async function tryAgain(outcomes: Map<Job, Outcome>): Promise<string[]> {
  const again = [...outcomes].filter(([job, { failed }]) => job.mayTryAgain && failed.length > 0);
  if (again.length > MOST_AGAIN) return [];
  const unsteady = [];
  for (const [job, { failed }] of again) {
    const outcome = await run(job);
    if (outcome.failed.length === 0) unsteady.push(...failed.map((why) => `${job.name}: ${why}`));
    outcomes.set(job, outcome);
  }
  return unsteady;
}

function tell(title: string, lines: string[]): void {
  if (lines.length > 0) console.log([`${title}:`, ...lines.map((line) => `  ${line}`)].join("\n"));
}

async function endAll(): Promise<string[]> {
  const left = await processes.end();
  rmSync(work, { recursive: true, force: true });
  return left;
}

for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    if (isStopping) return;
    isStopping = true;
    console.error(`run.ts: ${name}: ending what runs`);
    void endAll().then(() => process.exit(1));
  });
}

const begin = performance.now();
const outcomes = await runAll(jobs());
const unsteady = await tryAgain(outcomes);
const named = (field: "skipped" | "failed") => [...outcomes].flatMap(([job, outcome]) => outcome[field].map((line) => `${job.name}: ${line}`));
const all = sum([...outcomes.values()]);
const slowest = Object.entries(took).sort(([, one], [, other]) => other - one);
tell("Slowest", slowest.slice(0, 10).map(([name, time]) => `${String(time).padStart(4)} s  ${name}`));
tell("Left running, and ended", await endAll());
tell("Left out", named("skipped"));
tell("UNSTEADY, passed at the second try only", unsteady);
tell("FAILED", named("failed"));
if (options.includes("--remember")) {
  const known = Object.entries({ ...seconds, ...took }).filter(([, time]) => time >= 5).sort(([one], [other]) => one.localeCompare(other));
  writeFileSync(SECONDS, `${JSON.stringify(Object.fromEntries(known), null, 2)}\n`);
}
const isGood = all.failed.length === 0;
const whole = ((performance.now() - begin) / 1000).toFixed(2);
// As libtest says it, for whoever reads that.
console.log(`test result: ${isGood ? "ok" : "FAILED"}. ${all.passed} passed; ${all.failed.length} failed; ${all.ignored} ignored; 0 measured; 0 filtered out; finished in ${whole}s`);
process.exit(isGood ? 0 : 1);
