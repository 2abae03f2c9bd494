// What a page is doing in a consultation: a pure machine. `step(state, event)` gives the next state and
// the effects that the runner (room.ts) carries out; views are functions of the state. Invariant: effects
// only ever follow from an event, and nothing here reads a clock, a device or the network. What happens in a call is in
// media.ts.
import { inStep, NO_MEDIA, NO_RECOVERY, onMedia, type Recovery } from "./media.ts";
import {
  type Consultation,
  type Identity,
  type MediaSource,
  type Problem,
  problemKind,
  type Quality,
  type SubscribedTrack,
} from "./protocol.ts";

/** Where the person is. `idle` is the staff's console; residents and guests begin at `check`. `held`: they wait with music. */
export type Stage = "check" | "waiting" | "call" | "held" | "ended" | "refused" | "elsewhere" | "login" | "idle";

/** asking: the browser may be asking the person. opening: allowed before. ready: as far as there are devices. */
export type DeviceStatus = "unknown" | "asking" | "opening" | "ready" | "failed";

/**
 * none: not in a room. preparing: the server has no media node now. building: connections are being made.
 * live: both are connected. stalled: one is disconnected and is to come back. lost: waits for a new admission.
 */
export type MediaState = "none" | "preparing" | "building" | "live" | "stalled" | "lost";

export type PeerState = "new" | "connected" | "disconnected" | "failed";

export interface Session {
  role: Identity["kind"];
  /** Of staff: who. */
  staff: string;
  stage: Stage;
  link: "connecting" | "open" | "lost";
  devices: DeviceStatus;
  /** Camera and microphone were opened without a question: who comes back needs no device check. */
  isAllowed: boolean;
  /** The resident pressed "enter": whenever the server says "booked", it is told "ready". */
  hasEntered: boolean;
  isReadyTold: boolean;
  consultation: Consultation | null;
  /** The consultation's id, as soon as this page has to do with it. */
  room: string | null;
  /** A token that came before the devices were decided. */
  heldToken: string | null;
  media: MediaState;
  peers: { up: PeerState; down: PeerState };
  recovery: Recovery;
  /** The media node knows that this link speaks for this page: it can be asked for something. */
  isJoined: boolean;
  /** Media were seen at least once in this call: from now on a gap is a *re*connect. */
  wasLive: boolean;
  me: string | null;
  tracks: SubscribedTrack[];
  /** `participant/source` of others' muted tracks. */
  othersMuted: string[];
  /** Tracks that are held back, because the link is too narrow for them. */
  held: string[];
  /** Who speaks, the loudest first. */
  speakers: string[];
  /** How well each participant's connection works, as far as that was told. */
  qualities: Record<string, Quality>;
  /** Own sources that are switched off. */
  off: MediaSource[];
  /** The consultation that this page ends, or leaves; told again until the server knows. */
  ending: string | null;
  /** The others go on without this page. */
  isLeaving: boolean;
  refusal: Problem | null;
}

export type Event =
  | { type: "link_open" }
  | { type: "link_lost" }
  | { type: "refused"; problem: Problem }
  | { type: "elsewhere" }
  | { type: "login_over" }
  | { type: "ready_failed" }
  /** Staff asked somebody in, and the server refused. */
  | { type: "not_admitted" }
  | { type: "consultation"; consultation: Consultation }
  | { type: "consultations"; consultations: Consultation[] }
  /** Staff may not see it any more: somebody else has it now. */
  | { type: "gone"; consultation: string }
  | { type: "admitted"; consultation: string; token: string }
  | { type: "joined"; participant: string; fresh: boolean }
  | { type: "join_failed"; problem: Problem }
  | { type: "negotiation_failed" }
  | { type: "offer"; revision: number; sdp: string; tracks: SubscribedTrack[] }
  | { type: "muted"; participant: string; source: MediaSource; muted: boolean }
  | { type: "participant_left"; participant: string }
  | { type: "paused"; track: string; paused: boolean }
  | { type: "speakers"; participants: string[] }
  | { type: "connection_quality"; participant: string; quality: Quality }
  | { type: "media_lost" }
  /** The device has another way to the internet, or one again. */
  | { type: "network_changed" }
  /** Nothing has come from the others for a moment, by connections that seem to be all right. */
  | { type: "silence" }
  | { type: "alarm"; round: number }
  | { type: "devices"; status: DeviceStatus }
  | { type: "enter" }
  | { type: "peer"; which: "up" | "down"; state: PeerState }
  | { type: "switch"; source: MediaSource; off: boolean }
  | { type: "hang_up"; consultation?: string }
  | { type: "end_told" };

export type Effect =
  | { do: "ready" }
  | { do: "join"; token: string; hasConnections: boolean }
  | { do: "publish" }
  | { do: "answer"; revision: number; sdp: string; tracks: SubscribedTrack[] }
  | { do: "mute"; source: MediaSource; muted: boolean }
  | { do: "end"; consultation: string; isLeaving: boolean }
  | { do: "drop_connections" }
  | { do: "open_devices" }
  | { do: "stop_devices" }
  /** Has both connections look for new paths (ICE restart). */
  | { do: "restart" }
  /** Comes back as an event of the same round. */
  | { do: "alarm"; round: number; afterMs: number }
  /** Finds out at once whether the link to the server still works. */
  | { do: "check_link" }
  /** Waits about so long: not all pages at the same moment. */
  | { do: "resync"; afterMs: number }
  | { do: "close_link" }
  | { do: "chime" };

