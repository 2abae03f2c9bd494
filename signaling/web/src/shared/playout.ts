// How long what comes is held before it is shown, on a network that loses. Repairs come late; what they come too late for is
// seen as a picture that stops, and heard as a voice with holes. Waiting for them costs delay, so it is done only where there is
// something to wait for. Invariant: pure; no hold is longer than a conversation bears.

/** Of a hundred packets, how many may be missing at first before it is worth waiting for them. */
const LOSSY = 0.015;
const CALM = 0.005;
/** How much of the newest look goes into the share: a single burst is forgotten within seconds. */
const WEIGHT = 0.3;
/** Fewer packets than this say nothing. */
const LEAST_PACKETS = 10;
/** For so long it has to be calm before the hold ends. */
const CALM_MS = 20_000;
/** A repair that got lost itself is asked for a second time: on the way to the server, and on the way from it. */
const ROUND_TRIPS = 3;
/** What finding out that something is missing takes. */
const NOTICE_MS = 160;
const LONGEST_MS = 400;
/** Where the browser doesn't say how long the way is. */
const ROUND_TRIP_MS = 80;
/** A target that differs by less isn't worth a change: each is heard as a slightly faster or slower voice. */
const STEP_MS = 60;

export interface Playout {
  /** How long to hold, in milliseconds; `null`: as the browser thinks best. */
  targetMs: number | null;
  /** The share of packets that had to be asked for, smoothed. */
  missing: number;
  /** Since when it is calm. */
  calmSince: number | null;
}

/** What came since the last look. */
export interface Look {
  now: number;
  packets: number;
  /** How many times packets of pictures were asked for again, or packets of sound never came. */
  missing: number;
  roundTripMs: number | null;
}

export const NO_PLAYOUT: Playout = { targetMs: null, missing: 0, calmSince: null };

export function look(playout: Playout, { now, packets, missing, roundTripMs }: Look): Playout {
  if (packets < LEAST_PACKETS) return playout;
  const share = Math.min(1, missing / packets);
  const smoothed = playout.missing * (1 - WEIGHT) + share * WEIGHT;
  const next = { ...playout, missing: smoothed };
  if (smoothed > LOSSY) {
    const wanted = Math.min(LONGEST_MS, NOTICE_MS + ROUND_TRIPS * (roundTripMs ?? ROUND_TRIP_MS));
    const isNear = playout.targetMs !== null && Math.abs(playout.targetMs - wanted) < STEP_MS;
    return { ...next, targetMs: isNear ? playout.targetMs : Math.round(wanted), calmSince: null };
  }
  if (smoothed > CALM || playout.targetMs === null) return { ...next, calmSince: null };
  const calmSince = playout.calmSince ?? now;
  return now - calmSince < CALM_MS ? { ...next, calmSince } : { ...next, targetMs: null, calmSince: null };
}

/** Sums over all that comes, from the browser's statistics. They only grow while the connection lives. */
export interface Received {
  packets: number;
  missing: number;
  roundTripMs: number | null;
}

export function received(report: RTCStatsReport): Received {
  const sum: Received = { packets: 0, missing: 0, roundTripMs: null };
  // The browsers' own type says nothing of what is in a report.
  for (const one of report.values() as Iterable<Record<string, unknown>>) {
    const count = (name: string) => (typeof one[name] === "number" ? one[name] : 0);
    if (one.type === "inbound-rtp") {
      sum.packets += count("packetsReceived");
      sum.missing += one.kind === "video" ? count("nackCount") : Math.max(0, count("packetsLost"));
    } else if (one.type === "candidate-pair" && one.nominated === true && count("currentRoundTripTime") > 0) {
      sum.roundTripMs = 1000 * count("currentRoundTripTime");
    }
  }
  return sum;
}
