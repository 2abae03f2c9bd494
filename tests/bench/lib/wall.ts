// Two screens of one group: films whose frames carry their numbers, and by how much the same frame was shown earlier on one.
//
// Judged from captured frames alone, by the machine's monotonic clock, which both have in common and which neither steers.
import { createSocket } from "node:dgram";
import { eventually } from "../../browser/office.ts";
import { FRAME_MS } from "./captures.ts";
import { numbered, numberOf, numberSpots } from "./film.ts";
import { type Group, Home, Player, type Shown } from "./player.ts";
import { say } from "./report.ts";

const [WIDTH, HEIGHT] = [640, 360];
/** Frames of each film. */
const FILMS = [300, 210, 120];
/** So many frames in a row within one frame of the other's: a screen is in step. */
const IN_STEP = 10;
const SPOTS = numberSpots();

const rest = (seconds: number) => new Promise<void>((wake) => setTimeout(wake, seconds * 1000));

/** A frame at its first sight. */
interface Sight {
  at: number;
  film: number;
  frame: number;
}

/** What a screen showed, from one start to its end. */
export interface Life {
  from: number;
  to: number;
  sights: Sight[];
}

const isSame = (a: Sight | undefined, b: Sight) => a?.film === b.film && a.frame === b.frame;

/** What was seen from a start to an end. A screen that has no film on yet shows no number, though its plain ground can be read as one. */
export function life(shown: Shown[]): Life {
  const sights: Sight[] = [];
  for (const { at, spots } of shown) {
    const number = numberOf(spots);
    const isOfFilm = number !== undefined && number.frame < (FILMS[number.film] ?? 0);
    if (isOfFilm && !isSame(sights.at(-1), { at, ...number })) sights.push({ at, ...number });
  }
  return { from: sights[0]?.at ?? 0, to: shown.at(-1)?.at ?? 0, sights };
}

/** For each frame of `one`, when the other showed the same one: the difference in milliseconds, or undefined. */
function differences(one: Life, other: Life, from: number, to: number): { at: number; off: number | undefined }[] {
  const byNumber = new Map<string, number[]>();
  const name = ({ film, frame }: Sight) => `${film} ${frame}`;
  for (const sight of other.sights) byNumber.set(name(sight), [...(byNumber.get(name(sight)) ?? []), sight.at]);
  const of = (sight: Sight) => {
    const { at } = sight;
    const offs = (byNumber.get(name(sight)) ?? []).map((there) => Math.abs(there - at)).filter((off) => off < 2000);
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

/** The worst of what one screen showed by itself. */
export interface Flow {
  /** The longest time without another frame. */
  longestStill: number;
  /** From a frame to the next one of the same film: the largest step, forwards or back. */
  largestStep: number;
}

/** What two screens of a group did in so many seconds. */
export interface Together {
  /** By how much a frame was off, from when a screen was in step on. */
  settled: number[];
  /** The same before that. */
  settling: number[];
  /** From when both showed something until they were in step, for each start of one. */
  settlesIn: number[];
  /** Frames in step that only one of both showed, whichever. */
  missed: number;
  /** From the first frame of a screen that was started anew until it was in step. */
  rejoined: number[];
  /** On either screen, over all the time that it ran. */
  longestStill: number;
  largestStep: number;
  /** The same on the one that stayed, around the leader's end. */
  takeover: Flow;
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
  const files = FILMS.map((frames, number) => numbered(left.dir, number, frames, HEIGHT));
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

/** When two screens are in step that both show something from `begin` on: the last of so many frames in a row that were; undefined: never. */
function inStep(of: { at: number; off: number | undefined }[]): number | undefined {
  let row = 0;
  const last = of.find(({ off }) => {
    row = off !== undefined && off <= FRAME_MS ? row + 1 : 0;
    return row === IN_STEP;
  });
  return last?.at;
}

/** What a screen showed by itself, as far as it is within these times. */
function flow(sights: Sight[], from: number, to: number): Flow {
  const within = sights.filter(({ at }) => at >= from && at <= to);
  let [longestStill, largestStep] = [0, 0];
  for (let n = 1; n < within.length; n++) {
    const [before, now] = [within[n - 1], within[n]];
    if (!before || !now) continue;
    longestStill = Math.max(longestStill, now.at - before.at);
    // A film that begins anew is another one.
    const isNext = before.film === now.film && now.frame > 0;
    if (isNext) largestStep = Math.max(largestStep, Math.abs(now.frame - before.frame));
  }
  return { longestStill, largestStep };
}

/** Judges two screens by what they showed between their starts and ends; the one on the left led first, and was killed. */
export function judge(lefts: Life[], rights: Life[]): Together {
  const of: Together = { settled: [], settling: [], settlesIn: [], missed: 0, rejoined: [], longestStill: 0, largestStep: 0, takeover: { longestStill: 0, largestStep: 0 } };
  for (const left of lefts) {
    for (const right of rights) {
      const [begin, end] = [Math.max(left.from, right.from), Math.min(left.to, right.to)];
      if (begin >= end) continue;
      const [there, back] = [differences(left, right, begin - 1, end), differences(right, left, begin - 1, end)];
      const settled = inStep(there) ?? Number.POSITIVE_INFINITY;
      of.settlesIn.push(settled - begin);
      for (const { at, off } of there) if (off !== undefined) (at > settled ? of.settled : of.settling).push(off);
      of.missed += [...there, ...back].filter(({ at, off }) => at > settled && off === undefined).length;
    }
  }
  const [first, back] = lefts as [Life, Life];
  const [, again] = rights as [Life, Life];
  for (const [joiner, there] of [
    [again, first],
    [back, again],
  ] as const) {
    const joined = inStep(differences(joiner, there, joiner.from - 1, Math.min(joiner.to, there.to)));
    of.rejoined.push((joined ?? Number.POSITIVE_INFINITY) - joiner.from);
  }
  for (const { sights, from, to } of [...lefts, ...rights]) {
    const { longestStill, largestStep } = flow(sights, from, to);
    [of.longestStill, of.largestStep] = [Math.max(of.longestStill, longestStill), Math.max(of.largestStep, largestStep)];
  }
  // On the one that stayed.
  of.takeover = flow(again.sights, first.to - 3000, first.to + 10_000);
  return of;
}
