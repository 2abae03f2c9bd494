// What is asked of a screen and of cameras, beside what was measured: `--check` prints it, and ends 1 where something isn't kept.

/** A limit of one figure, by its dotted path. */
export interface Limit {
  figure: string;
  asked: string;
  isKept: (value: unknown) => boolean;
}

const below = (figure: string, most: number, unit: string): Limit => ({ figure, asked: `< ${most} ${unit}`, isKept: (value) => typeof value === "number" && value < most });
const most = (figure: string, limit: number, unit: string): Limit => ({ figure, asked: `at most ${limit} ${unit}`, isKept: (value) => typeof value === "number" && value <= limit });
const none = (figure: string): Limit => ({ figure, asked: "none", isKept: (value) => value === 0 });
const atLeast = (figure: string, limit: number): Limit => ({ figure, asked: `at least ${limit}`, isKept: (value) => typeof value === "number" && value >= limit });
const within = (figure: string, percent: number): Limit => ({ figure, asked: `within ${percent} %`, isKept: (value) => typeof value === "number" && Math.abs(value) <= percent });
const agreed = (figure: string): Limit => ({ figure, asked: "both scorings", isKept: (value) => value === true });
const same = (figure: string): Limit => ({ figure, asked: "unchanged", isKept: (value) => Array.isArray(value) && value[0] === value[1] });

/** What is asked of a screen. */
export const SCREEN: Limit[] = [
  most("cores", 0.6, "cores"),
  below("dropped_frames_pct", 0.1, "%"),
  below("rss_mb", 250, "MB"),
  below("rss_peak_mb", 250, "MB"),
  most("zone_size.cores", 0.6, "cores"),
  below("zone_size.dropped_frames_pct", 0.1, "%"),
  below("zone_size.rss_peak_mb", 250, "MB"),
  atLeast("changes", 1000),
  none("black_frames"),
  none("strange_frames"),
  none("frozen_over_100ms"),
  most("swap_gap_frames", 1, "frames"),
  within("rss_growth_pct", 3),
  same("open_files"),
  same("threads"),
  below("first_picture_ms", 1500, "ms"),
  below("notice_ms.p99", 500, "ms"),
  most("sync_ms.max", 33.4, "ms"),
  below("sync_ms.p95", 10, "ms"),
  below("ticker_px.p99", 1, "px"),
  below("roll_px.p99", 1, "px"),
];

/** What is asked of the cameras: people on frames 201 to 795, a lot of 40 bays, six cameras on two cores. */
export const CAMERAS: Limit[] = [
  most("yolox.count_error", 0.42, "people"),
  atLeast("yolox.within_one_pct", 96),
  atLeast("yolox.mota", 85),
  atLeast("yolox.idf1", 76),
  most("yolox.line_errors", 3, "of 83"),
  most("yolox_economical.cpu_vs_yolox", 0.5, "of yolox"),
  atLeast("yolox_economical.mota", 79),
  most("yolox_economical.count_error", 0.5, "people"),
  most("yolo_fastest.count_error", 0.38, "people"),
  most("yolo_fastest.cpu_vs_yolox_forward", 0.25, "of one look"),
  most("builtin.count_error", 0.62, "people"),
  most("builtin.cpu_vs_yolox_forward", 0.25, "of one look"),
  ...["yolox", "yolox_economical", "yolo_fastest", "builtin"].map((point) => agreed(`${point}.motmetrics.agrees`)),
  atLeast("parking.yolox_pct", 96),
  most("parking.empty_false_alarm_pct", 1, "%"),
  atLeast("parking.builtin_pct", 90),
  below("six_cameras.cores", 1.2, "cores"),
  below("six_cameras.frame_to_redis_ms.p99", 300, "ms"),
  none("six_cameras.blind_samples"),
  within("six_cameras.rss_growth_pct", 3),
  within("flat_memory.rss_growth_pct", 3),
];

/** A figure beside what is asked of it. */
export interface Checked {
  figure: string;
  value: unknown;
  asked: string;
  is_kept: boolean;
}

/** Of the figures that were measured, those of which something is asked. */
export function check(figures: object, limits: Limit[]): Checked[] {
  const at = (path: string) => path.split(".").reduce<unknown>((of, name) => (of as Record<string, unknown> | undefined)?.[name], figures);
  const measured = limits.filter(({ figure }) => at(figure) !== undefined);
  return measured.map(({ figure, asked, isKept }) => ({ figure, value: at(figure), asked, is_kept: isKept(at(figure)) }));
}

/** Checks where the bench was asked to (`--check`), and prints it for people; the bench then ends 1 where something isn't kept. */
export function checkAsAsked(figures: object, limits: Limit[]): { limits?: Checked[] } {
  if (!process.argv.includes("--check")) return {};
  const checked = check(figures, limits);
  print(checked);
  if (checked.length === 0) console.error("nothing was measured of which something is asked");
  if (checked.length === 0 || checked.some(({ is_kept }) => !is_kept)) process.exitCode = 1;
  return { limits: checked };
}

/** Prints them for people, on the error output: the last line of standard output is the figures'. */
function print(checked: Checked[]): void {
  for (const { figure, value, asked, is_kept } of checked) {
    console.error(`${is_kept ? "kept    " : "NOT KEPT"}  ${figure.padEnd(34)} ${JSON.stringify(value).padStart(14)}  ${asked}`);
  }
}