export type Step = [Session, Effect[]];

export function newSession(role: Identity["kind"], off: MediaSource[] = [], staff = ""): Session {
  return {
    role,
    staff,
    stage: role === "staff" ? "idle" : "check",
    link: "connecting",
    devices: "unknown",
    isAllowed: false,
    hasEntered: false,
    isReadyTold: false,
    consultation: null,
    room: null,
    heldToken: null,
    ...NO_MEDIA,
    recovery: NO_RECOVERY,
    wasLive: false,
    off,
    ending: null,
    isLeaving: false,
    refusal: null,
  };
}

/** Whether there are connections worth keeping over a lost link: a restart mends even those that have failed. */
function hasConnections(s: Session): boolean {
  return s.media === "live" || s.media === "stalled";
}

export function step(s: Session, event: Event): Step {
  if (isOver(s) && event.type !== "end_told" && event.type !== "link_open") return [s, []];
  switch (event.type) {
    case "link_open":
      return [{ ...s, link: "open", isReadyTold: false }, s.ending ? [end(s, s.ending)] : []];
    case "link_lost":
      return [onLinkLost(s), []];
    case "refused":
      return leave({ ...s, stage: isDead(event.problem) ? "ended" : "refused", refusal: event.problem }, []);
    case "elsewhere":
      return leave({ ...s, stage: "elsewhere" }, []);
    case "login_over":
      return leave({ ...s, stage: "login" }, []);
    case "not_admitted":
      return s.stage === "idle" ? [{ ...s, devices: "unknown", off: [] }, [{ do: "stop_devices" }]] : [s, []];
    case "ready_failed":
      return follow({ ...s, isReadyTold: false });
    case "consultation":
      return onConsultation(s, event.consultation);
    case "consultations":
      return onConsultations(s, event.consultations);
    case "gone":
      return s.role === "staff" && event.consultation === s.room ? over(s) : [s, []];
    case "admitted":
      return onAdmitted(s, event.consultation, event.token);
    case "devices":
      return onDevices(s, event.status);
    case "enter":
      return onEnter(s);
    case "switch":
      return onSwitch(s, event.source, event.off);
    case "hang_up":
      return onHangUp(s, event.consultation);
    case "end_told":
      return [{ ...s, ending: null }, s.stage === "ended" ? [{ do: "close_link" }] : []];
    default:
      return s.stage === "call" ? onMedia(s, event) : [s, []];
  }
}

/** A restart that nobody may have heard of begins again when the server can be asked. */
function onLinkLost(s: Session): Session {
  const lost: Session = { ...s, link: "lost", isJoined: false, heldToken: null };
  return s.recovery.step === "restarting" ? inStep(lost, "watching") : lost;
}

function isOver(s: Session): boolean {
  return s.stage === "ended" || s.stage === "refused" || s.stage === "elsewhere" || s.stage === "login";
}

/** A link that was good and is over: the goodbye, not an error. */
function isDead(problem: Problem): boolean {
  return problemKind(problem) === "link-used";
}

function onConsultation(s: Session, news: Consultation): Step {
  // The staff's page is told of all; only the one that it serves is this machine's business.
  if (s.role === "staff" && news.id !== s.room) return [s, []];
  const known = s.consultation;
  if (known && known.id === news.id && news.version < known.version) return [s, []];
  const next: Session = { ...s, consultation: news, room: news.id };
  if (news.phase === "ended") return over(next);
  if (s.role !== "staff") return follow(next);
  return isIn(news, s.staff) || s.stage === "idle" ? [next, []] : over(next);
}

/** Whether a member of staff serves in a call, or has come to it. */
export function isIn({ staff, phase, call }: Consultation, who: string): boolean {
  if (phase !== "admitted") return false;
  return staff === who || (call?.people ?? []).some((one) => one.staff === who && one.state === "admitted");
}

/** All that are open, to staff: what isn't among them has ended while the link was down. */
function onConsultations(s: Session, all: Consultation[]): Step {
  if (!s.room) return [s, []];
  const mine = all.find((one) => one.id === s.room);
  return mine ? onConsultation(s, mine) : over(s);
}

