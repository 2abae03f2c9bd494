// How benches print: a table for people, one JSON object as the last line for machines.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, loadavg, release } from "node:os";

export const wantsJson = process.argv.includes("--json");

/** The value of `--name N`, or what it is without. */
export function option(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0) return otherwise;
  const value = Number(process.argv[at + 1]);
  if (!Number.isFinite(value) || value <= 0) {
    console.error(`--${name} takes a number above 0, not ${process.argv[at + 1]}`);
    process.exit(2);
  }
  return value;
}

/** Says what is going on, where it doesn't disturb the result. */
export const say = (words: string) => console.error(words);

/** The value below which a share `p` of the sorted values lies (nearest rank). */
export function percentile(values: number[], p: number): number {
  if (values.length === 0) throw new Error("no values were measured");
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}

export const median = (values: number[]) => percentile(values, 0.5);

export const round = (value: number, digits = 1) => Number(value.toFixed(digits));

/** What the machine is, and what it was doing besides. */
export function machine() {
  const cpu = /model name\s*: (.*)/.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "unknown";
  return {
    cores: availableParallelism(),
    cpu,
    kernel: release(),
    load_1m: round(loadavg()[0] ?? 0, 2),
    rustc: execFileSync("rustc", ["--version"], { encoding: "utf8" }).trim(),
    node: process.version,
  };
}

/** Prints a row for each figure with its smallest, middle and largest run. */
export function table(rows: [name: string, unit: string, values: number[]][]): void {
  if (wantsJson) return;
  const cell = (text: string | number) => String(text).padStart(10);
  console.log(`${"figure".padEnd(34)}${["min", "median", "max"].map(cell).join("")}  unit`);
  for (const [name, unit, values] of rows) {
    const figures = [Math.min(...values), median(values), Math.max(...values)].map((value) => cell(round(value, 3)));
    console.log(`${name.padEnd(34)}${figures.join("")}  ${unit}`);
  }
}

/** The last line of standard output. */
export function finish(figures: object): void {
  if (wantsJson) console.log(JSON.stringify({ machine: machine(), ...figures }));
  else console.log(`machine: ${JSON.stringify(machine())}`);
}
