// A thousand item changes: four zones whose one-second items change by turns, over a running text.
import { eventually } from "../../browser/office.ts";
import { type Dropped, dropped } from "./captures.ts";
import { colored } from "./contents.ts";
import { numbered, numberSpots } from "./film.ts";
import { Home, Player, type Shown, type Spot } from "./player.ts";
import { median, say } from "./report.ts";
import { FILM_FRAMES, type Item, judgeZone, type Verdict } from "./zones.ts";

const [WIDTH, HEIGHT] = [640, 312];
const CORNERS = [0, 1, 2, 3].map((n) => ({ x: (n % 2) * WIDTH, y: Math.floor(n / 2) * HEIGHT }));
/** Films, whose frames carry numbers, among pictures and a document. */
const ITEMS: Item[] = [{ film: 1 }, { color: 0x20a040 }, { film: 2 }, { color: 0xd0a020 }, { color: 0x8030b0 }];
const KINDS = ["mp4", "png", "mp4", "pdf", "png"] as const;

const TICKER = { x: 0, y: 632, width: 1280, height: 88 };
/** Of each zone a grid over all of it, then where a film's number is; then a row through the text's letters. */
const OF_A_ZONE = 1 + numberSpots().length;
const SPOTS: Spot[] = [
  ...CORNERS.flatMap(({ x, y }) => [{ x: x + 8, y: y + 8, width: WIDTH - 16, height: HEIGHT - 16, step: 40 }, ...numberSpots(x, y)]),
  { ...TICKER, y: TICKER.y + 37, height: 1, step: 1 },
];

interface Mark {
  changes: number;
  memory: number;
  files: number;
  threads: number;
}

/** What came of it. */
export interface Changes extends Omit<Verdict, "filmFrames"> {
  filmFrames: { due: number; missing: number };
  /** Times at which the text stood for longer than 100 ms. */
  textFrozen: number;
  dropped: Dropped;
  /** Late and left out frames, in percent, by the player's own count. */
  droppedByItself: number;
  peakMb: number;
  growth: ReturnType<typeof growth>;
}

function layout(): object {
  const item = (n: number) => {
    const kind = KINDS[n];
    if (kind === "mp4") return { type: "video", content: nameOf(n) };
    return kind === "png" ? { type: "picture", content: nameOf(n), duration_ms: 1000 } : { type: "document", content: nameOf(n), page_ms: 1000 };
  };
  const zones: object[] = CORNERS.map(({ x, y }, n) => ({
    name: `zone-${n}`,
    rect: { x, y, width: WIDTH, height: HEIGHT },
    // The zones are out of step.
    widget: { type: "playlist", items: [0, 1, 2, 3, 4].map((step) => item((step + n) % 5)) },
  }));
  const text = { ja: "動き続ける文字で、画面が止まっていないことを確かめます。".repeat(20) };
  zones.push({ name: "news", rect: TICKER, widget: { type: "ticker", speed: 120, text } });
  return { version: 2, name: "changes", width: 1280, height: 720, pages: [{ name: "home", background: "#f4f6fb", zones }] };
}

function nameOf(n: number): string {
  const item = ITEMS[n];
  return item && "film" in item ? `film-${item.film}.mp4` : `item-${n}.${KINDS[n]}`;
}

function make(dir: string): string[] {
  return ITEMS.map((item, n) => {
    if ("film" in item) return numbered(dir, item.film, FILM_FRAMES, HEIGHT);
    return colored(dir, `item-${n}`, KINDS[n] === "pdf" ? "pdf" : "png", item.color);
  });
}

/** So many changes, four a second. */
export async function changes(wanted: number): Promise<Changes> {
  const home = new Home();
  home.configure(9);
  home.store(layout(), make(home.dir));
  const player = new Player(home, SPOTS);
  const marks: Mark[] = [];
  try {
    await eventually("the first frames", () => player.captured() > 30);
    const began = performance.now();
    const seconds = Math.ceil(wanted / 4) + 2;
    say(`${wanted} item changes in four zones: about ${seconds} s`);
    while (performance.now() - began < seconds * 1000) {
      // Not in step with the items: at a change more of them are there than between two.
      await new Promise((wake) => setTimeout(wake, 173));
      marks.push({ changes: ((performance.now() - began) / 1000) * 4, memory: player.residentMb(), files: player.openFiles(), threads: player.threads() });
    }
    const frames = player.frames();
    const status = player.status();
    if (status.faults.length > 0) throw new Error(`the player reports: ${status.faults.join("; ")}`);
    return {
      ...judge(frames),
      dropped: dropped(frames),
      droppedByItself: (status.dropped / status.frames) * 100,
      peakMb: player.peakMb(),
      growth: growth(marks, wanted),
    };
  } finally {
    await player.stop();
    home.remove();
  }
}

function judge(frames: Shown[]): Verdict & { textFrozen: number } {
  const verdicts = CORNERS.map((_, zone) => {
    const first = zone * OF_A_ZONE;
    const looks = frames.map(({ at, spots }) => ({ at, grid: spots[first] ?? Buffer.alloc(0), number: spots.slice(first + 1, first + OF_A_ZONE) }));
    return judgeZone(looks, ITEMS);
  });
  const sum = (of: (verdict: Verdict) => number) => verdicts.reduce((all, verdict) => all + of(verdict), 0);
  return {
    changes: sum((it) => it.changes),
    gaps: verdicts.flatMap((it) => it.gaps),
    black: sum((it) => it.black),
    strange: sum((it) => it.strange),
    frozen: sum((it) => it.frozen),
    filmFrames: { due: sum((it) => it.filmFrames.due), missing: sum((it) => it.filmFrames.missing) },
    textFrozen: textFrozen(frames),
  };
}

function textFrozen(frames: Shown[]): number {
  let [frozen, still, lastRow] = [0, 0, Buffer.alloc(0) as Buffer];
  for (const { at, spots } of frames) {
    const row = spots.at(-1) ?? Buffer.alloc(0);
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
  return frozen;
}

/** From around change 100 to the last hundred: medians, as items come and go between two looks. */
function growth(marks: Mark[], wanted: number) {
  const early = marks.filter(({ changes }) => changes >= 80 && changes <= 140);
  const late = marks.filter(({ changes }) => changes >= wanted - 60);
  const of = (key: "memory" | "files" | "threads"): [number, number] => [median(early.map((mark) => mark[key])), median(late.map((mark) => mark[key]))];
  return { memory: of("memory"), files: of("files"), threads: of("threads") };
}
