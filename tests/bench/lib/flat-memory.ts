// Whether memory stays flat: six cameras count a film over and over as fast as the machine can, thousands of pictures each.
import { execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { round, say } from "./report.ts";
import { type Models, end, firstAndLast, freePort, looksOf, office, residentMb, rest } from "./six-cameras.ts";

/** Until so many pictures are counted buffers and models are still being filled. */
const WARM_UP_FRAMES = 200;
const SAMPLE_SECONDS = 1;
/** The lot is looked at by the large model: it is waited for until it has a tenth. */
const LOT_SHARE = 0.1;

/** Counts `frames` pictures at each camera, the lot's a tenth, after a warm-up. */
export async function measureFlatMemory(bin: string, work: string, models: Models, film: string, frames: number) {
  const ended: (() => Promise<void>)[] = [];
  try {
    const port = await freePort();
    ended.push(end(spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", ""], { stdio: "ignore" })));
    const config = join(work, "memory.toml");
    const source = `source = ${JSON.stringify(film)}\nfull_speed = true\nfilm_frames_per_second = 7.0\n`;
    writeFileSync(config, office(port, models, () => source));
    const vision = spawn(join(bin, "vision"), ["--config", config], { stdio: ["ignore", "ignore", "inherit"] });
    ended.push(end(vision));
    const root = vision.pid ?? 0;
    const ask = (...words: string[]) => execFileSync("redis-cli", ["-p", String(port), ...words], { encoding: "utf8" }).trim().split("\n");
    /** The least that any camera has counted, the lot's tenfold. */
    const counted = () => {
      const looks = Object.entries(looksOf(ask)).map(([id, count]) => (id === "lot" ? count / LOT_SHARE : count));
      return looks.length === 6 ? Math.min(...looks) : 0;
    };
    const memory: number[] = [];
    let said = 0;
    for (let now = 0; now < WARM_UP_FRAMES + frames; now = counted()) {
      if (vision.exitCode !== null) throw new Error(`vision has ended: ${vision.exitCode}`);
      await rest(SAMPLE_SECONDS);
      if (now >= WARM_UP_FRAMES) memory.push(residentMb(root));
      if (now >= said + 1000) say(`flat memory: ${(said = Math.floor(now / 1000) * 1000)} of ${frames} pictures`);
    }
    const [before, after] = firstAndLast(memory);
    return {
      frames_counted: looksOf(ask),
      rss_mb: round(after),
      rss_peak_mb: round(Math.max(...memory)),
      rss_growth_pct: round((after / before - 1) * 100, 2),
    };
  } finally {
    for (const stop of ended.toReversed()) await stop();
  }
}
