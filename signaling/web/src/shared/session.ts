// What a page is doing in a consultation: a pure machine. `step(state, event)` gives the next state and
// the effects that the runner (room.ts) carries out; views are functions of the state. Invariant: effects
// only ever follow from an event, and nothing here reads a clock, a device or the network.
import { type Consultation, type MediaSource, type Problem, problemKind, type SubscribedTrack } from "./protocol.ts";

/** Where the person is. `idle` is the staff's console; residents begin at `check`. */
export type Stage = "check" | "waiting" | "call" | "ended" | "refused" | "elsewhere" | "login" | "idle";

/** asking: the browser may be asking the person. opening: allowed before. ready: as far as there are devices. */
export type DeviceStatus = "unknown" | "asking" | "opening" | "ready" | "failed";

/**
 * none: not in a room. preparing: the server has no media node now. building: connections are being made.
 * live: both are connected. stalled: one is disconnected and may recover. lost: waits for a new admission.
 */
export type MediaState = "none" | "preparing" | "building" | "live" | "stalled" | "lost";

export type PeerState = "new" | "connected" | "disconnected" | "failed";

export interface Session {
  role: "resident" | "staff";
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
  /** Media were seen at least once in this call: from now on a gap is a *re*connect. */
  wasLive: boolean;
  me: string | null;
  tracks: SubscribedTrack[];
  /** `participant/source` of others' muted tracks. */
  othersMuted: string[];
  /** Own sources that are switched off. */
  off: MediaSource[];
  /** The consultation that this page ends; told again until the server knows. */
  ending: string | null;
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
  | { type: "admitted"; consultation: string; token: string }
  | { type: "joined"; participant: string; fresh: boolean }
  | { type: "join_failed"; problem: Problem }
  | { type: "negotiation_failed" }
  | { type: "offer"; revision: number; sdp: string; tracks: SubscribedTrack[] }
  | { type: "muted"; participant: string; source: MediaSource; muted: boolean }
  | { type: "participant_left"; participant: string }
  | { type: "media_lost" }
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
  | { do: "end"; consultation: string }
  | { do: "drop_connections" }
  | { do: "open_devices" }
  | { do: "stop_devices" }
  | { do: "resync"; soon: boolean }
  | { do: "close_link" }
  | { do: "chime" };

export type Step = [Session, Effect[]];

export function newSession(role: "resident" | "staff", off: MediaSource[] = []): Session {
  return {
    role,
    stage: role === "resident" ? "check" : "idle",
    link: "connecting",
    devices: "unknown",
    isAllowed: false,
    hasEntered: false,
    isReadyTold: false,
    consultation: null,
    room: null,
    heldToken: null,
    media: "none",
    peers: { up: "new", down: "new" },
    wasLive: false,
    me: null,
    tracks: [],
    othersMuted: [],
    off,
    ending: null,
    refusal: null,
  };
}

const NO_MEDIA = {
  media: "none",
  peers: { up: "new", down: "new" },
  me: null,
  tracks: [],
  othersMuted: [],
} as const satisfies Partial<Session>;

/** Whether both connections are worth keeping over a lost link. */
function hasConnections(s: Session): boolean {
  return (s.media === "live" || s.media === "stalled") && s.peers.up !== "failed" && s.peers.down !== "failed";
}

export function step(s: Session, event: Event): Step {
  if (isOver(s) && event.type !== "end_told" && event.type !== "link_open") return [s, []];
  switch (event.type) {
    case "link_open":
      return [{ ...s, link: "open", isReadyTold: false }, s.ending ? [{ do: "end", consultation: s.ending }] : []];
    case "link_lost":
      return [{ ...s, link: "lost", heldToken: null }, []];
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
  return s.role === "resident" ? follow(next) : [next, []];
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
  if (s.isAllowed && phase !== "booked") s = { ...s, hasEntered: true };
  if (s.stage === "call") {
    // Asked back into the waiting room.
    if (phase === "waiting") return [{ ...s, ...NO_MEDIA, wasLive: false, stage: "waiting" }, [{ do: "drop_connections" }]];
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
  if (isNew && s.role === "resident" && s.stage === "waiting") effects.push({ do: "chime" });
  const next: Session = { ...s, stage: "call", room: id, hasEntered: true, heldToken: null };
  if (hasConnections(s)) return [next, [...effects, { do: "join", token, hasConnections: true }]];
  return [
    { ...next, ...NO_MEDIA, media: "building", wasLive: isNew ? false : s.wasLive },
    [...effects, { do: "drop_connections" }, { do: "join", token, hasConnections: false }, { do: "publish" }],
  ];
}

function onDevices(s: Session, status: DeviceStatus): Step {
  const next: Session = { ...s, devices: status, isAllowed: s.isAllowed || status === "opening" };
  // A reload in the middle: allowed already, so nothing stands between the person and the call.
  const isComingBack = next.isAllowed && s.consultation !== null && s.consultation.phase !== "booked";
  if (s.role !== "resident" || s.stage !== "check" || !isComingBack) return [next, []];
  if (s.heldToken && s.room) return onAdmitted(next, s.room, s.heldToken);
  return follow(next);
}

function onEnter(s: Session): Step {
  if (s.stage !== "check") return [s, []];
  const next: Session = { ...s, hasEntered: true, heldToken: null };
  // The token may have grown old while the devices were being checked: ask for a new one.
  if (s.heldToken) return [{ ...next, stage: "waiting" }, [{ do: "resync", soon: true }]];
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
  const tell: Effect[] = s.link === "open" ? [{ do: "end", consultation: id }] : [];
  // Staff may withdraw a link that isn't the one they talk over.
  if (id !== s.room) return [{ ...s, ending: id }, tell];
  const [next, effects] = over({ ...s, ending: id });
  return [next, [...tell, ...effects.filter((one) => one.do !== "close_link")]];
}

/** The consultation is over: residents get the goodbye, staff their console. */
function over(s: Session): Step {
  if (s.role === "resident") return leave({ ...s, stage: "ended" }, s.ending ? [] : [{ do: "close_link" }]);
  return leave({ ...s, stage: "idle", consultation: null, room: null, hasEntered: false, devices: "unknown", off: [] }, []);
}

function leave(s: Session, more: Effect[]): Step {
  return [
    { ...s, ...NO_MEDIA, wasLive: false, heldToken: null },
    [{ do: "drop_connections" }, { do: "stop_devices" }, ...more],
  ];
}

type MediaEvent = Extract<
  Event,
  {
    type: "joined" | "join_failed" | "negotiation_failed" | "offer" | "muted" | "participant_left" | "media_lost" | "peer";
  }
>;

function onMedia(s: Session, event: MediaEvent): Step {
  switch (event.type) {
    case "joined":
      return onJoined({ ...s, me: event.participant }, event.fresh);
    case "join_failed":
      return onJoinFailed(s, event.problem);
    case "negotiation_failed":
      return hasNothingToLose(s) ? [s, []] : rebuild(s, false);
    case "offer":
      return onOffer(s, event);
    case "muted":
      return [{ ...s, othersMuted: toggled(s.othersMuted, `${event.participant}/${event.source}`, event.muted) }, []];
    case "participant_left":
      return [
        {
          ...s,
          tracks: s.tracks.filter((track) => track.participant !== event.participant),
          othersMuted: s.othersMuted.filter((one) => !one.startsWith(`${event.participant}/`)),
        },
        [],
      ];
    case "media_lost":
      return [{ ...s, ...NO_MEDIA, media: "lost" }, [{ do: "drop_connections" }]];
    case "peer":
      return onPeer(s, event.which, event.state);
  }
}

function onJoined(s: Session, fresh: boolean): Step {
  if (!fresh || s.media === "building") return [s, []];
  // The node has forgotten this page: its connections lead nowhere.
  const next: Session = { ...s, ...NO_MEDIA, me: s.me, media: "building" };
  return [next, [{ do: "drop_connections" }, { do: "publish" }]];
}

function onJoinFailed(s: Session, problem: Problem): Step {
  const kind = problemKind(problem);
  if (kind === "no-media") return [{ ...s, ...NO_MEDIA, media: "preparing" }, [{ do: "drop_connections" }]];
  // The link is down: it will tell everything again when it is back.
  if (kind === "no-answer" && s.link !== "open") return [s, []];
  return rebuild(s, false);
}

/** Not in a room at all, or the link is down and will tell everything again. */
function hasNothingToLose(s: Session): boolean {
  return s.media === "none" || s.media === "preparing" || s.media === "lost" || s.link !== "open";
}

/** Everything anew: the server gives a new token when the link says hello again. */
function rebuild(s: Session, soon: boolean): Step {
  return [{ ...s, ...NO_MEDIA, media: "lost" }, [{ do: "drop_connections" }, { do: "resync", soon }]];
}

function onOffer(s: Session, offer: { revision: number; sdp: string; tracks: SubscribedTrack[] }): Step {
  const known = new Set(s.tracks.map((track) => track.participant));
  const isSomebodyNew = offer.tracks.some((track) => !known.has(track.participant));
  const effects: Effect[] = [{ do: "answer", revision: offer.revision, sdp: offer.sdp, tracks: offer.tracks }];
  // Who has just come doesn't know what this page has switched off.
  if (isSomebodyNew) for (const source of s.off) effects.push({ do: "mute", source, muted: true });
  return [{ ...s, tracks: offer.tracks }, effects];
}

function onPeer(s: Session, which: "up" | "down", state: PeerState): Step {
  if (s.media === "none" || s.media === "lost" || s.media === "preparing") return [s, []];
  const peers = { ...s.peers, [which]: state };
  const next: Session = { ...s, peers };
  if (state === "failed") return rebuild(next, true);
  if (state === "disconnected") return [{ ...next, media: "stalled" }, []];
  const isLive = peers.up === "connected" && peers.down === "connected";
  return [isLive ? { ...next, media: "live", wasLive: true } : next, []];
}

function toggled(list: string[], item: string, isIn: boolean): string[] {
  const others = list.filter((one) => one !== item);
  return isIn ? [...others, item] : others;
}

/** What the call's picture area says. `talking`: nothing, the other person is there. */
export type CallStatus = "connecting" | "preparing" | "reconnecting" | "alone" | "talking";

export function callStatus(s: Session): CallStatus {
  if (s.media === "preparing") return "preparing";
  if (s.media === "lost" || s.media === "stalled") return "reconnecting";
  if (s.media !== "live") return s.wasLive ? "reconnecting" : "connecting";
  return s.tracks.length === 0 ? "alone" : "talking";
}
