// Starts jobs, and ends all that they started: each process inherits a mark by which it is found again, whoever its parent is.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import type { Job } from "./job.ts";

const MARK = "MADOGUCHI_TEST_RUN";
/** What was asked to end may tidy up for so long. */
const PATIENCE_MS = 10_000;
/** How nice what only computes is to others: it gets about a third of what one of them gets. */
const MODEST = 5;

export class Processes {
  readonly #mark = `${process.pid}-${Date.now()}`;
  readonly #running = new Set<ChildProcess>();
  #isEnding = false;

  /**
   * Runs a job, with all that it writes going to the file `log`, and gives its exit code: `null` when a signal ended it.
   * One that takes longer than `limitMs` is ended, with all that it started.
   */
  run(job: Job, log: string, limitMs: number): Promise<number | null> {
    const to = openSync(log, "w");
    const env: NodeJS.ProcessEnv = { ...process.env, ...job.env, [MARK]: this.#markOf(job) };
    // Node's test runner would take itself for one that another one has started.
    delete env.NODE_TEST_CONTEXT;
    // A group of its own: it ends together, and nobody's fault ends another job.
    const child = spawn(job.program, job.words, { cwd: job.cwd, env, stdio: ["ignore", to, to], detached: true });
    closeSync(to);
    this.#running.add(child);
    if (job.lane === "computes" && child.pid) giveWay(child.pid);
    if (this.#isEnding) signal(child, "SIGKILL");
    const limit = setTimeout(() => this.#kill(job, child), limitMs);
    return new Promise((done) => {
      const ended = (code: number | null) => {
        clearTimeout(limit);
        this.#running.delete(child);
        done(code);
      };
      child.on("error", () => ended(127));
      child.on("exit", ended);
    });
  }

  /** Ends every job and all that they started; says what it had to kill although no job ran any more. */
  async end(): Promise<string[]> {
    this.#isEnding = true;
    const children = [...this.#running];
    const ended = Promise.all(children.map((child) => new Promise((done) => child.once("exit", done))));
    for (const child of children) signal(child, "SIGINT");
    await Promise.race([ended, new Promise((late) => setTimeout(late, PATIENCE_MS).unref())]);
    return kill(this.#mark);
  }

  #markOf({ name }: Job): string {
    return `${this.#mark} ${name};`;
  }

  #kill(job: Job, child: ChildProcess): void {
    signal(child, "SIGKILL");
    kill(this.#markOf(job));
  }
}

/** Lets everybody else go first, within its session and among sessions (sched(7), "The autogroup feature"). */
function giveWay(pid: number): void {
  for (const how of [() => setPriority(pid, MODEST), () => writeFileSync(`/proc/${pid}/autogroup`, String(MODEST))]) {
    try {
      how();
    } catch {
      // It has ended already, or the kernel has none: then it goes on as all others do.
    }
  }
}

/** Sends a signal to a child's whole group. */
function signal({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid) process.kill(-pid, name);
  } catch {
    // It has ended by itself.
  }
}

/** Kills every process with a mark that begins so; says which. */
function kill(mark: string): string[] {
  const killed = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").some((line) => line.startsWith(`${MARK}=${mark}`))) continue;
      const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
      process.kill(Number(pid), "SIGKILL");
      killed.push(`${name} (${pid})`);
    } catch {
      // It has ended, or isn't ours to look at.
    }
  }
  return killed;
}
