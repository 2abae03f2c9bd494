// A whole office for tests and benches: its own configuration, ports and folders; the real programs.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { type Budget, Trace } from "./trace.ts";

export const ROOT = resolve(import.meta.dirname, "../..");
export const BIN = process.env.MADOGUCHI_BIN ?? join(ROOT, "target/debug");

/** Asks again until the answer is neither undefined, null nor false; says what was awaited when it never comes. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  limitMs = 30_000,
): Promise<T> {
  const until = performance.now() + limitMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > until) throw new Error(`waited ${limitMs} ms for: ${what}; last: ${last}`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

export interface Area {
  area: string;
  count: number | null;
  capacity: number;
  level: string;
  observed_at: number | null;
  version: number;
}

interface Running {
  is_ready: boolean;
  parts: Record<string, number>;
}

export class Office {
  readonly url: string;
  readonly run: string;
  readonly config: string;
  readonly log: string;
  /** Where each media node is spoken to, in the order of their numbers. */
  readonly controls: string[];
  /** Where each media node's media comes by UDP, likewise. */
  readonly media: string[];
  #child: ChildProcess;
  #dir: string;
  /** Who looks at the camera worker, where there is one. */
  readonly #trace: Trace | undefined;
  readonly #answers: Budget;

  private constructor(
    dir: string,
    url: string,
    config: string,
    { media, lan, trace, answers }: { media: { udp: string; control: string }[]; lan: string | undefined; trace: Trace | undefined; answers: Budget },
  ) {
    this.#dir = dir;
    this.#trace = trace;
    this.#answers = answers;
    this.url = url;
    this.controls = media.map((node) => node.control);
    this.media = media.map((node) => node.udp);
    this.run = join(dir, "run");
    this.config = config;
    this.log = join(dir, "office.log");
    const environment: NodeJS.ProcessEnv = { ...process.env, RUST_LOG: process.env.RUST_LOG ?? "info" };
    // Screens open a window where there is a display: tests say themselves when they want one.
    if (!process.env.MADOGUCHI_DISPLAY) delete environment.DISPLAY;
    else environment.DISPLAY = process.env.MADOGUCHI_DISPLAY;
    delete environment.WAYLAND_DISPLAY;
    this.#child = spawn(join(trace?.bin ?? BIN, "madoguchi"), ["up", "--config", config, ...(lan ? ["--lan", lan] : [])], {
      stdio: ["ignore", "pipe", "pipe"],
      env: environment,
    });
    const log = createWriteStream(this.log);
    this.#child.stdout?.pipe(log, { end: false });
    this.#child.stderr?.pipe(log, { end: false });
  }

  /**
   * Opens an office of its own with so many media nodes, on the network at `lan` where that is given, and waits until
   * it is ready. A bare one has no camera and no screen, so that nothing else takes the machine's time. `turn`: with a
   * TURN server. `encryption`: its policy, where it isn't the usual one. `moreStaff`: so many accounts beside the demo's,
   * `staff-1` and so on. `tables`: more of its configuration. `settings`: other values (TOML) of what the demo's says already.
   * `isWatched`: whether the camera worker runs under strace, and its end fails the test when a picture could have left it.
   * `answers`: bytes that it may answer to who sets cameras up.
   */
  static async open(
    { lan, nodes = 1, isBare = false, turn = false, encryption, moreStaff = 0, tables, settings, more, isWatched = true, answers = { start: 0, second: 0 } }: {
      lan?: string;
      nodes?: number;
      isBare?: boolean;
      turn?: boolean;
      encryption?: "require" | "allow" | "off";
      tables?: string;
      settings?: Record<string, string>;
      moreStaff?: number;
      more?: string;
      isWatched?: boolean;
      answers?: Budget;
    } = {},
  ): Promise<Office> {
    const dir = mkdtempSync(join(tmpdir(), "mg-"));
    const [web = 0, relay = 0, ...ports] = await freePorts(2 + 2 * nodes);
    const url = `https://${lan ?? "localhost"}:${web}`;
    const config = join(dir, "office.toml");
    mkdirSync(join(dir, "run"));
    const media = Array.from({ length: nodes }, (_, n) => ({
      udp: `127.0.0.1:${ports[2 * n]}`,
      control: `127.0.0.1:${ports[2 * n + 1]}`,
    }));
    const text = ownConfig(dir, { web, url, media, isBare, relay: turn ? relay : undefined, encryption, moreStaff, tables, settings }) + (more ?? "");
    writeFileSync(config, text);
    const trace = isWatched && text.includes("[[camera]]") ? Trace.of(BIN, dir) : undefined;
    const office = new Office(dir, url, config, { media, lan, trace, answers });
    try {
      await eventually(
        "the office is open",
        () => {
          if (office.#child.exitCode !== null) throw new Error(`madoguchi up ended with ${office.#child.exitCode}`);
          return office.running()?.is_ready;
        },
        120_000,
      );
    } catch (error) {
      const words = office.lastWords();
      await office.#end();
      throw new Error(`${error}\n${words}`);
    }
    return office;
  }

  running(): Running | undefined {
    const file = join(this.run, "office.json");
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Running) : undefined;
  }

  /** The process id of the office itself and of every part. */
  pids(): Record<string, number> {
    return { madoguchi: this.#child.pid ?? 0, ...this.running()?.parts };
  }

  /** Ends a part as a power cut would and waits until another one has taken its place. */
  async kill(part: string): Promise<void> {
    const before = this.running()?.parts[part];
    if (!before) throw new Error(`there is no part ${part}: ${Object.keys(this.running()?.parts ?? {})}`);
    process.kill(before, "SIGKILL");
    await eventually(`${part} is started again`, () => {
      const now = this.running()?.parts[part];
      return now && now !== before;
    });
  }

  /** The demo logins by id. */
  logins(): Map<string, string> {
    const text = readFileSync(join(this.run, "secrets/demo-logins.txt"), "utf8");
    return new Map(
      text
        .split("\n")
        .filter(Boolean)
        .map((line) => line.split(" ") as [string, string]),
    );
  }

  /** The file with the office's own authority. */
  get authority(): string {
    return join(this.run, "secrets/ca.pem");
  }

  /** Fetches a path, trusting the office's own authority and nobody else. */
  get(path: string): Promise<{ status: number; headers: Record<string, string | string[] | undefined>; body: string }> {
    const ca = readFileSync(this.authority);
    return new Promise((answer, fail) => {
      const asked = request(`${this.url}${path}`, { ca, agent: false, timeout: 5000 }, (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          body += chunk;
        });
        response.on("end", () => answer({ status: response.statusCode ?? 0, headers: response.headers, body }));
        response.on("error", fail);
      });
      asked.on("timeout", () => asked.destroy(new Error(`${path}: no answer within 5 s`)));
      asked.on("error", fail);
      asked.end();
    });
  }

  async areas(): Promise<Area[]> {
    const answer = await this.get("/api/areas");
    if (answer.status !== 200) throw new Error(`/api/areas: ${answer.status} ${answer.body}`);
    return (JSON.parse(answer.body) as { areas: Area[] }).areas;
  }

  /** Where a program lies. */
  program(name: string): string {
    return join(BIN, name);
  }

  /** How many people a media node serves, by its own metrics. */
  async participants(control: string): Promise<number> {
    const text = await (await fetch(`http://${control}/metrics`, { signal: AbortSignal.timeout(5000) })).text();
    return Number(/^media_participants (\d+)$/m.exec(text)?.[1]);
  }

  /** The media nodes that are alive and take new rooms, as the operator's command lists them. */
  async aliveNodes(): Promise<string[]> {
    const { stdout } = await promisify(execFile)(this.program("media-server"), ["nodes", "--config", this.config]);
    return stdout.split("\n").filter((line) => / yes$/.test(line));
  }

  /** Runs the player's own command against the running player. */
  async player(...words: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(join(BIN, "signage-player"), [
      "--config",
      this.config,
      "--screen",
      "lobby",
      ...words,
    ]);
    return stdout;
  }

  lastWords(lines = 80): string {
    return existsSync(this.log) ? readFileSync(this.log, "utf8").split("\n").slice(-lines).join("\n") : "(no log)";
  }

  /** Ends the office. Fails when a picture could have left its camera worker. */
  async close(): Promise<void> {
    await this.#end(() => this.#trace?.judge(this.run, (readFileSync(this.config, "utf8").match(/^\[\[(area|camera)\]\]$/gm) ?? []).length, this.#answers));
  }

  async #end(look?: () => Promise<void> | undefined): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = new Promise((done) => this.#child.once("exit", done));
      this.#child.kill("SIGTERM");
      await ended;
    }
    try {
      await look?.();
    } finally {
      if (!process.env.MADOGUCHI_KEEP) rmSync(this.#dir, { recursive: true, force: true });
    }
  }
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((ready) => {
          const server = createServer();
          server.listen(0, "127.0.0.1", () => ready(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

/** The demo's configuration with this office's own ports and folders. */
function ownConfig(
  dir: string,
  at: { web: number; url: string; media: { udp: string; control: string }[]; isBare: boolean; relay?: number; encryption?: string; moreStaff: number; tables?: string; settings?: Record<string, string> },
): string {
  const [first, ...more] = at.media;
  let toml = readFileSync(join(ROOT, "configs/demo.toml"), "utf8");
  const setTo = (key: string, value: string) => {
    const line = new RegExp(`^${key} = .*$`, "m");
    if (!line.test(toml)) throw new Error(`configs/demo.toml has no ${key}`);
    toml = toml.replace(line, `${key} = ${value}`);
  };
  const set = (key: string, value: string) => setTo(key, `"${value}"`);
  set("run", join(dir, "run"));
  set("secrets", join(dir, "run/secrets"));
  set("content", join(ROOT, "run/content"));
  set("rigs", join(ROOT, "configs/rigs"));
  set("layouts", join(ROOT, "configs/layouts"));
  set("voice", join(ROOT, ".cache/voices/mei_normal.htsvoice"));
  set("source", join(ROOT, ".cache/films/vtest.avi"));
  set("layout", join(ROOT, "configs/content/layouts/lobby.json"));
  set("listen", `127.0.0.1:${at.web}`);
  set("public_url", at.url);
  set("udp", first?.udp ?? "");
  // As in the demo: the same number.
  set("tcp", first?.udp ?? "");
  set("control", first?.control ?? "");
  for (const [key, value] of Object.entries(at.settings ?? {})) setTo(key, value);
  // A table ends where the next one begins.
  if (at.isBare) toml = toml.replace(/^\[\[(camera|screen)\]\]\n(?:(?!\[).*\n)*/gm, "");
  if (at.relay) toml += `\n[turn]\nlisten = "127.0.0.1:${at.relay}"\n`;
  if (at.encryption) toml += `\n[consultation]\nencryption = "${at.encryption}"\n`;
  if (at.tables) toml += at.tables;
  const section = /^\[\[section\]\]\nid = "(.*)"$/m.exec(toml)?.[1];
  for (let n = 1; n <= at.moreStaff; n++) toml += `\n[[demo_staff]]\nid = "staff-${n}"\nname = "職員 ${n}"\nsection = "${section}"\n`;
  return toml + more.map(({ udp, control }) => `\n[[media.node]]\nudp = "${udp}"\ntcp = "${udp}"\ncontrol = "${control}"\n`).join("");
}
