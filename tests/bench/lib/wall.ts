// Two screens of one group: films whose frames carry their numbers, and by how much the same frame was shown earlier on one.
//
// Judged from captured frames alone, by the machine's monotonic clock, which both have in common and which neither steers.
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { join } from "node:path";
import { eventually } from "../../browser/office.ts";
import { type Group, Home, Player, type Shown, type Spot } from "./player.ts";
import { say } from "./report.ts";

const [WIDTH, HEIGHT] = [640, 360];
/** A number is so many squares in two rows, the lowest bit first; black is 0. */
const BITS = 16;
const SIDE = 80;
/** Of these, the film's own number. */
const FILM_BITS = 3;
/** Frames of each film. */
const FILMS = [300, 210, 120];
const FRAME_MS = 1000 / 30;
/** After a screen's first frame its clock is given so long until it counts. */
const SETTLING_MS = 10_000;

const corner = (bit: number) => ({ x: (bit % 8) * SIDE, y: Math.floor(bit / 8) * SIDE * 2 });
const SPOTS: Spot[] = Array.from({ length: BITS }, (_, bit) => ({ x: corner(bit).x + SIDE / 2, y: corner(bit).y + SIDE / 2, width: 1, height: 1, step: 1 }));

const rest = (seconds: number) => new Promise<void>((wake) => setTimeout(wake, seconds * 1000));

/** Encodes a film whose frames carry its number and theirs. */
function film(dir: string, number: number, frames: number): string {
  const file = join(dir, `film-${number}.mp4`);
  const raw = Buffer.alloc(frames * WIDTH * HEIGHT, 128);
  for (let frame = 0; frame < frames; frame++) {
    const value = (frame << FILM_BITS) | number;
    for (let bit = 0; bit < BITS; bit++) {
      const { x, y } = corner(bit);
      for (let row = y; row < y + SIDE; row++) {
        const at = (frame * HEIGHT + row) * WIDTH + x;
        raw.fill((value >> bit) & 1 ? 235 : 16, at, at + SIDE);
      }
    }
  }
  const source = `fdsrc fd=0 ! rawvideoparse format=gray8 width=${WIDTH} height=${HEIGHT} framerate=30/1`;
  const encode = "videoconvert ! video/x-raw,format=I420 ! x264enc pass=quant quantizer=18 key-int-max=60 ! mp4mux faststart=true";
  execFileSync("gst-launch-1.0", ["-q", ...`${source} ! ${encode} ! filesink location=${file}`.split(" ")], { input: raw });
  return file;
}

/** A frame at its first sight. */
interface Sight {
  at: number;
  /** The film's number and the frame's. */
  number: number;
}

/** What a screen showed, from one start to its end. */
interface Life {
  from: number;
  to: number;
  sights: Sight[];
}

function life(shown: Shown[]): Life {
  const sights: Sight[] = [];
  for (const { at, spots } of shown) {
    const number = numberOf(spots);
    if (number !== undefined && number !== sights.at(-1)?.number) sights.push({ at, number });
  }
  return { from: sights[0]?.at ?? 0, to: shown.at(-1)?.at ?? 0, sights };
}

function numberOf(spots: Buffer[]): number | undefined {
  let number = 0;
  for (const [bit, pixel] of spots.entries()) {
    const green = pixel[1] ?? 0;
    if (green > 70 && green < 186) return undefined;
    if (green >= 186) number |= 1 << bit;
  }
  return number;
}

/** For each frame of `one`, when the other showed the same one: the difference in milliseconds, or undefined. */
function differences(one: Life, other: Life, from: number, to: number): { at: number; off: number | undefined }[] {
  const byNumber = new Map<number, number[]>();
  for (const { at, number } of other.sights) byNumber.set(number, [...(byNumber.get(number) ?? []), at]);
  const of = ({ at, number }: Sight) => {
    const offs = (byNumber.get(number) ?? []).map((there) => Math.abs(there - at)).filter((off) => off < 2000);
    return { at, off: offs.length > 0 ? Math.min(...offs) : undefined };
  };
  return one.sights.filter(({ at }) => at > from && at < to - 100).map(of);
}

async function freeAddress(): Promise<string> {
  const socket = createSocket("udp4");
  await new Promise<void>((bound) => socket.bind(0, "127.0.0.1", bound));
  const { port } = socket.address();
  await new Promise<void>((closed) => socket.close(() => closed()));
  return `127.0.0.1:${port}`;
}

function layout(files: string[]): object {
  const items = files.map((file) => ({ type: "video", content: file.slice(file.lastIndexOf("/") + 1) }));
  const zone = { name: "main", rect: { x: 0, y: 0, width: WIDTH, height: HEIGHT }, widget: { type: "playlist", items } };
  return { version: 2, name: "wall", width: WIDTH, height: HEIGHT, pages: [{ name: "home", background: "#ffffff", zones: [zone] }] };
}