/** Brings the resident where the server says the consultation is, as far as the devices are decided. */
function follow(s: Session): Step {
  const phase = s.consultation?.phase;
  const isHeld = phase === "admitted" && s.consultation?.call?.is_held === true;
  if (s.isAllowed && phase !== "booked") s = { ...s, hasEntered: true };
  // Nobody is heard or seen meanwhile: what there was of media is gone, and is made anew when the server asks in again.
  if (isHeld && (s.hasEntered || s.stage === "call") && s.stage !== "held") {
    return [{ ...inStep(s, "none"), ...NO_MEDIA, wasLive: false, heldToken: null, stage: "held" }, [{ do: "drop_connections" }]];
  }
  if (s.stage === "held") return phase === "waiting" ? [{ ...s, stage: "waiting" }, []] : [s, []];
  if (s.stage === "call") {
    // Asked back into the waiting room.
    if (phase === "waiting") {
      return [{ ...inStep(s, "none"), ...NO_MEDIA, wasLive: false, stage: "waiting" }, [{ do: "drop_connections" }]];
    }
    return [s, []];
  }
  if (!s.hasEntered) return [s, []];
  const next: Session = { ...s, stage: "waiting" };
  if (phase === "booked" && s.link === "open" && !s.isReadyTold) {
    return [{ ...next, isReadyTold: true }, [{ do: "ready" }]];
  }
  return [next, []];
}

function onAdmitted(s: Session, id: string, token: string): Step {
  if (s.ending === id) return [s, []];
  const isElsewhere = s.stage === "call" && s.room !== null && s.room !== id;
  if (isElsewhere) return [s, []];
  const isDecided = s.hasEntered || s.isAllowed || s.role === "staff" || s.stage === "call";
  if (!isDecided) return [{ ...s, heldToken: token }, []];
  const isNew = s.stage !== "call";
  const effects: Effect[] = [];
  if (s.devices === "unknown") effects.push({ do: "open_devices" });
  if (isNew && s.role !== "staff" && s.stage === "waiting") effects.push({ do: "chime" });
  const next: Session = { ...s, stage: "call", room: id, hasEntered: true, heldToken: null };
  if (hasConnections(s)) return [next, [...effects, { do: "join", token, hasConnections: true }]];
  return [
    { ...inStep(next, "none"), ...NO_MEDIA, media: "building", wasLive: isNew ? false : s.wasLive },
    [...effects, { do: "drop_connections" }, { do: "join", token, hasConnections: false }, { do: "publish" }],
  ];
}

function onDevices(s: Session, status: DeviceStatus): Step {
  const next: Session = { ...s, devices: status, isAllowed: s.isAllowed || status === "opening" };
  // A reload in the middle: allowed already, so nothing stands between the person and the call.
  const isComingBack = next.isAllowed && s.consultation !== null && s.consultation.phase !== "booked";
  if (s.role === "staff" || s.stage !== "check" || !isComingBack) return [next, []];
  if (s.heldToken && s.room) return onAdmitted(next, s.room, s.heldToken);
  return follow(next);
}

function onEnter(s: Session): Step {
  if (s.stage !== "check") return [s, []];
  const next: Session = { ...s, hasEntered: true, heldToken: null };
  // The token may have grown old while the devices were being checked: ask for a new one.
  if (s.heldToken) return [{ ...next, stage: "waiting" }, [{ do: "resync", afterMs: 0 }]];
  return follow(next);
}

function onSwitch(s: Session, source: MediaSource, off: boolean): Step {
  const others = s.off.filter((one) => one !== source);
  const next: Session = { ...s, off: off ? [...others, source] : others };
  return [next, s.media === "none" ? [] : [{ do: "mute", source, muted: off }]];
}

function onHangUp(s: Session, named?: string): Step {
  const id = named ?? s.room;
  if (!id) return [s, []];
  // Guests, and staff who were called in, go alone.
  const isLeaving = id === s.room && (s.role === "guest" || (s.role === "staff" && s.consultation?.staff !== s.staff));
  const tell: Effect[] = s.link === "open" ? [end({ ...s, isLeaving }, id)] : [];
  // Staff may withdraw a link that isn't the one they talk over.
  if (id !== s.room) return [{ ...s, ending: id, isLeaving }, tell];
  const [next, effects] = over({ ...s, ending: id, isLeaving });
  return [next, [...tell, ...effects.filter((one) => one.do !== "close_link")]];
}

function end({ isLeaving }: Session, consultation: string): Effect {
  return { do: "end", consultation, isLeaving };
}

/** The consultation is over: residents get the goodbye, staff their console. */
function over(s: Session): Step {
  if (s.role !== "staff") return leave({ ...s, stage: "ended" }, s.ending ? [] : [{ do: "close_link" }]);
  return leave({ ...s, stage: "idle", consultation: null, room: null, hasEntered: false, devices: "unknown", off: [] }, []);
}

function leave(s: Session, more: Effect[]): Step {
  return [
    { ...s, ...NO_MEDIA, recovery: fresh(s.recovery), wasLive: false, heldToken: null },
    [{ do: "drop_connections" }, { do: "stop_devices" }, ...more],
  ];
}

/** As at the beginning, but for alarms that are still set. */
function fresh({ round }: Recovery): Recovery {
  return { ...NO_RECOVERY, round: round + 1 };
}

/** What the call's picture area says. `talking`: nothing, the other person is there. */
export type CallStatus = "connecting" | "preparing" | "reconnecting" | "alone" | "talking";

export function callStatus(s: Session): CallStatus {
  if (s.media === "preparing") return "preparing";
  if (s.media === "lost" || s.media === "stalled") return "reconnecting";
  if (s.media !== "live") return s.wasLive ? "reconnecting" : "connecting";
  return s.tracks.length === 0 ? "alone" : "talking";
}
