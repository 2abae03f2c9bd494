// A browser that is stopped and woken like a phone: all of it when the phone is locked, or only the part that has the network.
import { readdirSync, readFileSync } from "node:fs";
import type { Browser } from "playwright-core";
import { startBrowser } from "./people.ts";

interface Process {
  pid: number;
  parent: number;
  words: string;
}

/** All processes of this machine that this user may see. */
function processes(): Process[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      // The name in brackets may hold anything: what follows the last bracket is state and parent.
      const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return [{ pid: Number(name), parent: Number(parent), words: readFileSync(`/proc/${name}/cmdline`, "utf8") }];
    } catch {
      return []; // It has just ended.
    }
  });
}

function under(root: number, all: Process[]): Process[] {
  return all.filter((one) => one.parent === root).flatMap((one) => [one, ...under(one.pid, all)]);
}

export class Phone {
  readonly browser: Browser;
  readonly #root: number;
  #stopped: number[] = [];

  private constructor(browser: Browser, root: number) {
    this.browser = browser;
    this.#root = root;
  }

  /** Starts a browser of its own; nothing else may be started meanwhile. */
  static async start(): Promise<Phone> {
    const own = () => processes().filter((one) => one.parent === process.pid);
    const before = new Set(own().map(({ pid }) => pid));
    const browser = await startBrowser({ framesPerSecond: 10 });
    const root = own().find(({ pid }) => !before.has(pid));
    if (!root) throw new Error("the browser's process was not found");
    return new Phone(browser, root.pid);
  }

  lock(): void {
    const all = processes();
    this.#stop([this.#root, ...under(this.#root, all).map(({ pid }) => pid)]);
  }

  loseNetwork(): void {
    const network = under(this.#root, processes()).filter(({ words }) => words.includes("network.mojom.NetworkService"));
    if (network.length === 0) throw new Error("the browser's network process was not found");
    this.#stop(network.map(({ pid }) => pid));
  }

  /** Everything goes on. */
  unlock(): void {
    for (const pid of this.#stopped) process.kill(pid, "SIGCONT");
    this.#stopped = [];
  }

  #stop(pids: number[]): void {
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    this.#stopped.push(...pids);
  }

  async close(): Promise<void> {
    this.unlock();
    await this.browser.close();
  }
}