/** What two screens of a group did in so many seconds. */
export interface Together {
  /** By how much a frame was off, settled. */
  settled: number[];
  /** The same in the first ten seconds of a screen. */
  settling: number[];
  /** Settled frames that only one of both showed. */
  missed: number;
  /** From the first frame of a screen that was started anew until ten frames in a row were within one frame. */
  rejoined: number[];
  /** The longest time without another frame on the one that stayed, around the leader's end. */
  longestStill: number;
  /** From a frame to the next one of the same film on the one that stayed: the largest step. */
  largestStep: number;
}

/**
 * Two screens, one with a clock that is wrong by 30 ms and 50 millionths. At 40 % of the time the one that follows is started
 * anew; at 70 % the one that leads is killed, and comes back five seconds later.
 */
export async function together(seconds: number): Promise<Together> {
  const names = ["left", "right"];
  const addresses: Record<string, string> = {};
  for (const name of names) addresses[name] = await freeAddress();
  const homes = names.map((name) => new Home(name));
  const [left, right] = homes as [Home, Home];
  const files = FILMS.map((frames, number) => film(left.dir, number, frames));
  for (const home of homes) {
    const others = Object.fromEntries(Object.entries(addresses).filter(([name]) => name !== home.screen));
    const group: Group = { name: "wall", screen: home.screen, address: addresses[home.screen] ?? "", others, key: "5a".repeat(32) };
    // Nobody listens there: the screens have each other, and no server.
    home.configure(9);
    home.store(layout(files), files, group);
  }
  const skewed = ["--clock-skew", "30,50"];
  const lives: { left: Life[]; right: Life[] } = { left: [], right: [] };
  let [one, other] = [new Player(left, SPOTS, skewed), new Player(right, SPOTS)];
  try {
    await eventually("the first frames", () => one.captured() > 30 && other.captured() > 30);
    say(`two screens of one group: ${seconds} s`);
    await rest(seconds * 0.4);
    say("the one that follows is started anew");
    lives.right.push(life(other.frames()));
    await other.stop();
    other = new Player(right, SPOTS);
    await rest(seconds * 0.3);
    say("the one that leads is killed");
    lives.left.push(life(one.frames()));
    await one.stop("SIGKILL");
    await rest(5);
    one = new Player(left, SPOTS, skewed);
    await rest(Math.max(seconds * 0.3 - 5, 15));
    lives.left.push(life(one.frames()));
    lives.right.push(life(other.frames()));
  } finally {
    await Promise.all([one.stop(), other.stop()]);
    for (const home of homes) home.remove();
  }
  return judge(lives.left, lives.right);
}

function judge(lefts: Life[], rights: Life[]): Together {
  const [settled, settling, rejoined]: [number[], number[], number[]] = [[], [], []];
  let missed = 0;
  for (const left of lefts) {
    for (const right of rights) {
      const [begin, end] = [Math.max(left.from, right.from), Math.min(left.to, right.to)];
      for (const { at, off } of differences(left, right, begin, end)) {
        if (at - begin < SETTLING_MS) {
          if (off !== undefined) settling.push(off);
        } else if (off === undefined) missed += 1;
        else settled.push(off);
      }
    }
  }
  const [first, back] = lefts as [Life, Life];
  const [, again] = rights as [Life, Life];
  for (const [joiner, there] of [
    [again, first],
    [back, again],
  ] as const) {
    const all = differences(joiner, there, joiner.from - 1, Math.min(joiner.to, there.to));
    let row = 0;
    const joined = all.find(({ off }) => {
      row = off !== undefined && off <= FRAME_MS ? row + 1 : 0;
      return row === 10;
    });
    rejoined.push(joined ? joined.at - joiner.from : Number.POSITIVE_INFINITY);
  }
  // Around the leader's end, on the one that stayed.
  const around = again.sights.filter(({ at }) => at > first.to - 3000 && at < first.to + 10_000);
  let [longestStill, largestStep] = [0, 0];
  for (let n = 1; n < around.length; n++) {
    const [before, now] = [around[n - 1], around[n]];
    if (!before || !now) continue;
    longestStill = Math.max(longestStill, now.at - before.at);
    const film = (sight: Sight) => sight.number & ((1 << FILM_BITS) - 1);
    if (film(before) === film(now)) largestStep = Math.max(largestStep, (now.number >> FILM_BITS) - (before.number >> FILM_BITS));
  }
  return { settled, settling, missed, rejoined, longestStill, largestStep };
}
