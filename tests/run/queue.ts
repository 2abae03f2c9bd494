// Which job is next: the first, in their order, that the machine has room for. A pure function of what waits and what runs.
import type { Job, Lane } from "./job.ts";

/** How many jobs of each kind may run at once, and how many in all. */
export type Room = Record<Exclude<Lane, "alone">, number> & { all: number };

/** What a machine of so many cores has room for. */
export function roomOf(cores: number): Room {
  return { browser: Math.max(1, Math.floor(cores / 2)), waits: Math.max(2, cores), computes: Math.max(1, Math.floor(cores / 2)), all: Math.max(3, cores + 1) };
}

/**
 * The jobs in the order in which they should begin: what needs no browser first, then browsers; of each kind the longest first.
 * `seconds` by name, as a run on two cores measured them; what isn't known is taken for short.
 */
export function inOrder(jobs: Job[], seconds: Record<string, number>): Job[] {
  const rank = ({ lane }: Job) => (lane === "browser" ? 1 : 0);
  return jobs.toSorted((one, other) => rank(one) - rank(other) || (seconds[other.name] ?? 0) - (seconds[one.name] ?? 0));
}

/**
 * The first of `waiting` that may run beside what `running` has, or `undefined` when none may before one of those has ended.
 * Browsers have only browsers beside them: a call in which pictures stand still because of somebody else's work says nothing.
 * What is to be alone comes when nothing else is left.
 */
export function next(waiting: Job[], running: Job[], room: Room): Job | undefined {
  if (running.length >= room.all || running.some(({ lane }) => lane === "alone")) return undefined;
  const mayJoin = ({ lane }: Job) => {
    const bears = running.every((other) => (other.lane === "browser") === (lane === "browser"));
    return lane !== "alone" && bears && running.filter((other) => other.lane === lane).length < room[lane];
  };
  const beside = waiting.find(mayJoin);
  if (beside || running.length > 0) return beside;
  return waiting[0];
}
