// Six RTSP cameras before one worker, in real time: what it takes, and how old a picture is when Redis has its count.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { bayTables } from "./lots.ts";
import { percentile, round, say } from "./report.ts";

/** As the cameras of small offices are set: decoded whole, looked at seldom. */
const [WIDTH, HEIGHT, PER_SECOND] = [640, 360, 15];
const WARM_UP_SECONDS = 20;
const SAMPLE_SECONDS = 5;
const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
const PAGE_BYTES = Number(execFileSync("getconf", ["PAGESIZE"], { encoding: "utf8" }));

export interface Models {
  /** For the lot. */
  yolox: string;
  /** For all others. */
  fastest: string;
}

/** Its counts go to Redis with the time at which the picture's reader had it; Redis' own time of arrival is in the entry's id. */
export async function measureSixCameras(bin: string, work: string, models: Models, seconds: number) {
  const ended: (() => Promise<void>)[] = [];
  try {
    const port = await freePort();
    ended.push(end(spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", ""], { stdio: "ignore" })));
    const camera = spawn(join(bin, "madoguchi-test-camera"), [], { stdio: ["pipe", "pipe", "inherit"] });
    ended.push(end(camera));
    const url = await firstLine(camera);
    camera.stdin.write(`rate ${PER_SECOND}\nsize ${WIDTH}x${HEIGHT}\npeople 3\n`);
    const config = join(work, "six.toml");
    writeFileSync(config, office(port, models, (perSecond) => `source = "${url}"\nframes_per_second = ${perSecond.toFixed(1)}\n`));
    const vision = spawn(join(bin, "vision"), ["--config", config], { stdio: ["ignore", "ignore", "inherit"] });
    ended.push(end(vision));
    const ask = (...words: string[]) => execFileSync("redis-cli", ["-p", String(port), ...words], { encoding: "utf8" }).trim().split("\n");
    const root = vision.pid ?? 0;
    await allSee(ask);
    say(`six cameras: warm-up, ${WARM_UP_SECONDS} s`);
    await rest(WARM_UP_SECONDS);
    const looksBefore = looksOf(ask);
    const begun = { at: performance.now(), ticks: ticksOf(root), wall: Date.now() };
    const memory = [residentMb(root)];
    /** Those who can't tell at some moment, for whatever reason: they cost nothing, and no figure would hold. */
    const blind = new Map<string, number>();
    const until = begun.at + seconds * 1000;
    while (performance.now() < until) {
      await rest(Math.min(SAMPLE_SECONDS, Math.max(0.1, (until - performance.now()) / 1000)));
      memory.push(residentMb(root));
      for (const id of notSeeing(ask)) blind.set(id, (blind.get(id) ?? 0) + 1);
    }
    const passed = (performance.now() - begun.at) / 1000;
    const cores = (ticksOf(root) - begun.ticks) / TICKS_PER_SECOND / passed;
    const looks = Object.entries(looksOf(ask)).map(([id, count]) => [id, round((count - (looksBefore[id] ?? 0)) / passed, 2)]);
    const ages = ask("KEYS", "*:observations").flatMap((key) => agesOf(ask("XRANGE", key, String(begun.wall), "+")));
    for (const [id, times] of blind) say(`${id} couldn't tell in ${times} of ${memory.length - 1} samples`);
    const [before, after] = firstAndLast(memory);
    return {
      cores: round(cores, 3),
      frame_to_redis_ms: { p50: percentile(ages, 0.5), p95: percentile(ages, 0.95), p99: percentile(ages, 0.99), max: Math.max(...ages) },
      observations: ages.length,
      blind_samples: [...blind.values()].reduce((sum, times) => sum + times, 0),
      looks_per_second: Object.fromEntries(looks),
      seconds: round(passed),
      frames_decoded_each: Math.round(passed * PER_SECOND),
      rss_mb: round(after),
      rss_growth_pct: round((after / before - 1) * 100, 2),
      processes: processesOf(root).length,
    };
  } finally {
    for (const stop of ended.toReversed()) await stop();
  }
}

/**
 * Cameras: entrance, three of a hall, a queue, a car park. `source` writes the lines that say where a camera's pictures come from, for
 * so many looks a second.
 */
export function office(port: number, models: Models, source: (perSecond: number) => string): string {
  const people = `model = ${JSON.stringify(models.fastest)}\nperson_heights = [[0.4, 0.2], [0.9, 0.4]]\n`;
  const camera = (id: string, area: string, perSecond: number, more: string) =>
    `[[camera]]\nid = "${id}"\narea = "${area}"\n${source(perSecond)}${more}`;
  const area = (id: string, more = "") =>
    `[[area]]\nid = "${id}"\nname = { ja = "${id}" }\ncapacity = 40\nmoderate_from = 10\nbusy_from = 20\nstale_after = "40s"\n${more}`;
  // Forty bays in four rows, each a 14th of the picture wide.
  const bays = Array.from({ length: 40 }, (_, index) => {
    const [x, y] = [(index % 10) * 62 + 10, Math.floor(index / 10) * 70 + 60];
    const contour: [number, number][] = [[x, y], [x + 46, y], [x + 46, y + 50], [x, y + 50]];
    return { id: String(index + 1), contour, isTaken: false };
  });
  const redis = `redis://127.0.0.1:${port}`;
  return [
    '[office]\nid = "bench"\nname = { ja = "計測" }\ntelephone = "000-000-0000"\n',
    '[paths]\nrun = "run"\nsecrets = "secrets"\ncontent = "content"\nrigs = "rigs"\n',
    '[web]\nlisten = "127.0.0.1:0"\npublic_url = "https://localhost"\n[media]\nudp = "127.0.0.1:0"\ncontrol = "127.0.0.1:0"\n',
    `[redis]\nledger = "${redis}"\nlive = "${redis}"\n`,
    area("house"),
    area("hall", 'join = "sum"\n'),
    area("queue"),
    area("lot"),
    camera("entrance", "house", 7, `role = "entrance"\nline = [[0.5, 1.0], [0.5, 0.3]]\n${people}`),
    camera("hall-1", "hall", 1, people),
    camera("hall-2", "hall", 1, people),
    camera("hall-3", "hall", 1, people),
    camera("queue", "queue", 2, `role = "queue"\nline = [[0.5, 1.0], [0.5, 0.3]]\n${people}`),
    camera("lot", "lot", 0.1, `role = "parking"\nmodel = ${JSON.stringify(models.yolox)}\n${bayTables(bays, WIDTH, HEIGHT)}`),
  ].join("");
}

/** The means of the first and the last fifth: a sample alone says little. */
export function firstAndLast(samples: number[]): [number, number] {
  const fifth = Math.max(1, Math.floor(samples.length / 5));
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return [mean(samples.slice(0, fifth)), mean(samples.slice(-fifth))];
}

/** Milliseconds from a picture to its entry, of a stream's plain reply: id, then source, at and count with their values. */
function agesOf(lines: string[]): number[] {
  const ages: number[] = [];
  for (let at = 0; at + 6 < lines.length + 1; at += 7) {
    const [id, name, taken] = [lines[at] ?? "", lines[at + 3], Number(lines[at + 4])];
    if (name !== "at") throw new Error(`not an observation: ${lines.slice(at, at + 7).join(" ")}`);
    ages.push(Number(id.split("-")[0]) - taken);
  }
  return ages;
}

export type Ask = (...words: string[]) => string[];

/** How many pictures each camera has counted. */
export function looksOf(ask: Ask): Record<string, number> {
  const reports = ask("KEYS", "mg:*camera*").filter((key) => key !== "");
  return Object.fromEntries(
    reports.map((key) => {
      const report = JSON.parse(ask("GET", key).join("") || "{}") as { frames_counted?: number };
      return [/:camera:([^}]*)\}/.exec(key)?.[1] ?? key, report.frames_counted ?? 0];
    }),
  );
}

