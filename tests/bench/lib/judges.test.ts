// The benches' judges against made captures: what is right is right, and whatever is wrong is seen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dropped, FRAME_MS } from "./captures.ts";
import { CAMERAS, check, SCREEN } from "./limits.ts";
import { evenness, type Strip } from "./running.ts";
import { judge, type Life, life } from "./wall.ts";
import { FILM_FRAMES, type Item, judgeZone, type Look } from "./zones.ts";

const SPEED = 120;
const WIDTH = 800;
const TEXT = 3000;

/** Letters of a text on two lines, the same each time. */
const LETTERS = [1, 2].map((seed) => {
  let state = seed * 7919;
  const random = () => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return state / 2 ** 31;
  };
  const line = new Uint8Array(TEXT).fill(20);
  for (let x = 0; x < TEXT; ) {
    const stroke = 2 + Math.floor(random() * 9);
    line.fill(240, x, x + stroke);
    x += stroke + 3 + Math.floor(random() * 20);
  }
  return line;
});

/** The text at a place, counted from where its beginning is at the right edge. */
function strip(at: number, place: number): Strip {
  const lines = LETTERS.map((letters) => Uint8Array.from({ length: WIDTH }, (_, x) => letters[x + place - WIDTH] ?? 20));
  return { at, lines };
}

/** A run of so many seconds; `bend` says by how much the text is off its schedule at a time. Rounds follow each other. */
function run(seconds: number, bend: (at: number) => number): Strip[] {
  const round = TEXT + WIDTH;
  return Array.from({ length: seconds * 30 }, (_, n) => {
    const at = n * FRAME_MS;
    return strip(at, Math.round((at / 1000) * SPEED + bend(at)) % round);
  });
}

const worst = (strips: Strip[]) => Math.max(...evenness(strips, SPEED).errors);
const p99 = (strips: Strip[]) => evenness(strips, SPEED).errors.toSorted((a, b) => a - b).at(-Math.ceil(strips.length / 100)) ?? Number.NaN;

test("a text that runs evenly, also over its end, is never off by a pixel", () => {
  const even = evenness(run(60, () => 0), SPEED);
  assert.ok(Math.max(...even.errors) <= 1, `${Math.max(...even.errors)} px`);
  assert.deepEqual([even.lost, even.rounds], [0, 2]);
  assert.ok(even.errors.length > even.seen * 0.95, `${even.errors.length} of ${even.seen} judged`);
});

test("jumps of 40 pixels every three seconds are seen, forwards and backwards", () => {
  const jumps = (by: number) => run(30, (at) => Math.floor(at / 3000) * by);
  assert.ok(p99(jumps(40)) >= 40, `${p99(jumps(40))} px`);
  assert.ok(p99(jumps(-20)) >= 20, `${p99(jumps(-20))} px`);
});

test("a single jump stays an error, and one that is taken back is one for as long as it lasts", () => {
  assert.ok(p99(run(25, (at) => (at > 20_000 ? -60 : 0))) >= 60);
  assert.equal(worst(run(25, (at) => (at > 15_000 && at < 15_500 ? 200 : 0))), 200);
});

test("a text that stands, or runs too slowly, falls behind", () => {
  const stop = (at: number) => (at < 10_000 ? 0 : (-(Math.min(at, 10_500) - 10_000) / 1000) * SPEED);
  assert.ok(p99(run(25, stop)) >= 50);
  assert.ok(p99(run(25, (at) => (-at / 1000) * SPEED * 0.02)) > 20);
});

test("letters that vanish in the middle, or are smeared, are errors as large as the zone", () => {
  const vanish = run(25, () => 0).map((it) => (it.at > 15_010 && it.at < 16_010 ? { ...it, lines: it.lines.map((line) => line.map(() => 20)) } : it));
  assert.equal(evenness(vanish, SPEED).lost, 30);
  const noise = (x: number) => ((x * 2654435761) >>> 16) & 255;
  const smear = run(25, () => 0).map((it) => (it.at > 15_000 && it.at < 16_000 ? { ...it, lines: it.lines.map((line) => line.map((_, x) => noise(x + it.at))) } : it));
  assert.ok(evenness(smear, SPEED).lost >= 28);
  assert.equal(worst(smear), WIDTH);
});

