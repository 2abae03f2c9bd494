// player: the screen: cost, dropped and black frames, 1,000 item changes, first picture, notices, the ticker's steadiness, two in step
//
// --only first|sync|demo|changes measures a part.
// All pictures are judged from frames captured at the moment at which the sink shows them (docs/player.md), never from
// the player's own words; costs are the process's own.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, ROOT } from "../browser/office.ts";
import { Home, Player, type Shown, type Spot } from "./lib/player.ts";
import { finish, median, option, percentile, round, say, table } from "./lib/report.ts";
import { ScreenServer } from "./lib/screen-server.ts";
import { type Together, together } from "./lib/wall.ts";

const RUNS = option("runs", 3);
const SECONDS = option("seconds", 20);
const CHANGES = option("changes", 1000);
const NOTICES = option("notices", 60);
const STARTS = option("starts", 7);
const SYNC_SECONDS = option("sync-seconds", 300);
if (SYNC_SECONDS < 60) {
  console.error("--sync-seconds takes at least 60: screens are started anew in between");
  process.exit(2);
}
if (CHANGES < 200) {
  console.error("--changes takes at least 200: the first hundred are compared with the last");
  process.exit(2);
}
/** The ticker's text comes in from the right edge first. */
const WARM_UP_SECONDS = 15;
const FRAME_MS = 1000 / 30;

const DEMO = JSON.parse(readFileSync(join(ROOT, "configs/content/layouts/lobby.json"), "utf8")) as { pages: { zones: Zone[] }[] };
const FILM = join(ROOT, "run/content/madoguchi.mp4");

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

const rest = (seconds: number) => new Promise<void>((wake) => setTimeout(wake, seconds * 1000));

/** The demo's layout with something else in its main zone. */
function withMain(widget: object): object {
  const layout = structuredClone(DEMO) as { pages: { zones: { name: string; widget: object }[] }[] };
  for (const it of layout.pages[0]?.zones ?? []) if (it.name === "main") it.widget = widget;
  return layout;
}

/** The demo's layout: what it costs, and whether its ticker runs evenly. */
async function demo() {
  const home = new Home();
  // The film again and again: a picture that stands would make the screen look cheaper than it is.
  const layout = withMain({ type: "playlist", items: [{ type: "video", content: "madoguchi.mp4" }] });
  const manifest = home.store(layout, [FILM]);
  const server = await ScreenServer.start(home.secrets, "lobby", manifest);
  home.configure(server.port);
  const welcomed = server.welcomed();
  const player = new Player(home, SPOTS);
  const [cores, dropped, memory]: number[][] = [[], [], []];
  try {
    await Promise.race([welcomed, rest(60).then(() => Promise.reject(new Error("the player doesn't connect")))]);
    say(`the demo's layout: warm-up ${WARM_UP_SECONDS} s`);
    await rest(WARM_UP_SECONDS);
    const from = player.captured();
    for (let run = 0; run < RUNS; run++) {
      const [before, usedBefore, began] = [player.status(), player.coreSeconds(), performance.now()];
      await rest(SECONDS);
      const [after, used, seconds] = [player.status(), player.coreSeconds() - usedBefore, (performance.now() - began) / 1000];
      cores?.push(used / seconds);
      dropped?.push(((after.dropped - before.dropped) / Math.max(1, after.frames - before.frames)) * 100);
      memory?.push(player.residentMb());
      say(`run ${run + 1} of ${RUNS}: ${round(used / seconds, 3)} cores`);
    }
    const frames = player.frames(from);
    return { cores: cores ?? [], dropped: dropped ?? [], memory: memory ?? [], ticker: tickerErrors(frames), black: blackFrames(frames), notices: await notices(player, server) };
  } finally {
    await player.stop();
    server.close();
    home.remove();
  }
}

/** How far, in pixels, the ticker is from where time alone would have it, frame by frame. */
function tickerErrors(frames: Shown[]): number[] {
  const errors: number[] = [];
  // Where the text ends, the zone is empty for a while, and nothing tells where it is: pieces are judged apart.
  let piece: { at: number; position: number }[] = [];
  const judge = () => {
    if (piece.length < 60) return;
    const offsets = piece.map(({ at, position }) => position - (at / 1000) * TICKER_SPEED);
    const middle = median(offsets);
    errors.push(...offsets.map((offset) => Math.abs(offset - middle)));
  };
  let position = 0;
  for (let i = 1; i < frames.length; i++) {
    const [before, now] = [frames[i - 1], frames[i]];
    if (!before || !now) continue;
    const moved = shift(before, now);
    if (moved === undefined) {
      judge();
      piece = [];
      continue;
    }
    position += moved;
    piece.push({ at: now.at, position });
  }
  judge();
  return errors;
}

