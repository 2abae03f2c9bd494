// What the runner runs, and what came of it.

/**
 * What a job asks of the machine: `browser`, nearly a core for as long as it runs, and nothing but browsers beside it; `waits`, little, as most of its time is
 * sockets, timers and other processes; `computes`, a core, and nothing in it is late when that is slow; `alone`, that nothing
 * runs beside it.
 */
export type Lane = "browser" | "waits" | "computes" | "alone";

export interface Job {
  /** As people read it, and as the runner takes it on its command line: `store/areas`, `browser/booth`. */
  name: string;
  lane: Lane;
  program: string;
  words: string[];
  cwd: string;
  env: Record<string, string>;
  /** Whether one more try is given at the end, with nothing beside it. */
  mayTryAgain: boolean;
  /** What came of it: `log` is all that it wrote, `code` how it ended (`null`: by a signal). */
  read(log: string, code: number | null): Outcome;
}

export interface Outcome {
  passed: number;
  ignored: number;
  /** What tests said that they couldn't do here, a line each. */
  skipped: string[];
  /** A line for each test that failed, or what else was wrong. Empty: all is well. */
  failed: string[];
}

/** All that went well or was left out, of several outcomes together. */
export function sum(outcomes: Outcome[]): Outcome {
  return {
    passed: outcomes.reduce((all, { passed }) => all + passed, 0),
    ignored: outcomes.reduce((all, { ignored }) => all + ignored, 0),
    skipped: outcomes.flatMap(({ skipped }) => skipped),
    failed: outcomes.flatMap(({ failed }) => failed),
  };
}
