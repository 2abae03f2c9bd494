// GStreamer's own WHIP and WHEP, as another implementation than the browsers' and the server's.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { eventually, type Office } from "./office.ts";

/** What went through it. */
export interface Count {
  pictures: number;
  sounds: number;
  height: number;
}

/** A broadcaster or a viewer in GStreamer (`tests/live`). */
export class GStreamer {
  static readonly #running = new Set<GStreamer>();
  count: Count = { pictures: 0, sounds: 0, height: 0 };
  readonly ended: Promise<number | null>;
  #words = "";
  readonly #child: ChildProcess;

  constructor(
    office: Office,
    what: "publish" | "watch",
    url: string,
    token: string | null,
    codec: "vp8" | "h264",
    more: string[] = [],
  ) {
    const words = [what, "--url", url, "--codec", codec, "--seconds", "120", ...(token === null ? [] : ["--token", token])];
    words.push(...more);
    const env = { ...process.env, SSL_CERT_FILE: office.authority };
    this.#child = spawn(office.program("madoguchi-live-peer"), words, { stdio: ["ignore", "pipe", "pipe"], env });
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    lines.on("line", (line) => {
      this.count = JSON.parse(line) as Count;
    });
    this.#child.stderr?.on("data", (part: Buffer) => {
      this.#words = (this.#words + part.toString()).slice(-4000);
    });
    this.ended = new Promise((done) => this.#child.on("exit", (code) => done(code)));
    GStreamer.#running.add(this);
  }

  /** Waits until its figures are so; says what it said when it ended before. */
  async until(what: string, isSo: (count: Count) => boolean): Promise<void> {
    await eventually(
      what,
      () => {
        if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.#words}`);
        return isSo(this.count);
      },
      60_000,
    );
  }

  stop(): void {
    GStreamer.#running.delete(this);
    this.#child.kill("SIGTERM");
  }

  static stopAll(): void {
    for (const one of GStreamer.#running) one.stop();
  }
}
