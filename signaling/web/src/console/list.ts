// The console's consultations: a pure list. Invariant: at most one entry an id, never an older version
// over a newer one, and nothing that has ended.
import type { Consultation } from "../shared/protocol.ts";

export type Consultations = readonly Consultation[];

/** The list with one consultation as it is now. */
export function withNews(list: Consultations, news: Consultation): Consultations {
  const known = list.find((one) => one.id === news.id);
  if (known && news.version < known.version) return list;
  const others = list.filter((one) => one.id !== news.id);
  return news.phase === "ended" ? others : [...others, news];
}

/** The list without one that this person may not see any more. */
export function without(list: Consultations, id: string): Consultations {
  return list.filter((one) => one.id !== id);
}

const RANK: Record<Consultation["phase"], number> = { admitted: 0, waiting: 1, booked: 2, ended: 3 };

/** One's own call first, then who waits longest (one's own section before others), then unused links, newest first. */
export function ordered(list: Consultations, staff: string, ownSections: readonly string[]): Consultation[] {
  const key = (one: Consultation): number[] => [
    one.phase === "admitted" && one.staff !== staff ? RANK.ended : RANK[one.phase],
    ownSections.includes(one.section) ? 0 : 1,
    one.phase === "waiting" ? (one.waiting_since ?? 0) : -one.created_at,
  ];
  return [...list].sort((a, b) => {
    const [left, right] = [key(a), key(b)];
    const at = left.findIndex((value, i) => value !== right[i]);
    if (at >= 0) return (left[at] ?? 0) - (right[at] ?? 0);
    return a.id < b.id ? -1 : 1;
  });
}

export function waitingCount(list: Consultations): number {
  return list.filter((one) => one.phase === "waiting").length;
}

/** Who has begun to wait between two lists: worth a sound and a word. */
export function newlyWaiting(before: Consultations, now: Consultations): Consultation[] {
  const waited = new Set(before.filter((one) => one.phase === "waiting").map((one) => one.id));
  return now.filter((one) => one.phase === "waiting" && !waited.has(one.id));
}

/** Of those who wait: who asked for this member of staff, else who has begun to wait last. */
export function lastToWait(list: Consultations, staff: string): Consultation | undefined {
  const newestFirst = list.filter((one) => one.phase === "waiting").sort((a, b) => (b.waiting_since ?? 0) - (a.waiting_since ?? 0));
  return newestFirst.find((one) => one.call?.wanted === staff) ?? newestFirst[0];
}
