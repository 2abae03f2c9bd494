// The demo's layout: what it costs, whether its texts run evenly, how soon a notice is there, and how soon the first picture.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, ROOT } from "../../browser/office.ts";
import { blackFrames, type Dropped, dropped, near } from "./captures.ts";
import { colored } from "./contents.ts";
import { Home, Player, type Shown, type Spot } from "./player.ts";
import { round, say } from "./report.ts";
import { type Evenness, evenness, green } from "./running.ts";
import { ScreenServer } from "./screen-server.ts";

/** Before anything counts. */
const WARM_UP_SECONDS = 15;

const DEMO = JSON.parse(readFileSync(join(ROOT, "configs/content/layouts/lobby.json"), "utf8")) as { pages: { zones: Zone[] }[] };

interface Zone {
  name: string;
  rect: { x: number; y: number; width: number; height: number };
  widget: { speed?: number };
}

const zone = (name: string): Zone => {
  const found = DEMO.pages[0]?.zones.find((it) => it.name === name);
  if (!found) throw new Error(`the demo's layout has no zone ${name}`);
  return found;
};
const TICKER = zone("news");
const TICKER_SPEED = TICKER.widget.speed ?? 0;
const tickerRow = (share: number): Spot => ({ ...TICKER.rect, y: TICKER.rect.y + Math.round(TICKER.rect.height * share), height: 1, step: 1 });
/** The whole picture, coarsely; two rows through the ticker's letters. */
const SPOTS: Spot[] = [{ x: 8, y: 8, width: 1272, height: 712, step: 40 }, tickerRow(0.42), tickerRow(0.55)];

/** A text that rolls in the main zone, no two lines of it the same; columns through its letters. */
const ROLL_SPEED = 40;
const ROLL_TEXT = Array.from({ length: 40 }, (_, n) => `${n + 1}番の窓口：${["住民票", "戸籍", "子育て", "介護", "国民健康保険", "年金", "税金"][n % 7]}のご相談（${(n * 7) % 12}番の札）`).join("\n");
const COLUMNS: Spot[] = [0.01, 0.05, 0.12, 0.2, 0.3].map((share) => ({ ...zone("main").rect, x: zone("main").rect.x + Math.round(zone("main").rect.width * share), width: 1, step: 1 }));

const rest = (seconds: number) => new Promise<void>((wake) => setTimeout(wake, seconds * 1000));

/** The demo's layout with something else in its main zone. */
function withMain(widget: object): object {
  const layout = structuredClone(DEMO) as { pages: { zones: { name: string; widget: object }[] }[] };
  for (const it of layout.pages[0]?.zones ?? []) if (it.name === "main") it.widget = widget;
  return layout;
}

/** How long, how often. */
export interface Effort {
  runs: number;
  seconds: number;
  notices: number;
}

/** What the demo's layout did, run by run. */
export interface Demo {
  cores: number[];
  /** By the capture. */
  dropped: Dropped[];
  /** In percent, by the player's own count. */
  droppedByItself: number[];
  /** Looked at twice a second. */
  memory: number[];
  peakMb: number;
  ticker: Evenness;
  black: number;
  notices: number[];
}

/** The demo's layout with this film again and again: a picture that stands would make the screen look cheaper than it is. */
export async function demo(home: Home, film: string, { runs, seconds, notices: count }: Effort): Promise<Demo> {
  const layout = withMain({ type: "playlist", items: [{ type: "video", content: film.slice(film.lastIndexOf("/") + 1) }] });
  const manifest = home.store(layout, [film]);
  const server = await ScreenServer.start(home.secrets, "lobby", manifest);
  home.configure(server.port);
  const welcomed = server.welcomed();
  const player = new Player(home, SPOTS);
  const of: Omit<Demo, "ticker" | "black" | "notices" | "peakMb"> = { cores: [], dropped: [], droppedByItself: [], memory: [] };
  try {
    await Promise.race([welcomed, rest(60).then(() => Promise.reject(new Error("the player doesn't connect")))]);
    say(`the demo's layout: warm-up ${WARM_UP_SECONDS} s`);
    await rest(WARM_UP_SECONDS);
    const from = player.captured();
    for (let run = 0; run < runs; run++) {
      const [before, first, usedBefore, began] = [player.status(), player.captured(), player.coreSeconds(), performance.now()];
      while (performance.now() - began < seconds * 1000) {
        await rest(0.5);
        of.memory.push(player.residentMb());
      }
      const [used, length] = [player.coreSeconds() - usedBefore, (performance.now() - began) / 1000];
      const [after, frames] = [player.status(), player.frames(first)];
      of.cores.push(used / length);
      of.dropped.push(dropped(frames));
      of.droppedByItself.push(((after.dropped - before.dropped) / Math.max(1, after.frames - before.frames)) * 100);
      say(`run ${run + 1} of ${runs}: ${round(used / length, 3)} cores`);
    }
    const frames = player.frames(from);
    const peakMb = player.peakMb();
    const ticker = evenness(stripsOf(frames, [1, 2]), TICKER_SPEED);
    return { ...of, peakMb, ticker, black: blackFrames(frames), notices: await notices(player, server, count) };
  } finally {
    await player.stop();
    server.close();
  }
}

