// A real player in a folder of its own, what it really showed (its capture), and what it costs.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BIN, ROOT } from "../../browser/office.ts";
import { contentOf, type Manifest } from "./screen-server.ts";

const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
const PAGE_BYTES = Number(execFileSync("getconf", ["PAGESIZE"], { encoding: "utf8" }));

/** A part of the picture: every `step`th pixel. */
export interface Spot {
  x: number;
  y: number;
  width: number;
  height: number;
  step: number;
}

/** A frame as it was shown. */
export interface Shown {
  /** By the machine's monotonic clock, in milliseconds. */
  at: number;
  /** By the time of day, in milliseconds since 1970. */
  wall: number;
  /** Each spot's pixels: blue, green, red, x. */
  spots: Buffer[];
}

/** What a process says, or this where it has just ended. */
function gone<T>(ask: () => T, otherwise: T): T {
  try {
    return ask();
  } catch {
    return otherwise;
  }
}

const pixels = (spot: Spot) => Math.ceil(spot.width / spot.step) * Math.ceil(spot.height / spot.step);

/** Screens that show the same frames, as one of them knows it (protocol::screen::Group). */
export interface Group {
  name: string;
  screen: string;
  address: string;
  others: Record<string, string>;
  key: string;
}

/** A screen's folder, as an office and a player leave it. */
export class Home {
  readonly dir = mkdtempSync(join(tmpdir(), "madoguchi-player-"));
  readonly secrets = join(this.dir, "run/secrets");
  readonly screen: string;
  readonly #home: string;

  constructor(screen = "lobby") {
    this.screen = screen;
    this.#home = join(this.dir, "run/screens", screen);
  }

  /** `port`: where the office's server is. */
  configure(port: number): void {
    const demo = readFileSync(join(ROOT, "configs/demo.toml"), "utf8")
      .replaceAll('"../run', '"run')
      // Nobody speaks here.
      .replace(/^voice = .*$/m, "")
      .replace('"rigs"', JSON.stringify(join(ROOT, "configs/rigs")))
      .replace("https://localhost:8443", `https://localhost:${port}`)
      .replace(/^id = "lobby"$/m, `id = "${this.screen}"`);
    writeFileSync(join(this.dir, "office.toml"), demo);
  }

  /** Puts contents on the screen's own disk, as if they had been fetched. `group`: the screens with which it shows the same frames. */
  store(layout: object, files: string[], group?: Group): Manifest {
    mkdirSync(join(this.#home, "content"), { recursive: true });
    const contents: Manifest["contents"] = {};
    for (const file of files) {
      const content = contentOf(file);
      copyFileSync(file, join(this.#home, "content", content.sha256));
      contents[file.slice(file.lastIndexOf("/") + 1)] = content;
    }
    const manifest = { layout, contents, ...(group && { group }) };
    writeFileSync(join(this.#home, "manifest.json"), JSON.stringify(manifest));
    return manifest;
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A running player. */
export class Player {
  readonly startedAt = Date.now();
  readonly #home: Home;
  readonly #file: string;
  readonly #spots: Spot[];
  readonly #child: ChildProcess;
  #ended = false;

  /** `more`: further arguments of the program. */
  constructor(home: Home, spots: Spot[], more: string[] = []) {
    this.#home = home;
    this.#spots = spots;
    this.#file = join(home.dir, `capture-${Math.random().toString(36).slice(2)}`);
    const environment = { ...process.env, RUST_LOG: "warn" };
    const places = spots.flatMap(({ x, y, width, height, step }) => ["--capture-spot", [x, y, width, height, step].join(",")]);
    const program = join(BIN, "signage-player");
    this.#child = spawn(program, [...this.#arguments(), "--headless", "--capture", this.#file, ...places, ...more], { stdio: ["ignore", "inherit", "inherit"], env: environment });
    this.#child.once("exit", () => {
      this.#ended = true;
    });
  }

  #arguments(): string[] {
    return ["--config", join(this.#home.dir, "office.toml"), "--screen", this.#home.screen];
  }

  get pid(): number {
    if (this.#ended || this.#child.pid === undefined) throw new Error("the player has ended");
    return this.#child.pid;
  }

  /** How many frames were captured by now. */
  captured(): number {
    return existsSync(this.#file) ? Math.floor(statSync(this.#file).size / this.#length()) : 0;
  }

  #length(): number {
    return 16 + this.#spots.reduce((sum, spot) => sum + pixels(spot) * 4, 0);
  }

  /** The frames from number `from` on. */
  frames(from = 0): Shown[] {
    const length = this.#length();
    const bytes = readFileSync(this.#file);
    const shown: Shown[] = [];
    for (let at = from * length; at + length <= bytes.length; at += length) {
      let place = at + 16;
      const spots = this.#spots.map((spot) => bytes.subarray(place, (place += pixels(spot) * 4)));
      shown.push({ at: Number(bytes.readBigUInt64LE(at)) / 1e6, wall: Number(bytes.readBigUInt64LE(at + 8)) / 1e6, spots });
    }
    return shown;
  }

  status(): { frames: number; dropped: number; black: number; faults: string[] } {
    return JSON.parse(execFileSync(join(BIN, "signage-player"), [...this.#arguments(), "--status"], { encoding: "utf8" }));
  }

  /** All of the player's processes: the one that keeps, the picture, the agent, and what they have started. */
  #processes(): number[] {
    const found = [this.pid];
    for (const pid of found) {
      // The kernel tells children by the thread that started them; one may have ended since.
      const ofThread = (thread: string) => gone(() => readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8"), "");
      const children = gone(() => readdirSync(`/proc/${pid}/task`), []).map(ofThread).join(" ");
      found.push(...children.split(" ").filter(Boolean).map(Number));
    }
    return found;
  }

  #sum(of: (pid: number) => number): number {
    return this.#processes().reduce((sum, pid) => sum + gone(() => of(pid), 0), 0);
  }

  /** Core-seconds used by now: the processes and their ended children (proc(5), fields 14 to 17). */
  coreSeconds(): number {
    return this.#sum((pid) => {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0) / TICKS_PER_SECOND;
    });
  }

  residentMb(): number {
    return this.#sum((pid) => (Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES) / 1e6);
  }

  /** The most that each process has had resident since its start (VmHWM, proc(5)), summed: never less than all had at once. */
  peakMb(): number {
    return this.#sum((pid) => (Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024) / 1e6);
  }

  openFiles(): number {
    return this.#sum((pid) => readdirSync(`/proc/${pid}/fd`).length);
  }

  threads(): number {
    return this.#sum((pid) => readdirSync(`/proc/${pid}/task`).length);
  }

  /** Ends it; `how`: SIGKILL takes it away as a power cut does. What was captured is gone then: read it before. */
  async stop(how: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (this.#ended) return;
    const ended = new Promise((end) => this.#child.once("exit", end));
    this.#child.kill(how);
    await ended;
    rmSync(this.#file, { force: true });
  }
}
