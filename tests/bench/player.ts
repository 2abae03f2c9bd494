// player: the screen: cost, dropped and black frames, 1,000 item changes, first picture, notices, running texts' steadiness, two in step
//
// --only first|sync|demo|texts|changes measures a part; --check prints what is asked of a screen beside its figures, and ends 1
// where that isn't kept. All pictures are judged from frames captured at the moment at which the sink shows them
// (docs/player.md), never from the player's own words; costs are the processes' own.
import { type Changes, changes } from "./lib/changes.ts";
import { type Dropped, droppedPercent, FRAME_MS } from "./lib/captures.ts";
import { type Demo, demo, firstPictures, rolls } from "./lib/demo.ts";
import { natural } from "./lib/film.ts";
import { checkAsAsked, SCREEN } from "./lib/limits.ts";
import { Home } from "./lib/player.ts";
import { finish, median, option, percentile, round, say, table } from "./lib/report.ts";
import type { Evenness } from "./lib/running.ts";
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

type Row = Parameters<typeof table>[0][number];
const tail = (values: number[]) => ({ p50: round(median(values), 2), p99: round(percentile(values, 0.99), 2), max: round(Math.max(...values), 2) });
const evennessOf = (of: Evenness) => ({ ...tail(of.errors), frames: of.errors.length, frames_seen: of.seen, frames_lost: of.lost, frames_empty: of.empty, rounds: of.rounds });

/** Over all runs. */
const totals = (runs: Dropped[]) => {
  const sum = (of: (run: Dropped) => number) => runs.reduce((all, run) => all + of(run), 0);
  return { due: sum((run) => run.due), missing: sum((run) => run.missing), late: sum((run) => run.late) };
};

function syncFigures(of: Together) {
  const all = [...of.settling, ...of.settled];
  const share = of.settled.filter((off) => off <= FRAME_MS).length / of.settled.length;
  const spread = (values: number[]) => ({ p50: round(median(values), 2), p95: round(percentile(values, 0.95), 2), p99: round(percentile(values, 0.99), 2), max: round(Math.max(...values), 2), frames: values.length });
  return {
    sync_ms: spread(of.settled),
    sync_all_ms: spread(all),
    sync_within_frame_pct: round(share * 100, 2),
    sync_missed_pct: round((of.missed / (of.settled.length + of.missed)) * 100, 2),
    sync_settling_ms: of.settling.length > 0 ? spread(of.settling) : null,
    sync_settles_in_ms: of.settlesIn.map((ms) => round(ms)),
    sync_rejoin_ms: of.rejoined.map((ms) => round(ms)),
    sync_longest_still_ms: round(of.longestStill),
    sync_largest_step_frames: of.largestStep,
    sync_takeover: { longest_still_ms: round(of.takeover.longestStill), largest_step_frames: of.takeover.largestStep },
  };
}

const costFigures = (of: Demo) => ({
  cores: round(median(of.cores), 3),
  dropped_frames_pct: round(median(of.dropped.map(droppedPercent)), 3),
  frames: totals(of.dropped),
  dropped_frames_pct_by_itself: round(median(of.droppedByItself), 3),
  rss_mb: round(median(of.memory)),
  rss_peak_mb: round(of.peakMb),
});

const costRows = (of: Demo, what: string): Row[] => [
  [`${what}, cores`, "cores", of.cores],
  ["  dropped frames", "%", of.dropped.map(droppedPercent)],
  ["  the same, by its own count", "%", of.droppedByItself],
  ["  resident", "MB", of.memory],
  ["  resident, processes' peaks summed", "MB", [of.peakMb]],
];

function changesFigures(of: Changes, grown: number) {
  return {
    changes: of.changes,
    changes_dropped_frames_pct: round(droppedPercent(of.dropped), 3),
    changes_frames: of.dropped,
    changes_dropped_frames_pct_by_itself: round(of.droppedByItself, 3),
    changes_film_frames_missing_pct: round((of.filmFrames.missing / of.filmFrames.due) * 100, 3),
    changes_rss_mb: of.growth.memory.map((mb) => round(mb)),
    changes_rss_peak_mb: round(of.peakMb),
    rss_growth_pct: round(grown, 2),
    open_files: of.growth.files,
    threads: of.growth.threads,
    frozen_over_100ms: of.frozen + of.textFrozen,
    strange_frames: of.strange,
    swap_gap_ms: tail(of.gaps),
    // In whole frames: what a change may be late at most is one.
    swap_gap_frames: Math.round(Math.max(...of.gaps) / FRAME_MS),
    frame_ms: round(FRAME_MS, 1),
  };
}

