// Who is shown large while somebody signs.
import type { Room } from "../shared/room.ts";

/** The participant whose picture is pinned; `null`: all are shown alike. */
export function pinned({ talk, remotes }: Room): string | null {
  if (!talk.isSigning) return null;
  // Who signs; else who was called in, as interpreters are; else the only one, or the first who came.
  const signer = remotes.find(({ participant }) => talk.signers.has(participant)) ?? remotes.find(({ role }) => role === "guest");
  return (signer ?? remotes[0])?.participant ?? null;
}
