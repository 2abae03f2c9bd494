// The public page's areas, as values: what a card shows for a state. No document in here.
import type { AreaState, Level, Trend } from "../shared/protocol.ts";
import type { Translate } from "../shared/texts.ts";

const MARKS: Record<Level, string> = { free: "◎", moderate: "△", busy: "✕", full: "■", unknown: "？" };
const ARROWS: Record<Trend, string> = { rising: "↗", steady: "→", falling: "↘" };

/** The words and signs of a card. */
export interface Card {
  level: Level;
  mark: string;
  levelText: string;
  countText: string;
  /** `null`: nothing is known of it. */
  trend: { arrow: string; text: string } | null;
  /** The bar's length in people, never more than there is room for. */
  filled: number;
}

export function cardOf(t: Translate, state: AreaState): Card {
  const { count, capacity, level, trend } = state;
  return {
    level,
    mark: MARKS[level],
    levelText: t(`level.${level}`),
    countText: count === null ? t("home.count_unknown") : t("home.count", { n: count }),
    trend: count === null ? null : { arrow: ARROWS[trend], text: t(`trend.${trend}`) },
    filled: Math.min(count ?? 0, capacity),
  };
}

/** Whether news replace what is known. What only became old comes again with the same version. */
export function isNewer(known: AreaState | undefined, news: AreaState): boolean {
  return !known || news.version >= known.version;
}