/** Each part's rows and figures. */
const PARTS = {
  async first() {
    const times = await firstPictures(STARTS);
    return { rows: [["first picture", "ms", times]] as Row[], figures: { first_picture_ms: round(median(times)) } };
  },

  async sync() {
    const of = await together(SYNC_SECONDS);
    const rows: Row[] = [
      ["same frame on two screens, apart", "ms", of.settled],
      ["the same until they are in step", "ms", of.settling.length > 0 ? of.settling : [0]],
      ["in step after a start", "ms", of.settlesIn],
      ["longest without another frame", "ms", [of.longestStill]],
      ["frames on one alone", "frames", [of.missed]],
    ];
    return { rows, figures: syncFigures(of) };
  },

  async demo() {
    const home = new Home();
    try {
      say("encoding a natural film, 1280x720 and as large as its zone");
      const [large, small] = [natural(home.dir, 1280, 720), natural(home.dir, 832, 468)];
      const of = await demo(home, large, { runs: RUNS, seconds: SECONDS, notices: NOTICES });
      const zoneSize = await demo(home, small, { runs: RUNS, seconds: SECONDS, notices: 0 });
      const rows: Row[] = [
        ...costRows(of, "demo, film 1280x720"),
        ...costRows(zoneSize, "demo, film 832x468"),
        ["notice to screen", "ms", of.notices],
        ["ticker off its schedule", "px", of.ticker.errors],
      ];
      const figures = {
        runs: RUNS,
        seconds_a_run: SECONDS,
        film: "street scene, H.264 high, 3 Mbit/s, 1280x720",
        ...costFigures(of),
        zone_size: costFigures(zoneSize),
        notice_ms: tail(of.notices),
        ticker_px: evennessOf(of.ticker),
      };
      return { rows, figures, black: of.black + zoneSize.black };
    } finally {
      home.remove();
    }
  },

  async texts() {
    const of = await rolls(RUNS * SECONDS);
    return { rows: [["rolling text off its schedule", "px", of.errors]] as Row[], figures: { roll_px: evennessOf(of) } };
  },

  async changes() {
    const of = await changes(CHANGES);
    const [early, late] = of.growth.memory;
    const grown = ((late - early) / early) * 100;
    const rows: Row[] = [
      ["resident grows, change 100 to end", "%", [grown]],
      ["  processes' peaks summed", "MB", [of.peakMb]],
      ["a zone's item frozen over 100 ms", "times", [of.frozen]],
      ["running text frozen over 100 ms", "times", [of.textFrozen]],
      ["zones that show no item", "frames", [of.strange]],
      ["swap off its second", "ms", of.gaps],
      ["films' frames that nobody saw", "%", [(of.filmFrames.missing / of.filmFrames.due) * 100]],
      ["dropped frames", "%", [droppedPercent(of.dropped)]],
      ["open files, then and at the end", "", of.growth.files],
      ["threads, then and at the end", "", of.growth.threads],
    ];
    return { rows, figures: changesFigures(of, grown), black: of.black };
  },
};

const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1] : undefined;
if (only !== undefined && !Object.hasOwn(PARTS, only)) {
  console.error(`--only takes one of ${Object.keys(PARTS).join(", ")}, not ${only}`);
  process.exit(2);
}
const rows: Row[] = [];
const measured: Record<string, unknown> = {};
let black: number | undefined;
for (const [name, measure] of Object.entries(PARTS)) {
  if (only !== undefined && only !== name) continue;
  const part: { rows: Row[]; figures: object; black?: number } = await measure();
  rows.push(...part.rows);
  Object.assign(measured, part.figures);
  if (part.black !== undefined) black = (black ?? 0) + part.black;
}
if (black !== undefined) rows.push(["black frames", "frames", [black]]);
table(rows);
const figures = { ...measured, ...(black === undefined ? {} : { black_frames: black }) };
finish({ ...figures, ...checkAsAsked(figures, SCREEN) });
