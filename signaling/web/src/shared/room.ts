// Carries out what the session machine decides: the link, the devices, the connections. Pages subscribe
// and draw what they find here; they change nothing but through `dispatch` and the methods below.
import type { Privacy } from "../e2ee/agreement.ts";
import { Encryption } from "../e2ee/encryption.ts";
import { canEncrypt } from "../e2ee/frames.ts";
import { Connections, type Remote } from "./connections.ts";
import { Data } from "./data.ts";
import { Devices, type PartName } from "./devices.ts";
import { type Closed, Link, socketUrl } from "./link.ts";
import { chime } from "./meter.ts";
import { ownPerson } from "./people.ts";
import type { Act, ClientBody, Consultation, Identity, MediaSource, RoomRole, ServerBody } from "./protocol.ts";
import type { Sealing } from "../talk/channel.ts";
import { type Effect, type Event, newSession, type Session, step } from "./session.ts";
import { Views } from "./views.ts";
import { NOT_SAVING, type Saving, save, type SavingEvent } from "../talk/saving.ts";
import { openScreen } from "../talk/screen.ts";
import type { PaperPrograms } from "../talk/papers/papers.ts";
import { Talk } from "../talk/talk.ts";

const LATER_MS = 2_000;
const LISTEN_EVERY_MS = 500;
const TUNE_EVERY_MS = 1_000;
/** Sound comes fifty times a second: this is no gap between two words. */
const SILENCE_MS = 1_000;
/** By how much waits are stretched or shortened, so that not all pages come at the same moment. */
const JITTER = 0.3;
const OFF_KEY = "madoguchi.off";

/** Whether the call is encrypted from end to end; off: it isn't to be. */
export type Lock = Privacy | "off";

export interface RoomOptions {
  /** The address of the script through which encrypted frames go. */
  framesWorker: string;
  papers: PaperPrograms;
  /** What the office wants; a call may still be held otherwise. */
  isEncryptionWanted: boolean;
  /** Of staff: who. */
  staff?: string;
  onNews?(body: ServerBody): void;
}

export class Room {
  session: Session;
  remotes: Remote[] = [];
  /** Staff switched this page's microphone off, and it is so still. */
  isSilenced = false;
  /** Server's clock minus the device's, in milliseconds. */
  clockOffset = 0;
  readonly devices: Devices;
  /** How large the others' pictures are shown. */
  readonly views: Views;
  /** Messages to and from the others in the call. */
  readonly data = new Data();
  readonly encryption: Encryption;
  /** What is written and shown in the call. */
  readonly talk: Talk;
  /** This page's own screen, while it is shared. */
  screen: MediaStreamTrack | null = null;
  /** Whether pictures are left out because the network can't carry them. */
  saving: Saving = NOT_SAVING;
  #isEncrypted = false;
  readonly #connections: Connections;
  readonly #link: Link;
  readonly #listeners = new Set<() => void>();
  /** The newest packet that was seen, and since when there is none newer. */
  #heard = { packetAt: 0, since: 0, isTold: false };
  readonly #onNews: ((body: ServerBody) => void) | undefined;
  /** Parts that aren't there, and so count as switched off without anybody having done so. */
  readonly #missing = new Set<PartName>();