test("frames that are missing are counted by their ticks, also in a row, and late ones too", () => {
  const ticks = (leave: (n: number) => boolean) => Array.from({ length: 300 }, (_, n) => ({ at: n * FRAME_MS, n })).filter(({ n }) => !leave(n));
  assert.deepEqual(dropped(ticks(() => false)), { due: 300, missing: 0, late: 0 });
  assert.deepEqual(dropped(ticks((n) => n === 50 || (n >= 100 && n < 105))), { due: 300, missing: 6, late: 0 });
  const late = ticks(() => false).map(({ at, n }) => ({ at: n === 50 ? at + 20 : at }));
  assert.deepEqual(dropped(late), { due: 300, missing: 0, late: 1 });
});

const ITEMS: Item[] = [{ film: 1 }, { color: 0x20a040 }];
const PIXELS = 8;

function pixel(color: number): Buffer {
  return Buffer.from([color & 255, (color >> 8) & 255, color >> 16, 255]);
}

/** A zone that shows a film, then a colour, a second each; `wrong` changes what it shows at a time. */
function zone(seconds: number, wrong: (at: number, frame: number) => number | "black" | "grey" = (_, frame) => frame): Look[] {
  return Array.from({ length: seconds * 30 }, (_, n) => {
    const at = n * FRAME_MS;
    const frame = wrong(at, n % 60);
    const isFilm = typeof frame === "number" && frame < FILM_FRAMES;
    const ground = frame === "black" ? 0 : frame === "grey" || isFilm ? 0x808080 : 0x20a040;
    const value = isFilm ? (frame << 3) | 1 : 0;
    const number = Array.from({ length: 16 }, (_, bit) => pixel(isFilm ? ((value >> bit) & 1 ? 0xffffff : 0) : ground));
    return { at, grid: Buffer.concat(Array.from({ length: PIXELS }, () => pixel(ground))), number };
  });
}

test("a zone whose items change in time has nothing wrong with it", () => {
  const verdict = judgeZone(zone(20), ITEMS);
  assert.deepEqual({ ...verdict, gaps: [] }, { changes: 19, gaps: [], black: 0, strange: 0, frozen: 0, filmFrames: { due: 270, missing: 0 } });
  assert.ok(Math.max(...verdict.gaps) < 0.01);
});

test("a film that stands in one zone is frozen, and its frames are missing", () => {
  const stands = judgeZone(
    zone(20, (at, frame) => (at > 4_000 && at < 5_000 && frame > 10 && frame < 20 ? 10 : frame)),
    ITEMS,
  );
  assert.deepEqual([stands.frozen, stands.filmFrames.missing], [1, 9]);
});

test("a picture that stays too long is frozen, and its change is late", () => {
  const late = judgeZone(
    zone(20, (at, frame) => (at > 8_000 && at < 8_200 ? 59 : frame)),
    ITEMS,
  );
  assert.equal(late.frozen, 1);
  assert.ok(Math.max(...late.gaps) > 150);
});

test("a black zone is black, and what is no item is told apart from it", () => {
  const black = judgeZone(
    zone(20, (at, frame) => (at > 6_000 && at < 6_060 ? "black" : frame)),
    ITEMS,
  );
  assert.deepEqual([black.black, black.strange], [1, 0]);
  const grey = judgeZone(
    zone(20, (at, frame) => (at > 6_000 && at < 6_060 ? "grey" : frame)),
    ITEMS,
  );
  assert.deepEqual([grey.black, grey.strange], [0, 1]);
});

