// What happens to a call's media, and how they come back: the part of the session's machine (session.ts) for the time in a
// call. Invariant: as pure as the whole; an alarm that was set for one step never acts in another.
import { type Problem, problemKind, type SubscribedTrack } from "./protocol.ts";
import type { Effect, Event, Session, Step } from "./session.ts";

/** A connection that is quiet for less than this often comes back by itself. */
const STALL_MS = 1_500;
/** How long a silence is only a reason to ask whether the server is still reached. */
const DOUBT_MS = 2_500;
/** An ICE restart that leads to nothing in this time is given up for connections made anew. */
const RESTART_LIMIT_MS = 4_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8_000;

/**
 * How a broken call comes back. doubting: nothing comes any more, which may mean nothing. watching: it may recover by itself, or the way to the server must come back first.
 * restarting: both connections look for new paths (ICE restart).
 */
export interface Recovery {
  step: "none" | "doubting" | "watching" | "restarting";
  /** Grows with every step: an alarm that was set in another round is stale. */
  round: number;
  /** How often everything was made anew since it last worked: the waits grow with it. */
  rejoins: number;
}

export const NO_RECOVERY: Recovery = { step: "none", round: 0, rejoins: 0 };

export const NO_MEDIA = {
  media: "none",
  peers: { up: "new", down: "new" },
  isJoined: false,
  me: null,
  tracks: [],
  othersMuted: [],
  held: [],
  speakers: [],
  qualities: {},
} as const satisfies Partial<Session>;

/** The wait before the next attempt to make everything anew. */
export function rejoinWaitMs(rejoins: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(rejoins, 10));
}

/** Another step, or the same anew: alarms of before are stale. */
export function inStep(s: Session, step: Recovery["step"]): Session {
  return { ...s, recovery: { ...s.recovery, step, round: s.recovery.round + 1 } };
}

export type MediaEvent = Extract<
  Event,
  {
    type:
      | "joined"
      | "join_failed"
      | "negotiation_failed"
      | "offer"
      | "muted"
      | "participant_left"
      | "paused"
      | "speakers"
      | "connection_quality"
      | "media_lost"
      | "network_changed"
      | "silence"
      | "alarm"
      | "peer";
  }
>;

export function onMedia(s: Session, event: MediaEvent): Step {
  switch (event.type) {
    case "joined":
      return onJoined({ ...s, me: event.participant, isJoined: true }, event.fresh);
    case "join_failed":
      return onJoinFailed(s, event.problem);
    case "negotiation_failed":
      return hasNothingToLose(s) ? [s, []] : rebuild(s);
    case "offer":
      return onOffer(s, event);
    case "muted":
      return [{ ...s, othersMuted: toggled(s.othersMuted, `${event.participant}/${event.source}`, event.muted) }, []];
    case "participant_left":
      return [withoutParticipant(s, event.participant), []];
    case "paused":
      return [{ ...s, held: toggled(s.held, event.track, event.paused) }, []];
    case "speakers":
      return [{ ...s, speakers: event.participants }, []];
    case "connection_quality":
      return [{ ...s, qualities: { ...s.qualities, [event.participant]: event.quality } }, []];
    case "media_lost":
      return [{ ...inStep(s, "none"), ...NO_MEDIA, media: "lost" }, [{ do: "drop_connections" }]];
    case "network_changed":
      return onNetworkChanged(s);
    case "silence":
      return onSilence(s);
    case "alarm":
      return onAlarm(s, event.round);
    case "peer":
      return onPeer(s, event.which, event.state);
  }
}

function onJoined(s: Session, fresh: boolean): Step {
  if (s.media === "building") return [s, []];
  if (!fresh) return s.recovery.step === "none" ? [s, []] : restart(s);
  // The node has forgotten this page: its connections lead nowhere.
  const next: Session = { ...inStep(s, "none"), ...NO_MEDIA, me: s.me, isJoined: true, media: "building" };
  return [next, [{ do: "drop_connections" }, { do: "publish" }]];
}

function onJoinFailed(s: Session, problem: Problem): Step {
  const kind = problemKind(problem);
  if (kind === "no-media") return [{ ...inStep(s, "none"), ...NO_MEDIA, media: "preparing" }, [{ do: "drop_connections" }]];
  // The link is down: it will tell everything again when it is back.
  if (kind === "no-answer" && s.link !== "open") return [s, []];
  return rebuild(s);
}

/** Not in a room at all, or the link is down and will tell everything again. */
function hasNothingToLose(s: Session): boolean {
  return s.media === "none" || s.media === "preparing" || s.media === "lost" || s.link !== "open";
}

