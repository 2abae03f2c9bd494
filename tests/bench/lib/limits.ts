// What is asked of a screen, beside what was measured: `--check` prints it, and ends 1 where something isn't kept.

/** A limit of one figure, by its dotted path. */
interface Limit {
  figure: string;
  asked: string;
  isKept: (value: unknown) => boolean;
}

const below = (figure: string, most: number, unit: string): Limit => ({ figure, asked: `< ${most} ${unit}`, isKept: (value) => typeof value === "number" && value < most });
const most = (figure: string, limit: number, unit: string): Limit => ({ figure, asked: `at most ${limit} ${unit}`, isKept: (value) => typeof value === "number" && value <= limit });
const none = (figure: string): Limit => ({ figure, asked: "none", isKept: (value) => value === 0 });
const least = (figure: string, limit: number): Limit => ({ figure, asked: `at least ${limit}`, isKept: (value) => typeof value === "number" && value >= limit });
const same = (figure: string): Limit => ({ figure, asked: "unchanged", isKept: (value) => Array.isArray(value) && value[0] === value[1] });

export const LIMITS: Limit[] = [
  most("cores", 0.6, "cores"),
  below("dropped_frames_pct", 0.1, "%"),
  below("rss_mb", 250, "MB"),
  below("rss_peak_mb", 250, "MB"),
  most("zone_size.cores", 0.6, "cores"),
  below("zone_size.dropped_frames_pct", 0.1, "%"),
  below("zone_size.rss_peak_mb", 250, "MB"),
  least("changes", 1000),
  none("black_frames"),
  none("strange_frames"),
  none("frozen_over_100ms"),
  most("swap_gap_frames", 1, "frames"),
  { figure: "rss_growth_pct", asked: "within 3 %", isKept: (value) => typeof value === "number" && Math.abs(value) <= 3 },
  same("open_files"),
  same("threads"),
  below("first_picture_ms", 1500, "ms"),
  below("notice_ms.p99", 500, "ms"),
  most("sync_ms.max", 33.4, "ms"),
  below("sync_ms.p95", 10, "ms"),
  below("ticker_px.p99", 1, "px"),
  below("roll_px.p99", 1, "px"),
];

/** A figure beside what is asked of it. */
export interface Checked {
  figure: string;
  value: unknown;
  asked: string;
  is_kept: boolean;
}

/** Of the figures that were measured, those of which something is asked. */
export function check(figures: object): Checked[] {
  const at = (path: string) => path.split(".").reduce<unknown>((of, name) => (of as Record<string, unknown> | undefined)?.[name], figures);
  const measured = LIMITS.filter(({ figure }) => at(figure) !== undefined);
  return measured.map(({ figure, asked, isKept }) => ({ figure, value: at(figure), asked, is_kept: isKept(at(figure)) }));
}

/** Prints them for people, on the error output: the last line of standard output is the figures'. */
export function print(checked: Checked[]): void {
  for (const { figure, value, asked, is_kept } of checked) {
    console.error(`${is_kept ? "kept    " : "NOT KEPT"}  ${figure.padEnd(30)} ${JSON.stringify(value).padStart(14)}  ${asked}`);
  }
}
