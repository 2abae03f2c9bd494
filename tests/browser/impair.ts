// A bad network between a page and the media server: a proxy with loss, delay, reordering and a rate, from a seed.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import type { Office } from "./office.ts";

/** What became of the datagrams of one direction. */
export interface Counts {
  passed: number;
  lost: number;
  full: number;
  late: number;
  copies: number;
}

export interface Report {
  up: Counts;
  down: Counts;
  peers: number;
  unsent: number;
}

export class BadNetwork {
  /** Where a page reaches the media server. */
  readonly address: string;
  #child: ChildProcess;
  #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, address: string) {
    this.#child = child;
    this.#lines = lines;
    this.address = address;
  }

  /** A network that does this both ways, such as `loss=5% delay=20ms`. */
  static async open(office: Office, seed: number, settings: string): Promise<BadNetwork> {
    const words = ["--server", office.media[0] ?? "", "--seed", String(seed), "--up", settings, "--down", settings];
    const child = spawn(office.program("madoguchi-impair"), words, { stdio: ["pipe", "pipe", "inherit"] });
    const output: Interface = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const lines = output[Symbol.asyncIterator]();
    const { address } = JSON.parse(await next(lines)) as { address: string };
    return new BadNetwork(child, lines, address);
  }

  /** Changes both directions; gives what happened until then. */
  async set(settings: string): Promise<Report> {
    await this.#order(`up ${settings}`);
    return this.#order(`down ${settings}`);
  }

  /** What happened until now. */
  report(): Promise<Report> {
    return this.#order("");
  }

  async #order(line: string): Promise<Report> {
    this.#child.stdin?.write(`${line}\n`);
    const answer = JSON.parse(await next(this.#lines)) as Report & { error?: string };
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  close(): void {
    this.#child.stdin?.end();
  }
}

async function next(lines: AsyncIterator<string>): Promise<string> {
  const { value, done } = await lines.next();
  if (done) throw new Error("the bad network has ended");
  return value;
}