/** Everything anew: the server gives a new token when the link says hello again. */
function rebuild(s: Session): Step {
  const { step, round, rejoins } = inStep(s, "none").recovery;
  return [
    { ...s, ...NO_MEDIA, media: "lost", recovery: { step, round, rejoins: rejoins + 1 } },
    [{ do: "drop_connections" }, { do: "resync", afterMs: rejoinWaitMs(rejoins) }],
  ];
}

function onOffer(s: Session, offer: { revision: number; sdp: string; tracks: SubscribedTrack[] }): Step {
  const known = new Set(s.tracks.map((track) => track.participant));
  const isSomebodyNew = offer.tracks.some((track) => !known.has(track.participant));
  const effects: Effect[] = [{ do: "answer", revision: offer.revision, sdp: offer.sdp, tracks: offer.tracks }];
  // Who has just come doesn't know what this page has switched off.
  if (isSomebodyNew) for (const source of s.off) effects.push({ do: "mute", source, muted: true });
  const held = s.held.filter((one) => offer.tracks.some(({ track }) => track === one));
  return [{ ...s, tracks: offer.tracks, held }, effects];
}

function withoutParticipant(s: Session, participant: string): Session {
  const { [participant]: _, ...qualities } = s.qualities;
  return {
    ...s,
    tracks: s.tracks.filter((track) => track.participant !== participant),
    othersMuted: s.othersMuted.filter((one) => !one.startsWith(`${participant}/`)),
    speakers: s.speakers.filter((one) => one !== participant),
    qualities,
  };
}

function onPeer(before: Session, which: "up" | "down", state: Session["peers"]["up"]): Step {
  if (before.media === "none" || before.media === "lost" || before.media === "preparing") return [before, []];
  const s: Session = { ...before, peers: { ...before.peers, [which]: state } };
  if (state === "connected") return [bothConnected(s) ? live(s) : s, []];
  // What never worked has nothing to come back to.
  if (s.media === "building") return state === "failed" ? rebuild(s) : [s, []];
  // Who spoke last says nothing about now.
  const stalled: Session = { ...s, media: "stalled", speakers: [] };
  if (s.recovery.step === "watching" || s.recovery.step === "restarting") return [stalled, []];
  if (state === "failed") return restart(stalled);
  const watching = inStep(stalled, "watching");
  // By the time that the watch is over it is known whether the server can be reached at all.
  return [watching, [{ do: "check_link" }, alarm(watching, STALL_MS)]];
}

function bothConnected({ peers }: Session): boolean {
  return peers.up === "connected" && peers.down === "connected";
}

function live(s: Session): Session {
  const { round } = s.recovery;
  return { ...s, media: "live", wasLive: true, recovery: { step: "none", round: round + 1, rejoins: 0 } };
}

/** Another way to the internet: what is bound to the old one is found dead only after seconds, so don't wait for that. */
function onNetworkChanged(s: Session): Step {
  const isWorthIt = (s.media === "live" || s.media === "stalled") && s.recovery.step !== "restarting";
  if (!isWorthIt) return [s, [{ do: "check_link" }]];
  const [next, effects] = restart(s);
  return [next, [{ do: "check_link" }, ...effects]];
}

/**
 * Browsers take seconds to find that a connection leads nowhere. When the server isn't reached either, that is certain
 * sooner; when it is, the others have just nothing to say or to show.
 */
function onSilence(s: Session): Step {
  if (s.media !== "live" || s.recovery.step !== "none") return [s, []];
  const doubting = inStep(s, "doubting");
  return [doubting, [{ do: "check_link" }, alarm(doubting, DOUBT_MS)]];
}

/** Has both connections look for new paths, as soon as the server can be asked for it. */
function restart(s: Session): Step {
  if (!s.isJoined) return [inStep(s, "watching"), []];
  const next = inStep(s, "restarting");
  return [next, [{ do: "restart" }, alarm(next, RESTART_LIMIT_MS)]];
}

function onAlarm(s: Session, round: number): Step {
  if (round !== s.recovery.round) return [s, []];
  if (s.recovery.step === "watching") return restart(s);
  if (s.recovery.step === "none") return [s, []];
  // Still without a link: what comes after that is decided when there is one again.
  if (s.recovery.step === "doubting") return [s.isJoined ? inStep(s, "none") : s, []];
  return bothConnected(s) ? [live(s), []] : rebuild(s);
}

function alarm(s: Session, afterMs: number): Effect {
  return { do: "alarm", round: s.recovery.round, afterMs };
}

function toggled(list: string[], item: string, isIn: boolean): string[] {
  const others = list.filter((one) => one !== item);
  return isIn ? [...others, item] : others;
}