/** A screen's life: two films of a hundred frames by turns, `late` milliseconds after the other's at a time. */
function screen(from: number, seconds: number, late: (at: number) => number, leaves: (n: number) => boolean = () => false): Life {
  const sights = Array.from({ length: seconds * 30 }, (_, n) => {
    const tick = Math.round(from / FRAME_MS) + n;
    return { at: tick * FRAME_MS + late(tick * FRAME_MS), film: Math.floor(tick / 100) % 2, frame: tick % 100, tick };
  }).filter(({ tick }) => !leaves(tick));
  return { from: sights[0]?.at ?? 0, to: sights.at(-1)?.at ?? 0, sights };
}

/** Two screens, with one started anew and the other killed, as the bench does it. */
const pair = (late: (at: number) => number, leaves: (n: number) => boolean = () => false) =>
  judge([screen(0, 70, () => 0), screen(75_000, 25, () => 0)], [screen(0, 40, late, leaves), screen(41_000, 59, late, leaves)]);

test("two screens in step are so from the first frames on, and nothing is left out", () => {
  const good = pair(() => 2);
  assert.ok(Math.max(...good.settled) < 2.1 && good.missed === 0);
  assert.ok(Math.max(...good.settlesIn, ...good.rejoined) < 400, `${good.settlesIn}; ${good.rejoined}`);
  assert.deepEqual([good.largestStep, Math.round(good.longestStill)], [1, 33]);
});

test("a screen that is out of step for five seconds after its start is so for five seconds, and that isn't hidden", () => {
  const slow = pair((at) => (at > 41_000 && at < 46_000 ? 80 : 0));
  assert.ok(Math.max(...slow.settlesIn) > 4_900);
  assert.ok(Math.max(...slow.settling) >= 79);
});

test("frames that one screen alone leaves out are missed, on whichever side, and holes anywhere are found", () => {
  const hole = pair(
    () => 0,
    (n) => n >= 620 && n < 650,
  );
  assert.equal(hole.missed, 30);
  assert.ok(hole.longestStill > 1_000 && hole.largestStep >= 30 && hole.takeover.longestStill < 40);
  const other = judge([screen(0, 70, () => 0, (n) => n >= 620 && n < 650), screen(75_000, 25, () => 0)], [screen(0, 40, () => 0), screen(41_000, 59, () => 0)]);
  assert.equal(other.missed, 30);
});

test("a screen that has no film on yet shows no number, whatever its plain ground looks like", () => {
  const spot = (level: number) => Buffer.alloc(4, level);
  const spots = (number: number) => Array.from({ length: 16 }, (_, bit) => spot((number >> bit) & 1 ? 235 : 16));
  const film = (frame: number) => (frame << 3) | 1;
  const numbers = [0xffff, 0xffff, film(0), film(1), film(1), film(209), film(210)];
  const shown = numbers.map((number, n) => ({ at: n * 33, wall: n * 33, spots: spots(number) }));
  assert.deepEqual(
    life(shown).sights.map(({ at, film, frame }) => [at, film, frame]),
    [
      [66, 1, 0],
      [99, 1, 1],
      [165, 1, 209],
    ],
  );
  assert.equal(life(shown).from, 66);
});

test("what is asked is compared with what was measured, and nothing else", () => {
  const checked = check({ cores: 0.7, ticker_px: { p99: 0.4 }, threads: [20, 20], open_files: [80, 81] }, SCREEN);
  assert.deepEqual(
    checked.map(({ figure, is_kept }) => [figure, is_kept]),
    [
      ["cores", false],
      ["open_files", false],
      ["threads", true],
      ["ticker_px.p99", true],
    ],
  );
});

test("two scorings that differ are told, and so is a detector that saves too little", () => {
  const checked = check({ yolox: { mota: 85.4, motmetrics: { agrees: false } }, builtin: { cpu_vs_yolox_forward: 0.3 }, six_cameras: undefined }, CAMERAS);
  assert.deepEqual(
    checked.filter(({ is_kept }) => !is_kept).map(({ figure }) => figure),
    ["builtin.cpu_vs_yolox_forward", "yolox.motmetrics.agrees"],
  );
  assert.equal(checked.length, 3);
});
