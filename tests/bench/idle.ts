// idle: cores and memory of the whole demo office at rest: a screen that plays, a camera that counts
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { eventually, Office } from "../browser/office.ts";
import { finish, median, option, round, say, table } from "./lib/report.ts";

const RUNS = option("runs", 5);
const SECONDS = option("seconds", 20);
const WARM_UP_SECONDS = 15;
const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
const PAGE_BYTES = Number(execFileSync("getconf", ["PAGESIZE"], { encoding: "utf8" }));

interface Sample {
  at: number;
  ticks: Record<string, number>;
  playerFrames: number;
  playerAt: number;
  visionFrames: number;
}

const office = await Office.open({ isWatched: false });
const cores: Record<string, number[]> = {};
const memory: Record<string, number[]> = {};
const [total, playerFps, visionFps]: [number[], number[], number[]] = [[], [], []];
try {
  await eventually("the area is counted", async () => (await office.areas())[0]?.count !== null);
  say(`warm-up: ${WARM_UP_SECONDS} s`);
  await rest(WARM_UP_SECONDS);
  for (let run = 0; run < RUNS; run++) {
    const begin = await sample();
    await rest(SECONDS);
    const end = await sample();
    const seconds = (end.at - begin.at) / 1000;
    let sum = 0;
    for (const [name, ticks] of Object.entries(end.ticks)) {
      const used = (ticks - (begin.ticks[name] ?? 0)) / TICKS_PER_SECOND / seconds;
      (cores[name] ??= []).push(used);
      sum += used;
    }
    total.push(sum);
    playerFps.push(((end.playerFrames - begin.playerFrames) / (end.playerAt - begin.playerAt)) * 1000);
    visionFps.push((end.visionFrames - begin.visionFrames) / seconds);
    for (const [name, pid] of Object.entries(office.pids())) (memory[name] ??= []).push(residentMb(pid));
    say(`run ${run + 1} of ${RUNS}: ${round(sum, 3)} cores`);
  }
} finally {
  await office.close();
}

table([
  ["cores, all parts", "cores", total],
  ...Object.entries(cores).map(([name, values]): [string, string, number[]] => [`  ${name}`, "cores", values]),
  ...Object.entries(memory).map(([name, values]): [string, string, number[]] => [`  ${name}`, "MB resident", values]),
  ["player", "frames/s", playerFps],
  ["vision", "frames/s", visionFps],
]);
finish({
  runs: RUNS,
  seconds_a_run: SECONDS,
  cores_total: round(median(total), 3),
  parts: Object.fromEntries(
    Object.keys(cores).map((name) => [
      name,
      { cores: round(median(cores[name] ?? []), 3), rss_mb: round(median(memory[name] ?? [])) },
    ]),
  ),
  player: { frames_per_second: round(median(playerFps), 2) },
  vision: { frames_per_second: round(median(visionFps), 2) },
});

function rest(seconds: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, seconds * 1000));
}

async function sample(): Promise<Sample> {
  const ticks: Record<string, number> = {};
  for (const [name, pid] of Object.entries(office.pids())) ticks[name] = cpuTicks(pid);
  const at = performance.now();
  const player = JSON.parse(await office.player("--status")) as { frames: number };
  const playerAt = performance.now();
  const camera = JSON.parse(
    execFileSync("redis-cli", ["-s", `${office.run}/redis-live.sock`, "GET", "mg:{minami:camera:lobby-1f-north}:report"], {
      encoding: "utf8",
    }),
  ) as { frames_counted: number };
  return { at, ticks, playerFrames: player.frames, playerAt, visionFrames: camera.frames_counted };
}

/** User and system time of a process and its ended children, in clock ticks (proc(5), fields 14 to 17). */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
}

function residentMb(pid: number): number {
  return (Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES) / 1e6;
}
