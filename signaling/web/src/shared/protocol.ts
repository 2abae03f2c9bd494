// The words of `/ws`, as `protocol/src/signal.rs` defines them (of keys: `keys.rs`; of seats: `seats.rs`), of data channels (`data.rs`) and of areas
// (`congestion.rs`).
import type { KeyMessage } from "../e2ee/round.ts";

export const VERSION = 1;

export type MediaSource = "camera" | "microphone" | "screen";
export type RoomRole = "resident" | "staff" | "guest";
export type Phase = "booked" | "waiting" | "admitted" | "ended";

export interface PublishTrack {
  mid: string;
  source: MediaSource;
}

export interface SubscribedTrack {
  mid: string;
  track: string;
  participant: string;
  role: RoomRole;
  source: MediaSource;
}

/** A TURN server with short-lived credentials. */
export interface IceServer {
  urls: string[];
  username: string;
  credential: string;
}

/** How large a received track is shown: its height in physical pixels, 0 when it isn't. */
export interface TrackView {
  track: string;
  height: number;
  /** Every frame of it matters, more than its sharpness. */
  motion?: boolean;
}

/** How well somebody's connection works, worst first. */
export type Quality = "lost" | "poor" | "good" | "excellent";

/** RFC 9457. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  field?: string;
}

/** Times are milliseconds of the server's clock. */
export interface Consultation {
  id: string;
  section: string;
  phase: Phase;
  version: number;
  is_present: boolean;
  created_at: number;
  expires_at: number;
  waiting_since?: number;
  admitted_at?: number;
  staff?: string;
  ahead?: number;
  /** Left out where there is nothing to tell. */
  call?: InCall;
  appointment?: string;
}

/** What somebody is in a consultation. */
export type Part = "resident" | "staff" | "colleague" | "head_office" | "interpreter" | "family";
export type SeatState = "invited" | "ringing" | "waiting" | "admitted" | "declined" | "missed" | "left" | "removed";

/** As `protocol::seats::Person`. */
export interface Person {
  participant: string;
  part: Part;
  state: SeatState;
  since: number;
  seat?: string;
  staff?: string;
  section?: string;
  name?: string;
  /** How often staff switched their microphone off. */
  mutes?: number;
}

/** As `protocol::seats::InCall`: what is left out is empty, none or false. */
export interface InCall {
  people?: Person[];
  you?: string;
  is_held?: boolean;
  is_locked?: boolean;
  handed_over_at?: number;
  wanted?: string;
  wait_minutes?: number;
}

/** A member of staff whose console is open. */
export interface Colleague {
  staff: string;
  name: string;
  section?: string;
  is_busy: boolean;
}

export interface Notes {
  inside: string;
  for_resident: string;
}

/** As `protocol::seats::Act`. */
export type Act =
  | { do: "invite"; part: Part; staff?: string; is_let_in: boolean }
  | { do: "answer"; seat: string; accepts: boolean; can_encrypt: boolean }
  | { do: "let_in"; seat: string }
  | { do: "remove"; seat: string }
  | { do: "silence"; participant: string }
  | { do: "hold"; is_held: boolean }
  | { do: "lock"; is_locked: boolean }
  | { do: "hand_over"; seat: string }
  | { do: "call_back" }
  | { do: "no_show" }
  | { do: "move"; section: string; staff?: string }
  | { do: "leave" }
  | { do: "write"; notes: Notes };

export type Identity = { kind: "resident"; code: string } | { kind: "guest"; code: string } | { kind: "staff" };

export type ClientBody =
  | { type: "hello"; version: number; identity: Identity }
  | { type: "ready"; can_encrypt: boolean }
  | { type: "admit"; consultation: string; can_encrypt: boolean }
  | { type: "end"; consultation: string }
  | { type: "join"; token: string; has_connections: boolean }
  | { type: "publish"; sdp: string; tracks: PublishTrack[] }
  | { type: "answer"; revision: number; sdp: string }
  | { type: "view"; tracks: TrackView[] }
  | { type: "restart" }
  | { type: "mute"; source: MediaSource; muted: boolean }
  | { type: "keys"; to?: string; message: KeyMessage }
  | { type: "act"; consultation: string; act: Act }
  | { type: "colleagues" }
  | { type: "notes"; consultation: string }
  | { type: "ping" };

export type ServerBody =
  | { type: "ok" }
  | { type: "error"; problem: Problem }
  | { type: "welcome"; now: number }
  | { type: "consultation"; consultation: Consultation }
  | { type: "gone"; consultation: string }
  | { type: "consultations"; consultations: Consultation[]; now: number }
  | { type: "admitted"; consultation: string; token: string; ice_servers?: IceServer[]; encryption: "off" | "require" }
  | { type: "joined"; participant: string; fresh: boolean }
  | { type: "published"; sdp: string }
  | { type: "offer"; revision: number; sdp: string; tracks: SubscribedTrack[] }
  | { type: "muted"; participant: string; source: MediaSource; muted: boolean }
  | { type: "participant_left"; participant: string }
  | { type: "layers"; source: MediaSource; rids: string[] }
  | { type: "paused"; track: string; paused: boolean }
  | { type: "speakers"; participants: string[] }
  | { type: "connection_quality"; participant: string; quality: Quality }
  | { type: "keys"; from: string; message: KeyMessage }
  | { type: "media_lost" }
  | { type: "invited"; seat: string; url?: string }
  | { type: "colleagues"; colleagues: Colleague[] }
  | { type: "notes"; notes: Notes }
  | { type: "pong" };

export type ServerFrame = ServerBody & { id?: number };

/** What a media node says about a message on a reliable data channel. */
export type DataAnswer =
  | { type: "taken"; number: number; missed?: string[]; missed_more?: number }
  | { type: "refused"; number?: number; problem: Problem };

/** The last word of a problem's type: `link-used`. */
export function problemKind(problem: Problem): string {
  return problem.type.slice(problem.type.lastIndexOf(":") + 1);
}

export type Level = "free" | "moderate" | "busy" | "full" | "unknown";
export type Trend = "rising" | "steady" | "falling";

export interface AreaState {
  area: string;
  count: number | null;
  capacity: number;
  level: Level;
  trend: Trend;
  observed_at: number | null;
  changed_at: number;
  version: number;
}