const stripsOf = (frames: Shown[], spots: number[]) => frames.map(({ at, spots: all }) => ({ at, lines: spots.map((spot) => green(all[spot] ?? Buffer.alloc(0))) }));

/** Whether a text that rolls from bottom to top does so evenly, for so many seconds, beside the ticker. */
export async function rolls(seconds: number): Promise<Evenness> {
  const home = new Home();
  home.configure(9);
  home.store(withMain({ type: "roll", size: 32, speed: ROLL_SPEED, text: { ja: ROLL_TEXT } }), []);
  const player = new Player(home, COLUMNS);
  try {
    await eventually("the first frames", () => player.captured() > 30);
    say(`a text that rolls: ${seconds} s`);
    await rest(seconds);
    return evenness(stripsOf(player.frames(), [0, 1, 2, 3, 4]), ROLL_SPEED);
  } finally {
    await player.stop();
    home.remove();
  }
}

/** From the sending of an urgent notice to its ground on the screen. */
async function notices(player: Player, server: ScreenServer, count: number): Promise<number[]> {
  say(`${count} notices`);
  const times: number[] = [];
  const isBand = (shown: Shown) => {
    // The first captured point, 8 pixels from the corner: the band's amber.
    const [blue = 0, green = 0, red = 0] = shown.spots[0] ?? [];
    return red > 240 && green > 180 && green < 220 && blue < 30;
  };
  const seen = (from: number, wanted: boolean) =>
    eventually("the notice on the screen", () => player.frames(from).find((shown) => isBand(shown) === wanted), 10_000);
  for (let n = 0; n < count; n++) {
    // At every phase of the frames' clock.
    await rest(0.1 + Math.random() * 0.2);
    let from = player.captured();
    const sentAt = Date.now();
    server.tell({ type: "notices", notices: [{ id: `n${n}`, text: { ja: "大雨警報が出ています。" }, urgency: "urgent" }] });
    const shown = await seen(from, true);
    times.push(Math.max(0, shown.wall - sentAt));
    from = player.captured();
    server.tell({ type: "notices", notices: [] });
    await seen(from, false);
  }
  return times;
}

/** From the start of the process to the first frame with the stored picture. */
export async function firstPictures(starts: number): Promise<number[]> {
  const times: number[] = [];
  const home = new Home();
  // Nobody listens there: the screen is alone.
  home.configure(9);
  const picture = colored(home.dir, "first", "png", 0x20a040);
  const item = { type: "picture", content: "first.png", duration_ms: 60_000 };
  home.store(withMain({ type: "playlist", items: [item] }), [picture]);
  const spot = { x: zone("main").rect.x + 400, y: zone("main").rect.y + 200, width: 1, height: 1, step: 1 };
  try {
    for (let n = 0; n < starts; n++) {
      const player = new Player(home, [spot]);
      try {
        const isThere = (shown: Shown) => near(shown.spots[0], 0x20a040);
        const shown = await eventually("the first picture", () => player.captured() > 0 && player.frames().find(isThere), 30_000);
        times.push(shown.wall - player.startedAt);
      } finally {
        await player.stop();
      }
    }
  } finally {
    home.remove();
  }
  return times;
}
