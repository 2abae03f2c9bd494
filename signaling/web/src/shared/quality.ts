// Whether what comes in is so poor that the person should be told, from two looks at the statistics.

/** What is read of an `RTCStatsReport`: totals since the connection began. */
export interface Totals {
  packetsReceived: number;
  packetsLost: number;
}

const LOSS_LIMIT = 0.08;
/** Fewer packets than this between two looks say nothing. */
const ENOUGH = 40;

export function totals(report: RTCStatsReport): Totals {
  const sum: Totals = { packetsReceived: 0, packetsLost: 0 };
  for (const entry of report.values()) {
    if (entry.type !== "inbound-rtp") continue;
    sum.packetsReceived += entry.packetsReceived ?? 0;
    sum.packetsLost += Math.max(0, entry.packetsLost ?? 0);
  }
  return sum;
}

/** More than 8 % lost between two looks. */
export function isPoor(before: Totals, now: Totals): boolean {
  const received = now.packetsReceived - before.packetsReceived;
  const lost = now.packetsLost - before.packetsLost;
  return received + lost >= ENOUGH && lost / (received + lost) > LOSS_LIMIT;
}
