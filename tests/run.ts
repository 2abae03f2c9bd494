// Runs the browser tests, each file by itself, one after the other: `node run.ts [FILE...]`. A file that fails gets a second
// try at the end, with an office and browsers of its own: a machine that is shared is slow for a moment now and then. What
// needed it is named, and fails where it fails again. Why each failed stands at the end once more.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

const BROWSER = join(import.meta.dirname, "browser");
/** More failures than this aren't a slow moment: nothing is tried again. */
const MOST_AGAIN = 3;

const all = process.argv.length > 2 ? process.argv.slice(2) : readdirSync(BROWSER).filter((name) => name.endsWith(".spec.ts")).sort().map((name) => join(BROWSER, name));

const work = mkdtempSync(join(tmpdir(), "mg-run-"));

interface Failure {
  file: string;
  /** A line for each test that failed. */
  why: string;
}

/** Runs one file; says what failed in it. */
function failureOf(file: string): Promise<Failure | undefined> {
  const said = join(work, "failures");
  rmSync(said, { force: true });
  const reporters = [
    ["spec", "stdout"],
    [join(import.meta.dirname, "failures.ts"), said],
  ].flatMap(([reporter, to]) => [`--test-reporter=${reporter}`, `--test-reporter-destination=${to}`]);
  return new Promise((done) => {
    const child = spawn(process.execPath, ["--test", ...reporters, file], { stdio: "inherit" });
    child.on("error", (error) => done({ file, why: String(error) }));
    child.on("exit", (code, signal) => {
      const why = existsSync(said) ? readFileSync(said, "utf8").trim() : "";
      done(code === 0 ? undefined : { file, why: why || `ended with ${code ?? signal}` });
    });
  });
}

async function failuresOf(files: string[]): Promise<Failure[]> {
  const failed = [];
  for (const file of files) {
    const failure = await failureOf(file);
    if (failure) failed.push(failure);
  }
  return failed;
}

function say(what: string, { file, why }: Failure): void {
  console.log(`${what} ${basename(file)}`);
  for (const line of why.split("\n")) console.log(`  ${line}`);
}

const first = await failuresOf(all);
const still = first.length > MOST_AGAIN ? first : await failuresOf(first.map(({ file }) => file));
for (const one of first.filter(({ file }) => !still.some((other) => other.file === file))) {
  say("UNSTEADY, passed at the second try only:", one);
}
for (const one of still) say("FAILED", one);
console.log(`browser tests: ${all.length - still.length} of ${all.length} files passed`);
rmSync(work, { recursive: true, force: true });
process.exit(still.length === 0 ? 0 : 1);