/** The cameras that don't count now. */
const notSeeing = (ask: Ask) => ask("KEYS", "mg:*camera*").filter((key) => key !== "" && !/"status":"seeing"/.test(ask("GET", key).join("")));

async function allSee(ask: Ask): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    try {
      const keys = ask("KEYS", "mg:*camera*").filter((key) => key !== "");
      if (keys.filter((key) => /"status":"seeing"/.test(ask("GET", key).join(""))).length === 6) return;
    } catch {
      // Redis has just been started.
    }
    await rest(0.2);
  }
  throw new Error("not every camera sees after a minute");
}

/** A process, and what it started. */
function processesOf(root: number): number[] {
  const children = readFileSync(`/proc/${root}/task/${root}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  const threads = execFileSync("sh", ["-c", `cat /proc/${root}/task/*/children`], { encoding: "utf8" });
  return [root, ...new Set([...children, ...threads.split(/\s+/).filter(Boolean).map(Number)])];
}

const ticksOf = (root: number) => processesOf(root).reduce((sum, pid) => sum + ticks(pid), 0);

function ticks(pid: number): number {
  // The name, in brackets, may hold blanks.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

export function residentMb(root: number): number {
  const pages = processesOf(root).map((pid) => Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]));
  return (pages.reduce((sum, one) => sum + one, 0) * PAGE_BYTES) / (1 << 20);
}

export function freePort(): Promise<number> {
  return new Promise((take) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => take(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((take, refuse) => {
    child.stdout?.once("data", (bytes: Buffer) => take(bytes.toString().split("\n")[0] ?? ""));
    child.once("exit", () => refuse(new Error("the camera has ended")));
  });
}

/** Ends a process and waits until it has ended. */
export const end = (child: ChildProcess) => () =>
  new Promise<void>((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done();
    child.once("exit", () => done());
    child.kill();
  });

export const rest = (seconds: number) => new Promise<void>((done) => setTimeout(done, seconds * 1000));
