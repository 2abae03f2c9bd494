// Times and durations in words, in the page's language.
import type { TextKey, Translate } from "./texts.ts";

/** A moment of the day: 午後2時30分, 2:30 p.m. Takes hours 0 to 23 of the reader's clock. */
export function timeOfDay(t: Translate, lang: string, hours: number, minutes: number): string {
  const period = t(hours < 12 ? "common.am" : "common.pm");
  const twelve = hours % 12;
  if (lang === "ja") {
    return minutes === 0
      ? t("common.time_on_the_hour", { period, hour: twelve })
      : t("common.time", { period, hour: twelve, minute: minutes });
  }
  return t("common.time", { period, hour: twelve || 12, minute: String(minutes).padStart(2, "0") });
}

/** The same for milliseconds since 1970. */
export function timeOf(t: Translate, lang: string, ms: number): string {
  const date = new Date(ms);
  return timeOfDay(t, lang, date.getHours(), date.getMinutes());
}

/** A moment, with its date where that isn't today's: 11月24日 午後2時30分. */
export function momentOf(t: Translate, lang: string, ms: number, now: number): string {
  const time = timeOf(t, lang, ms);
  if (new Date(ms).toDateString() === new Date(now).toDateString()) return time;
  const date = new Intl.DateTimeFormat(lang, { month: "long", day: "numeric" }).format(ms);
  return `${date} ${time}`;
}

/** A duration, rounded down: 45秒, 3分, 1時間5分. */
export function duration(t: Translate, ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return t("common.seconds", { n: seconds });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t("common.minutes", { n: minutes });
  return t("common.hours", { n: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/** A running clock: 3:07, 1:02:09. */
export function stopwatch(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** How long ago, in the same steps as the server's page. `null`: never. */
export function age(t: Translate, ms: number | null): string {
  if (ms === null) return t("age.none");
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 10) return t("age.now");
  const [key, unit]: [TextKey, number] =
    seconds < 60 ? ["age.seconds", 1] : seconds < 3600 ? ["age.minutes", 60] : ["age.hours", 3600];
  return t(key, { n: Math.floor(seconds / unit) });
}
