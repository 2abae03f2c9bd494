// Another host on the network, on this machine: a network namespace with an address and a browser of its own, whose way
// here can be narrowed, cut and changed.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { type BrowserOptions, CHROMIUM, startBrowser } from "./people.ts";

const run = (program: string, words: string) => {
  execFileSync(program, words.split(" "), { stdio: ["ignore", "ignore", "pipe"] });
};
const ip = (words: string) => run("ip", words);

export class OtherHost {
  /** This machine's address, as the other host sees it. */
  readonly here: string;
  /** The browser's home folder there, for what it is to trust. */
  readonly home: string;
  readonly #name = `mg${process.pid}`;
  readonly #net: string;
  #number = 2;

  private constructor() {
    this.#net = `10.77.${process.pid % 250}`;
    this.here = `${this.#net}.1`;
    this.home = mkdtempSync(join(tmpdir(), "mg-home-"));
  }

  /** Its own address now. */
  get there(): string {
    return `${this.#net}.${this.#number}`;
  }

  /** Makes the host; the reason in words, where this machine can't. */
  static open(): OtherHost | string {
    const host = new OtherHost();
    try {
      host.#make();
      return host;
    } catch (error) {
      host.close();
      const words = `SKIPPED: no network namespaces on this machine (${String(error).split("\n")[0]})`;
      console.log(words);
      return words;
    }
  }

  #make(): void {
    ip(`netns add ${this.#name}`);
    ip(`link add ${this.#name} type veth peer name eth0 netns ${this.#name}`);
    // Without addresses that come by themselves a moment later: browsers drop what they load when the network changes.
    ip(`link set ${this.#name} addrgenmode none`);
    this.#there("link set eth0 addrgenmode none");
    ip(`addr add ${this.here}/24 dev ${this.#name}`);
    ip(`link set ${this.#name} up`);
    this.#there(`addr add ${this.there}/24 dev eth0`);
    this.#there("link set eth0 up");
    this.#there("link set lo up");
  }

  #there(words: string): void {
    ip(`-n ${this.#name} ${words}`);
  }

  startBrowser(options: Pick<BrowserOptions, "framesPerSecond"> = {}): Promise<Browser> {
    const wrapper = join(this.home, "chromium");
    writeFileSync(wrapper, `#!/bin/sh\nexec ip netns exec ${this.#name} ${CHROMIUM} "$@"\n`);
    chmodSync(wrapper, 0o755);
    return startBrowser({ ...options, executable: wrapper, home: this.home });
  }

  /** Pulls the cable out of the host, or puts it in again. */
  setCable(isIn: boolean): void {
    this.#there(`link set eth0 ${isIn ? "up" : "down"}`);
  }

  /** The host has another address from now on, as a phone has that leaves its Wi-Fi; nothing comes to the old one. */
  changeAddress(): void {
    this.#there(`addr del ${this.there}/24 dev eth0`);
    this.#number += 1;
    this.#there(`addr add ${this.there}/24 dev eth0`);
  }

  /**
   * Lets only so much through toward the host, with a queue of 200 ms before what is too much is dropped; `null`: as much
   * as comes. The reason in words, where this machine can't.
   */
  narrow(kilobitsPerSecond: number | null): string | undefined {
    try {
      if (kilobitsPerSecond === null) run("tc", `qdisc del dev ${this.#name} root`);
      else run("tc", `qdisc replace dev ${this.#name} root tbf rate ${kilobitsPerSecond}kbit burst 3000 latency 200ms`);
      return undefined;
    } catch (error) {
      return `SKIPPED: this machine can't limit a rate (${String(error).split("\n")[0]})`;
    }
  }

  /** Lets no UDP out of the host, as many an office's firewall does; or does again. */
  setWall(isUp: boolean): void {
    const rules = "table inet wall { chain out { type filter hook output priority 0; meta l4proto udp drop; }; }";
    execFileSync("ip", ["netns", "exec", this.#name, "nft", isUp ? rules : "delete table inet wall"]);
  }

  close(): void {
    try {
      ip(`netns del ${this.#name}`);
    } catch {
      // It was never made.
    }
    rmSync(this.home, { recursive: true, force: true });
  }
}