  constructor(identity: Identity, { framesWorker, papers, isEncryptionWanted, staff, onNews }: RoomOptions) {
    this.session = newSession(identity.kind, remembered(), staff);
    this.#onNews = onNews;
    this.devices = new Devices({
      onTrack: (part, track) => this.#connections.setTrack(part, track),
      onChange: () => this.#devicesChanged(),
    });
    this.#connections = new Connections({
      onPeer: (which, state) => this.dispatch({ type: "peer", which, state }),
      onRemotes: (remotes) => {
        this.remotes = remotes;
        this.#changed();
      },
    }, this.data);
    this.encryption = new Encryption(framesWorker, {
      send: (to, message) => void this.request({ type: "keys", message, ...(to === undefined ? {} : { to }) }),
      onChange: () => this.#changed(),
      onBroken: () => {
        if (this.#isEncrypted || isEncryptionWanted) this.#connections.useFrames(this.encryption.frames);
        if (this.#isEncrypted) this.dispatch({ type: "negotiation_failed" });
      },
    });
    if (isEncryptionWanted) this.#connections.useFrames(this.encryption.frames);
    this.talk = new Talk(this.data, () => this.#sealing(), papers, {
      me: () => this.session.me,
      roleOf: (participant) => this.roleOf(participant),
      now: () => this.now(),
      onChange: () => this.#talkChanged(),
    });
    this.views = new Views({
      tell: async (tracks) => (await this.request({ type: "view", tracks })).type === "ok",
    });
    this.#link = new Link(socketUrl(), identity, {
      onOpen: (now) => {
        this.clockOffset = now - Date.now();
        this.dispatch({ type: "link_open" });
      },
      onLost: () => this.dispatch({ type: "link_lost" }),
      onClosed: (closed) => this.dispatch(closedEvent(closed)),
      onNews: (body) => this.#news(body),
    });
    watchNetwork(() => {
      this.#link.networkChanged();
      this.dispatch({ type: "network_changed" });
    });
    setInterval(() => this.#listen(), LISTEN_EVERY_MS);
    setInterval(() => void this.#connections.tunePlayout(), TUNE_EVERY_MS);
    document.addEventListener("visibilitychange", () => {
      const isVisible = document.visibilityState === "visible";
      this.views.setHidden(!isVisible);
      if (isVisible) this.#link.wake();
    });
  }

  /** The server's clock now, in milliseconds. */
  now(): number {
    return Date.now() + this.clockOffset;
  }

  get lock(): Lock {
    return this.#isEncrypted ? this.encryption.privacy : "off";
  }

  /** The digits that both sides compare. */
  get code(): string | null {
    return this.encryption.code;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  dispatch(event: Event): void {
    const before = callOf(this.session);
    const [next, effects] = step(this.session, event);
    this.session = next;
    const call = callOf(next);
    if (before !== null && before !== call) this.data.end();
    if (call !== null && before !== call) this.data.begin();
    if (next.stage !== "call") this.encryption.leave();
    if (before !== null && before !== call) this.#callIsOver();
    for (const effect of effects) this.#carryOut(effect);
    const others = next.media === "live" ? next.tracks.map((one) => one.participant) : [];
    if (call !== null) this.talk.present(new Set(others));
    this.#changed();
  }

  request(body: ClientBody): Promise<ServerBody> {
    return this.#link.request(body);
  }

  /** Does something with the seats of a consultation. */
  act(consultation: string, act: Act): Promise<ServerBody> {
    return this.request({ type: "act", consultation, act });
  }

  /** Opens camera and microphone as far as they aren't switched off. */
  async openDevices(status: "asking" | "opening"): Promise<void> {
    this.dispatch({ type: "devices", status });
    for (const part of this.#missing) this.dispatch({ type: "switch", source: part, off: false });
    this.#missing.clear();
    const { off } = this.session;
    const isThere = await this.devices.open({ camera: !off.includes("camera"), microphone: !off.includes("microphone") });
    if (isThere) this.#connections.prepare();
    this.dispatch({ type: "devices", status: isThere ? "ready" : "failed" });
    this.#devicesChanged();
  }

  /** What isn't there, or not any more, is told to the others like what is switched off. */
  #devicesChanged(): void {
    const isDecided = this.session.devices === "ready" || this.session.devices === "failed";
    for (const part of ["camera", "microphone"] as const) {
      if (!isDecided || this.devices.state[part] !== "none" || this.session.off.includes(part)) continue;
      this.#missing.add(part);
      this.dispatch({ type: "switch", source: part, off: true });
    }
    this.#changed();
  }

  /** The person switches a part on or off. */
  async switch(part: PartName, isOn: boolean): Promise<void> {
    this.#missing.delete(part);
    if (part === "microphone" && isOn) this.isSilenced = false;
    await this.devices.switch(part, isOn);
    const isOff = this.devices.state[part] !== "on";
    this.dispatch({ type: "switch", source: part, off: isOff });
    remember(this.session.off);
  }

  /** The keys of the present call for what is written and shown. */
  #sealing(): Sealing | null {
    const call = callOf(this.session);
    if (call === null) return null;
    const isEncrypted = this.#isEncrypted;
    return {
      call,
      isEncrypted,
      seal: async (bytes) => (await this.encryption.frames?.sealData(bytes)) ?? null,
      open: async (bytes, sender) => (await this.encryption.frames?.openData(bytes, sender)) ?? "later",
    };
  }

  /** The role of somebody in the call, as far as it is known. */
  roleOf(participant: string): RoomRole | undefined {
    return this.session.tracks.find((one) => one.participant === participant)?.role ?? this.#ownRole(participant);
  }

  #ownRole(participant: string): RoomRole | undefined {
    return participant === this.session.me ? this.session.role : undefined;
  }

  #talkChanged(): void {
    this.#connections.setMotion(this.talk.needsMotion);
    this.views.setMotion(this.talk.needsMotion);
    this.#changed();
  }

  #callIsOver(): void {
    this.talk.end();
    this.screen?.stop();
    this.screen = null;
    this.#connections.setScreen(null);
    this.#save({ type: "over" });
  }

  /** Shares this page's screen, after the browser has asked which. */
  async shareScreen(): Promise<void> {
    const call = callOf(this.session);
    if (this.screen || call === null) return;
    const track = await openScreen();
    if (!track) return;
    if (callOf(this.session) !== call) return track.stop();
    await this.share(track);
  }

  /** Shows a track beside the camera's: a screen, or what a second camera sees. It is stopped when the call ends. */
  async share(track: MediaStreamTrack): Promise<void> {
    if (this.screen || callOf(this.session) === null) return track.stop();
    this.screen = track;
    // The browser's own bar ends it too.
    track.onended = () => this.stopScreen();
    const isMore = this.#connections.setScreen(track);
    this.dispatch({ type: "switch", source: "screen", off: false });
    if (isMore) await this.#publish("more");
  }

  stopScreen(): void {
    const track = this.screen;
    if (!track) return;
    track.onended = null;
    track.stop();
    this.screen = null;
    this.#connections.setScreen(null);
    this.dispatch({ type: "switch", source: "screen", off: true });
  }

  /** Leaves pictures out, or not any more, because the person says so. */
  setSoundOnly(isSoundOnly: boolean): void {
    this.#save({ type: isSoundOnly ? "sound_only" : "pictures" });
  }

  /** The offer to show pictures again was declined. */
  declinePictures(): void {
    this.#save({ type: "declined" });
  }

  #save(event: SavingEvent): void {
    const [next, effect] = save(this.saving, event);
    if (next === this.saving) return;
    const hasChanged = next.mode !== this.saving.mode || next.isOffered !== this.saving.isOffered;
    this.saving = next;
    if (effect) {
      const wasOn = this.devices.state.camera === "on";
      this.views.setSoundOnly(effect === "leave_out");
      if (effect === "leave_out") {
        this.saving = { ...next, hadCamera: wasOn };
        if (wasOn) void this.switch("camera", false);
      } else if (next.hadCamera && callOf(this.session) !== null) void this.switch("camera", true);
    }
    if (hasChanged) this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #news(body: ServerBody): void {
    if (body.type === "admitted" && !this.#admitted(body)) return;
    switch (body.type) {
      case "consultation":
      case "consultations":
      case "gone":
      case "admitted":
      case "offer":
      case "muted":
      case "participant_left":
      case "paused":
      case "speakers":
      case "connection_quality":
      case "media_lost":
        this.dispatch(body);
        break;
      case "keys":
        this.encryption.heard(body.from, body.message);
        break;
      case "layers":
        if (body.source === "camera") this.#connections.setLayers(body.rids);
        break;
    }
    if (body.type === "consultation") this.#obey(body.consultation);
    if (body.type === "offer") this.encryption.seen(body.tracks.map((track) => track.participant));
    if (body.type === "participant_left") this.encryption.left(body.participant);
    this.#onNews?.(body);
  }

  /** Staff switched this page's microphone off, once more than it knows: so does the page. The person may switch it on again. */
  #obey(news: Consultation): void {
    const mutes = ownPerson(news, this.session.staff)?.mutes ?? 0;
    const key = `madoguchi.mutes.${news.id}`;
    if (mutes <= Number(kept(key) ?? 0)) return;
    keep(key, String(mutes));
    this.isSilenced = true;
    void this.switch("microphone", false);
  }

  /** Makes the connections as the call is to be held. False: this browser can't hold it so. */
  #admitted({ encryption, ice_servers }: Extract<ServerBody, { type: "admitted" }>): boolean {
    this.#isEncrypted = encryption === "require";
    if (this.#isEncrypted && !this.encryption.frames) {
      const problem = { type: "urn:madoguchi:problem:cant-encrypt", title: "", status: 409 };
      this.dispatch({ type: "refused", problem });
      return false;
    }
    this.#connections.useFrames(this.#isEncrypted ? this.encryption.frames : null);
    this.#connections.useServers(ice_servers ?? []);
    return true;
  }

  #carryOut(effect: Effect): void {
    switch (effect.do) {
      case "ready":
        void this.#ready();
        break;
      case "join":
        void this.#join(effect.token, effect.hasConnections);
        break;
      case "publish":
        void this.#publish("first");
        break;
      case "restart":
        void this.#publish("restart");
        void this.request({ type: "restart" });
        break;
      case "answer":
        void this.#answer(effect);
        break;
      case "mute":
        void this.request({ type: "mute", source: effect.source, muted: effect.muted });
        break;
      case "end":
        void this.#end(effect.consultation, effect.isLeaving);
        break;
      case "drop_connections":
        this.#connections.drop();
        break;
      case "open_devices":
        void this.openDevices("opening");
        break;
      case "stop_devices":
        remember([]);
        this.#missing.clear();
        this.#connections.close();
        this.devices.stop();
        break;
      case "resync":
        if (effect.afterMs === 0) this.#link.resync();
        else setTimeout(() => this.#link.resync(), jittered(effect.afterMs, Math.random()));
        break;
      case "alarm":
        setTimeout(() => this.dispatch({ type: "alarm", round: effect.round }), effect.afterMs);
        break;
      case "check_link":
        this.#link.check();
        break;
      case "close_link":
        this.#link.close();
        break;
      case "chime":
        chime();
        break;
    }
  }

  /** Notices when nothing comes any more, once for each silence. */
  #listen(): void {
    this.#watchQuality();
    if (this.session.media !== "live") return;
    const packetAt = this.#connections.newestPacketAt();
    const now = performance.now();
    if (packetAt !== this.#heard.packetAt) this.#heard = { packetAt, since: now, isTold: packetAt === 0 };
    if (this.#heard.isTold || now - this.#heard.since < SILENCE_MS) return;
    this.#heard.isTold = true;
    this.dispatch({ type: "silence" });
  }

  /** A network that is too poor for pictures for a while carries a voice all the same. */
  #watchQuality(): void {
    const { stage, media, me, qualities, link } = this.session;
    if (stage !== "call" || media !== "live" || link !== "open" || me === null) return;
    const quality = qualities[me];
    if (quality !== undefined) this.#save({ type: "quality", quality, now: performance.now() });
  }

  async #ready(): Promise<void> {
    const answer = await this.request({ type: "ready", can_encrypt: canEncrypt() });
    if (answer.type === "error") setTimeout(() => this.dispatch({ type: "ready_failed" }), LATER_MS);
  }

  async #join(token: string, hasConnections: boolean): Promise<void> {
    const answer = await this.request({ type: "join", token, has_connections: hasConnections });
    if (answer.type === "error") return this.dispatch({ type: "join_failed", problem: answer.problem });
    if (answer.type !== "joined") return;
    performance.mark("joined");
    this.dispatch(answer);
    const { room, stage } = this.session;
    if (this.#isEncrypted && room && stage === "call") this.encryption.enter(room, answer.participant);
    if (answer.fresh) this.views.repeat();
  }

  async #publish(how: "first" | "restart" | "more"): Promise<void> {
    await this.#negotiate(async (isCurrent) => {
      await this.#connections.publish(how, async (offer) => {
        const answer = await this.request({ type: "publish", ...offer });
        if (answer.type !== "published") throw new Error("the offer was refused");
        return answer.sdp;
      });
      if (how === "restart" || !isCurrent()) return;
      for (const source of this.session.off) void this.request({ type: "mute", source, muted: true });
    });
  }

  async #answer({ revision, sdp, tracks }: Extract<Effect, { do: "answer" }>): Promise<void> {
    await this.#negotiate(async () => {
      const answer = await this.#connections.answer(sdp, tracks);
      if (answer !== null) await this.request({ type: "answer", revision, sdp: answer });
    });
  }

  /** A failure counts only while the connections that it happened to are still the present ones. */
  async #negotiate(work: (isCurrent: () => boolean) => Promise<void>): Promise<void> {
    const { generation } = this.#connections;
    const isCurrent = () => this.#connections.generation === generation;
    try {
      await work(isCurrent);
    } catch {
      if (isCurrent()) this.dispatch({ type: "negotiation_failed" });
    }
  }

  async #end(consultation: string, isLeaving: boolean): Promise<void> {
    const answer = await (isLeaving ? this.act(consultation, { do: "leave" }) : this.request({ type: "end", consultation }));
    const isTold = answer.type === "ok" || (answer.type === "error" && isFinal(answer.problem.status));
    if (isTold) return this.dispatch({ type: "end_told" });
    // A lost link tells it again when it is back; an open one asks once more.
    if (this.#link.isOpen) setTimeout(() => void this.#end(consultation, isLeaving), LATER_MS);
  }
}