/** By how many pixels the rows moved to the left from one frame to the next; undefined where there is nothing to see. */
function shift(before: Shown, now: Shown): number | undefined {
  const reach = Math.ceil(((now.at - before.at) / 1000) * TICKER_SPEED) + 12;
  let [best, second, at] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0];
  for (let moved = 0; moved <= reach; moved++) {
    let sum = 0;
    for (const row of [1, 2]) {
      const [a, b] = [before.spots[row], now.spots[row]];
      if (!a || !b) continue;
      // The green of each pixel.
      for (let x = 1; x + moved * 4 < a.length - 4; x += 4) sum += Math.abs((a[x + moved * 4] ?? 0) - (b[x] ?? 0));
    }
    if (sum < best) [second, best, at] = [best, sum, moved];
    else if (sum < second) second = sum;
  }
  return second > best * 1.5 + 2000 ? at : undefined;
}

/** Frames whose every captured pixel is nearly black. */
function blackFrames(frames: Shown[]): number {
  const isBlack = (pixels: Buffer) => pixels.every((value, index) => index % 4 === 3 || value < 16);
  return frames.filter(({ spots }) => spots.every(isBlack)).length;
}

/** From the sending of an urgent notice to its ground on the screen. */
async function notices(player: Player, server: ScreenServer): Promise<number[]> {
  say(`${NOTICES} notices`);
  const times: number[] = [];
  const isBand = (shown: Shown) => {
    // The first captured point, 8 pixels from the corner: the band's amber.
    const [blue = 0, green = 0, red = 0] = shown.spots[0] ?? [];
    return red > 240 && green > 180 && green < 220 && blue < 30;
  };
  const seen = (from: number, wanted: boolean) =>
    eventually("the notice on the screen", () => player.frames(from).find((shown) => isBand(shown) === wanted), 10_000);
  for (let n = 0; n < NOTICES; n++) {
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
async function firstPictures(): Promise<number[]> {
  const times: number[] = [];
  const home = new Home();
  // Nobody listens there: the screen is alone.
  home.configure(9);
  const picture = colored(home.dir, "first", "png", 0x20a040);
  const item = { type: "picture", content: "first.png", duration_ms: 60_000 };
  home.store(withMain({ type: "playlist", items: [item] }), [picture]);
  const spot = { x: zone("main").rect.x + 400, y: zone("main").rect.y + 200, width: 1, height: 1, step: 1 };
  try {
    for (let n = 0; n < STARTS; n++) {
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

function near(pixel: Buffer | undefined, color: number, reach = 28): boolean {
  const [blue = 0, green = 0, red = 0] = pixel ?? [];
  return [red - (color >> 16), green - ((color >> 8) & 255), blue - (color & 255)].every((off) => Math.abs(off) < reach);
}

/** A content of one colour that lasts, or stands, one second. */
function colored(dir: string, name: string, kind: "mp4" | "png" | "pdf", color: number): string {
  const file = join(dir, `${name}.${kind}`);
  if (kind === "pdf") {
    writeFileSync(file, onePage(color));
    return file;
  }
  const source = `videotestsrc pattern=solid-color foreground-color=${0xff000000 + color} num-buffers=${kind === "mp4" ? 30 : 1}`;
  const shape = "video/x-raw,width=640,height=312,framerate=30/1";
  const encode = kind === "mp4" ? "x264enc key-int-max=15 ! mp4mux faststart=true" : "pngenc";
  execFileSync("gst-launch-1.0", ["-q", ...`${source} ! ${shape} ! videoconvert ! ${encode} ! filesink location=${file}`.split(" ")]);
  return file;
}

/** A PDF of one filled page, with a right cross-reference table (ISO 32000-1 §7.5). */
function onePage(color: number): string {
  const shares = [color >> 16, (color >> 8) & 255, color & 255].map((channel) => (channel / 255).toFixed(4)).join(" ");
  const drawing = `${shares} rg 0 0 640 312 re f`;
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 640 312] /Contents 4 0 R >>",
    `<< /Length ${drawing.length} >>\nstream\n${drawing}\nendstream`,
  ];
  let text = "%PDF-1.4\n";
  const places = objects.map((object, index) => {
    const at = text.length;
    text += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(at).padStart(10, "0")} 00000 n \n`;
  });
  return `${text}xref\n0 5\n0000000000 65535 f \n${places.join("")}trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`;
}

/** Four zones whose one-second items change by turns, each to another colour, over a running text. */
async function changes() {
  const home = new Home();
  home.configure(9);
  const kinds = ["mp4", "png", "mp4", "pdf", "png"] as const;
  const colors = [0xd02020, 0x20a040, 0x2040d0, 0xd0a020, 0x8030b0];
  const files = colors.map((color, n) => colored(home.dir, `item-${n}`, kinds[n] ?? "png", color));
  const item = (n: number) => {
    const content = `item-${n}.${kinds[n]}`;
    if (kinds[n] === "mp4") return { type: "video", content };
    return kinds[n] === "png" ? { type: "picture", content, duration_ms: 1000 } : { type: "document", content, page_ms: 1000 };
  };
  const corners = [0, 1, 2, 3].map((n) => ({ x: (n % 2) * 640, y: Math.floor(n / 2) * 312 }));
  const zones: object[] = corners.map(({ x, y }, n) => ({
    name: `zone-${n}`,
    rect: { x, y, width: 640, height: 312 },
    // The zones are out of step.
    widget: { type: "playlist", items: [0, 1, 2, 3, 4].map((step) => item((step + n) % 5)) },
  }));
  const text = { ja: "動き続ける文字で、画面が止まっていないことを確かめます。".repeat(20) };
  zones.push({ name: "news", rect: { x: 0, y: 632, width: 1280, height: 88 }, widget: { type: "ticker", speed: 120, text } });
  home.store({ version: 2, name: "changes", width: 1280, height: 720, pages: [{ name: "home", background: "#f4f6fb", zones }] }, files);
  const spots = [...corners.map(({ x, y }) => ({ x: x + 320, y: y + 156, width: 1, height: 1, step: 1 })), tickerRow(0.42), SPOTS[0] as Spot];
  const player = new Player(home, spots);
  const marks: { changes: number; memory: number; files: number; threads: number }[] = [];
  try {
    await eventually("the first frames", () => player.captured() > 30);
    const began = performance.now();
    const wanted = Math.ceil(CHANGES / 4) + 2;
    say(`${CHANGES} item changes in four zones: about ${wanted} s`);
    while (performance.now() - began < wanted * 1000) {
      // Not in step with the items: at a change more of them are there than between two.
      await rest(0.173);
      marks.push({ changes: ((performance.now() - began) / 1000) * 4, memory: player.residentMb(), files: player.openFiles(), threads: player.threads() });
    }
    const frames = player.frames();
    const status = player.status();
    if (status.faults.length > 0) throw new Error(`the player reports: ${status.faults.join("; ")}`);
    return { ...judgeChanges(frames, colors), growth: growth(marks), dropped: (status.dropped / status.frames) * 100 };
  } finally {
    await player.stop();
    home.remove();
  }
}

function judgeChanges(frames: Shown[], colors: number[]) {
  let [black, changed, frozen] = [0, 0, 0];
  const gaps: number[] = [];
  for (const index of [0, 1, 2, 3]) {
    let [known, since] = [-1, Number.NaN];
    for (const { at, spots } of frames) {
      const now = colors.findIndex((color) => near(spots[index], color));
      if (now < 0 && known >= 0) black += 1;
      if (now < 0 || now === known) continue;
      // The first change has no beginning that is known.
      if (!Number.isNaN(since)) gaps.push(Math.abs(at - since - 1000));
      if (known >= 0) changed += 1;
      since = known >= 0 ? at : Number.NaN;
      known = now;
    }
  }
  black += blackFrames(frames);
  let [still, lastRow] = [0, Buffer.alloc(0) as Buffer];
  for (const { at, spots } of frames) {
    const row = spots[4] ?? Buffer.alloc(0);
    // Without letters there is nothing that could move.
    const hasLetters = row.some((value, byte) => byte % 4 === 1 && value > 200);
    if (row.equals(lastRow) && hasLetters) {
      if (at - still > 100) {
        frozen += 1;
        still = at;
      }
    } else still = at;
    lastRow = row;
  }
  return { black, changed, gaps, frozen };
}

/** From around change 100 to the last hundred: medians, as items come and go between two looks. */
function growth(marks: { changes: number; memory: number; files: number; threads: number }[]) {
  const early = marks.filter(({ changes }) => changes >= 80 && changes <= 140);
  const late = marks.filter(({ changes }) => changes >= CHANGES - 60);
  const of = (key: "memory" | "files" | "threads"): [number, number] => [median(early.map((mark) => mark[key])), median(late.map((mark) => mark[key]))];
  return { memory: of("memory"), files: of("files"), threads: of("threads") };
}

function syncFigures(of: Together) {
  const share = of.settled.filter((off) => off <= FRAME_MS).length / of.settled.length;
  return {
    sync_ms: { p50: round(median(of.settled), 2), p95: round(percentile(of.settled, 0.95), 2), p99: round(percentile(of.settled, 0.99), 2), frames: of.settled.length },
    sync_within_frame_pct: round(share * 100, 2),
    sync_missed_pct: round((of.missed / (of.settled.length + of.missed)) * 100, 2),
    sync_settling_ms: { p50: round(median(of.settling), 2), p95: round(percentile(of.settling, 0.95), 2) },
    sync_rejoin_ms: of.rejoined.map((ms) => round(ms)),
    sync_takeover: { longest_still_ms: round(of.longestStill), largest_step_frames: of.largestStep },
  };
}

type Row = Parameters<typeof table>[0][number];
const tail = (values: number[]) => ({ p50: round(median(values), 2), p99: round(percentile(values, 0.99), 2) });

/** Each part's rows and figures. */
const PARTS = {
  async first() {
    const times = await firstPictures();
    return { rows: [["first picture", "ms", times]] as Row[], figures: { first_picture_ms: round(median(times)) } };
  },

  async sync() {
    const of = await together(SYNC_SECONDS);
    const rows: Row[] = [
      ["same frame on two screens, apart", "ms", of.settled],
      ["in a screen's first ten seconds", "ms", of.settling],
      ["in step after a start", "ms", of.rejoined],
    ];
    return { rows, figures: syncFigures(of) };
  },

  async demo() {
    const of = await demo();
    const rows: Row[] = [
      ["demo layout, cores", "cores", of.cores],
      ["dropped frames", "%", of.dropped],
      ["resident", "MB", of.memory],
      ["notice to screen", "ms", of.notices],
      ["ticker off its schedule", "px", of.ticker],
    ];
    const figures = {
      runs: RUNS,
      seconds_a_run: SECONDS,
      cores: round(median(of.cores), 3),
      dropped_frames_pct: round(median(of.dropped), 3),
      rss_mb: round(median(of.memory)),
      notice_ms: tail(of.notices),
      ticker_px: { ...tail(of.ticker), frames: of.ticker.length },
    };
    return { rows, figures, black: of.black };
  },

  async changes() {
    const of = await changes();
    const [early, late] = of.growth.memory;
    const grown = ((late - early) / early) * 100;
    const rows: Row[] = [
      ["resident grows, change 100 to end", "%", [grown]],
      ["frozen over 100 ms", "times", [of.frozen]],
      ["swap off its second", "ms", of.gaps],
      ["open files, then and at the end", "", of.growth.files],
      ["threads, then and at the end", "", of.growth.threads],
    ];
    const figures = {
      changes: of.changed,
      changes_dropped_frames_pct: round(of.dropped, 3),
      changes_rss_mb: of.growth.memory.map((mb) => round(mb)),
      rss_growth_pct: round(grown, 2),
      open_files: of.growth.files,
      threads: of.growth.threads,
      frozen_over_100ms: of.frozen,
      swap_gap_ms: tail(of.gaps),
      // One frame: what a change may be late at most.
      frame_ms: round(FRAME_MS, 1),
    };
    return { rows, figures, black: of.black };
  },
};

const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1] : undefined;
if (only !== undefined && !Object.hasOwn(PARTS, only)) {
  console.error(`--only takes one of ${Object.keys(PARTS).join(", ")}, not ${only}`);
  process.exit(2);
}
const rows: Row[] = [];
const figures = {};
let black: number | undefined;
for (const [name, measure] of Object.entries(PARTS)) {
  if (only !== undefined && only !== name) continue;
  const part: { rows: Row[]; figures: object; black?: number } = await measure();
  rows.push(...part.rows);
  Object.assign(figures, part.figures);
  if (part.black !== undefined) black = (black ?? 0) + part.black;
}
if (black !== undefined) rows.push(["black frames", "frames", [black]]);
table(rows);
finish({ ...figures, ...(black === undefined ? {} : { black_frames: black }) });
