// Runs the browser tests, each file by itself, one after the other: `node run.ts [FILE...]`. A file that fails gets a second
// try at the end, with an office and browsers of its own: a machine that is shared is slow for a moment now and then. What
// needed it is named, and fails where it fails again.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const BROWSER = join(import.meta.dirname, "browser");
/** More failures than this aren't a slow moment: nothing is tried again. */
const MOST_AGAIN = 3;

const all = process.argv.length > 2 ? process.argv.slice(2) : readdirSync(BROWSER).filter((name) => name.endsWith(".spec.ts")).sort().map((name) => join(BROWSER, name));

function passes(file: string): Promise<boolean> {
  return new Promise((done) => {
    const child = spawn(process.execPath, ["--test", "--test-reporter=spec", file], { stdio: "inherit" });
    child.on("error", () => done(false));
    child.on("exit", (code) => done(code === 0));
  });
}

async function failuresOf(files: string[]): Promise<string[]> {
  const failed = [];
  for (const file of files) if (!(await passes(file))) failed.push(file);
  return failed;
}

const first = await failuresOf(all);
const still = first.length > MOST_AGAIN ? first : await failuresOf(first);
for (const file of first.filter((one) => !still.includes(one))) console.log(`UNSTEADY ${file}: passed at the second try only`);
for (const file of still) console.log(`FAILED ${file}`);
console.log(`browser tests: ${all.length - still.length} of ${all.length} files passed`);
process.exit(still.length === 0 ? 0 : 1);