/** Calls back when the device has a network again, or goes by another kind of one, as far as the browser tells. */
function watchNetwork(onChange: () => void): void {
  window.addEventListener("online", onChange);
  const connection = (navigator as { connection?: EventTarget & { type?: string } }).connection;
  let before = connection?.type;
  connection?.addEventListener("change", () => {
    // Estimates of speed change all the time.
    if (connection.type === before) return;
    before = connection.type;
    if (before !== "none") onChange();
  });
}

/** Which call the page is in. */
function callOf(session: Session): string | null {
  return session.stage === "call" ? session.room : null;
}

/** A wait, give or take 30 %. `random` is from 0 to 1. */
export function jittered(waitMs: number, random: number): number {
  return waitMs * (1 - JITTER + 2 * JITTER * random);
}

/** The server has understood and won't change its mind: 4xx but for "too many". */
function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 429;
}

function closedEvent(closed: Closed): Event {
  if (closed.why === "refused") return { type: "refused", problem: closed.problem };
  return closed.why === "elsewhere" ? { type: "elsewhere" } : { type: "login_over" };
}

/** What was switched off stays off over a reload of this window. */
function remembered(): MediaSource[] {
  try {
    const known = JSON.parse(kept(OFF_KEY) ?? "[]") as MediaSource[];
    return known.filter((one) => one === "camera" || one === "microphone");
  } catch {
    return [];
  }
}

function remember(off: MediaSource[]): void {
  keep(OFF_KEY, JSON.stringify(off));
}

function kept(key: string): string | null {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(key: string, value: string): void {
  try {
    sessionStorage.setItem(key, value);
  } catch {
    // Storage is forbidden: it is a comfort only.
  }
}
