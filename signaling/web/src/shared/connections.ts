// The two peer connections of a participant: *up* (this page offers what it sends) and *down* (the server
// offers what it forwards). Invariant: what belongs to dropped connections is never reported any more.
import type { Frames } from "../e2ee/frames.ts";
import type { PartName } from "./devices.ts";
import type { Data } from "./data.ts";
import { activate, cameraEncodings, onlyEncoding } from "./encodings.ts";
import { look, NO_PLAYOUT, type Playout, received } from "./playout.ts";
import { SCREEN_ENCODING } from "../talk/screen.ts";
import type { IceServer, MediaSource, PublishTrack, RoomRole, SubscribedTrack } from "./protocol.ts";
import type { PeerState } from "./session.ts";

const AUDIO_BPS = 40_000;

/** Somebody else in the room. It and its streams stay the same objects while they are there. */
export interface Remote {
  participant: string;
  role: RoomRole;
  picture: MediaStream;
  /** The server's name for what `picture` shows; none: nothing. */
  pictureTrack: string | null;
  sound: MediaStream;
  /** Their screen, while they share it or have shared it. */
  screen: MediaStream;
  screenTrack: string | null;
}

export interface ConnectionHandlers {
  onPeer(which: "up" | "down", state: PeerState): void;
  onRemotes(remotes: Remote[]): void;
}

interface Up {
  connection: RTCPeerConnection;
  senders: Record<PartName, RTCRtpTransceiver>;
  /** None: the screen wasn't shared by this connection. */
  screen: RTCRtpTransceiver | null;
  offer: Promise<RTCSessionDescriptionInit>;
  /** False: made ahead of time, and not told to anybody yet. */
  isOffered: boolean;
}

export class Connections {
  /** Grows whenever connections are dropped: what fails afterwards failed for another reason. */
  generation = 0;
  #up: Up | null = null;
  #down: RTCPeerConnection | null = null;
  #remotes: Remote[] = [];
  #servers: IceServer[] = [];
  /** How long what comes is held, and what had come when that was looked at last. */
  #playout: Playout = NO_PLAYOUT;
  #received = { packets: 0, missing: 0 };
  /** What all frames go through, in a call that is encrypted from end to end. */
  #frames: Frames | null = null;
  #tracks: Record<PartName, MediaStreamTrack | null> = { camera: null, microphone: null };
  #screen: MediaStreamTrack | null = null;
  #needsMotion = false;
  /** Offers are answered one after the other, our own are made one after the other, and so are changes of encodings. */
  #answering: Promise<unknown> = Promise.resolve();
  #offering: Promise<unknown> = Promise.resolve();
  #tuning: Promise<unknown> = Promise.resolve();
  readonly #handlers: ConnectionHandlers;
  readonly #data: Data;

  constructor(handlers: ConnectionHandlers, data: Data) {
    this.#handlers = handlers;
    this.#data = data;
  }

  /** Servers for what looks for paths from now on: new connections, one that was made ahead of time, and restarts. */
  useServers(servers: IceServer[]): void {
    this.#servers = servers;
    for (const connection of [this.#up?.connection, this.#down]) {
      connection?.setConfiguration({ ...connection.getConfiguration(), iceServers: servers });
    }
  }

  /** What connections carry that begin from now on goes through `frames`; `null`: as it is. */
  useFrames(frames: Frames | null): void {
    if (this.#frames === frames) return;
    this.#frames = frames;
    // What was made ahead of time carries it the other way, and can't be changed any more: see `#seal`.
    if (this.#up && !this.#up.isOffered) {
      shut(this.#up.connection);
      this.#up = null;
    }
  }

  /** Makes the up connection and its offer ahead of time: certificates and codecs take a while on phones. */
  prepare(): Up {
    if (this.#up) return this.#up;
    const connection = this.#connect("up");
    // Both are there from the start, so that a camera switched on later needs no new offer.
    const senders = {
      microphone: connection.addTransceiver(this.#tracks.microphone ?? "audio", {
        direction: "sendonly",
        sendEncodings: [{ maxBitrate: AUDIO_BPS }],
      }),
      camera: addCamera(connection, this.#tracks.camera),
    };
    this.#data.openOn(connection);
    this.#seal(senders);
    const screen = this.#screen && this.#addScreen(connection, this.#screen);
    this.#up = { connection, senders, screen, offer: connection.createOffer(), isOffered: false };
    if (this.#needsMotion) this.#preferMotion();
    return this.#up;
  }

  #addScreen(connection: RTCPeerConnection, track: MediaStreamTrack): RTCRtpTransceiver {
    const transceiver = connection.addTransceiver(track, { direction: "sendonly", sendEncodings: [SCREEN_ENCODING] });
    // In the same task: see `#seal`.
    this.#frames?.seal(transceiver.sender, "video");
    return transceiver;
  }

  /** Shares a screen from now on; `null`: none any more. True: the up connection has to be offered again. */
  setScreen(track: MediaStreamTrack | null): boolean {
    this.#screen = track;
    const up = this.#up;
    if (!up) return false;
    if (up.screen) {
      // Refused only when the connection is closed already.
      void up.screen.sender.replaceTrack(track).catch(() => undefined);
      return false;
    }
    if (!track) return false;
    up.screen = this.#addScreen(up.connection, track);
    if (up.isOffered) return true;
    up.offer = up.connection.createOffer();
    return false;
  }

  /** The camera's movements matter more than its sharpness from now on (a signer's hands), or don't. */
  setMotion(needsMotion: boolean): void {
    if (this.#needsMotion === needsMotion) return;
    this.#needsMotion = needsMotion;
    this.#preferMotion();
  }

  #preferMotion(): void {
    const sender = this.#up?.senders.camera.sender;
    if (!sender) return;
    const needsMotion = this.#needsMotion;
    if (sender.track) sender.track.contentHint = needsMotion ? "motion" : "";
    this.#tuning = this.#tuning.then(async () => {
      const parameters: RTCRtpSendParameters & { degradationPreference?: string } = sender.getParameters();
      // A browser that doesn't know it leaves it out, and one that refuses it goes by the hint.
      parameters.degradationPreference = needsMotion ? "maintain-framerate" : "balanced";
      await sender.setParameters(parameters).catch(() => undefined);
    });
  }

  /**
   * Offers the up connection by `ask`, which gives the server's answer; with new ICE credentials when it is a restart; with a
   * section more where something was added (`more`). The
   * offer is complete at once: the server is ICE-lite and needs no candidates of ours. Nothing happens when the
   * connections were dropped before its turn, or while it was asked.
   */
  publish(
    how: "first" | "restart" | "more",
    ask: (offer: { sdp: string; tracks: PublishTrack[] }) => Promise<string>,
  ): Promise<void> {
    const up = how === "first" ? this.prepare() : this.#up;
    if (!up || (how !== "first" && !up.isOffered)) return Promise.resolve();
    up.isOffered = true;
    const published = this.#offering.then(async () => {
      if (this.#up !== up) return;
      const { connection } = up;
      const offer = how === "first" ? up.offer : connection.createOffer({ iceRestart: how === "restart" });
      await connection.setLocalDescription(await offer);
      const sdp = await ask({ sdp: connection.localDescription?.sdp ?? "", tracks: tracksOf(up) });
      if (this.#up === up) await connection.setRemoteDescription({ type: "answer", sdp });
    });
    this.#offering = published.catch(() => undefined);
    return published;
  }

  /** Sends exactly these layers of the camera from now on. */
  setLayers(rids: string[]): void {
    const sender = this.#up?.senders.camera.sender;
    if (!sender) return;
    this.#tuning = this.#tuning.then(async () => {
      const parameters = sender.getParameters();
      // Refused only when the connection is closed already.
      if (activate(parameters.encodings, rids)) await sender.setParameters(parameters).catch(() => undefined);
    });
  }

  /** Answers a down offer; `null` when the connections were dropped meanwhile. */
  answer(sdp: string, tracks: SubscribedTrack[]): Promise<string | null> {
    const down = this.#down ?? this.#connectDown();
    this.#down = down;
    const answered = this.#answering.then(async () => {
      if (this.#down !== down) return null;
      await down.setRemoteDescription({ type: "offer", sdp });
      this.#openAll(down, tracks);
      await down.setLocalDescription(await down.createAnswer());
      if (this.#down !== down) return null;
      this.#regroup(down, tracks);
      return down.localDescription?.sdp ?? null;
    });
    this.#answering = answered.catch(() => undefined);
    return answered;
  }

  /** Sends another track in a part's place, without a new offer. */
  setTrack(part: PartName, track: MediaStreamTrack | null): void {
    this.#tracks[part] = track;
    if (part === "camera" && track && this.#needsMotion) track.contentHint = "motion";
    // Refused only when the connection is closed already.
    void this.#up?.senders[part].sender.replaceTrack(track).catch(() => undefined);
  }

  /** When the newest packet came from anybody, by the browser's own clock; 0: none lately. */
  newestPacketAt(): number {
    const sources = this.#down?.getReceivers().flatMap((one) => one.getSynchronizationSources()) ?? [];
    return Math.max(0, ...sources.map((one) => one.timestamp));
  }

  /** Waits a little longer for what comes, where much of it gets lost and is repaired. To be called about once a second. */
  async tunePlayout(): Promise<void> {
    const down = this.#down;
    const report = await down?.getStats();
    if (!down || !report || this.#down !== down) return;
    const sum = received(report);
    const [packets, missing] = [sum.packets - this.#received.packets, sum.missing - this.#received.missing];
    this.#received = sum;
    this.#playout = look(this.#playout, { now: performance.now(), packets, missing, roundTripMs: sum.roundTripMs });
    // Pictures and sounds alike, so that lips and voice stay together. Where the browser has no such wish it is only noted.
    for (const receiver of down.getReceivers()) {
      if (receiver.jitterBufferTarget !== this.#playout.targetMs) receiver.jitterBufferTarget = this.#playout.targetMs;
    }
  }

  /** Drops what was in use. What was made ahead of time stays for the next call. */
  drop(): void {
    this.generation += 1;
    if (this.#up?.isOffered) {
      shut(this.#up.connection);
      this.#up = null;
    }
    if (this.#down) shut(this.#down);
    this.#down = null;
    this.#playout = NO_PLAYOUT;
    this.#received = { packets: 0, missing: 0 };
    this.#remotes = [];
    this.#handlers.onRemotes([]);
  }

  /** Drops everything. */
  close(): void {
    if (this.#up) this.#up.isOffered = true;
    this.drop();
  }

  #connectDown(): RTCPeerConnection {
    const down = this.#connect("down");
    down.ondatachannel = ({ channel }) => {
      this.#data.listenTo(channel, channel.ordered && channel.maxRetransmits === null);
    };
    return down;
  }

  /**
   * In the task in which the senders were made: Chromium passes by a transform that comes later, and what should be sealed
   * would go out in the clear.
   */
  #seal({ microphone, camera }: Up["senders"]): void {
    this.#frames?.seal(microphone.sender, "audio");
    this.#frames?.seal(camera.sender, "video");
  }

  /** Before anything comes: each receiver opens what its participant sends, and nobody else. */
  #openAll(down: RTCPeerConnection, tracks: SubscribedTrack[]): void {
    const byMid = new Map(down.getTransceivers().map((one) => [one.mid, one.receiver]));
    for (const { mid, participant, source } of tracks) {
      const receiver = byMid.get(mid);
      if (receiver) this.#frames?.open(receiver, source === "microphone" ? "audio" : "video", participant);
    }
  }

  #connect(which: "up" | "down"): RTCPeerConnection {
    const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: this.#servers });
    connection.onconnectionstatechange = () => {
      const state = connection.connectionState;
      if (state === "connected" || state === "disconnected" || state === "failed") this.#handlers.onPeer(which, state);
    };
    return connection;
  }

  /**
   * Puts the tracks of each participant into a stream for the picture and one for the sound: an element that has both
   * is silent until the first picture comes, and a person without a camera would never be heard. Lips and voice stay
   * together all the same: the browser keeps what came in one stream of the offer in step.
   */
  #regroup(down: RTCPeerConnection, tracks: SubscribedTrack[]): void {
    const byMid = new Map(down.getTransceivers().map((one) => [one.mid, one.receiver.track]));
    const participants = new Map(tracks.map(({ participant, role }) => [participant, role]));
    this.#remotes = [...participants].map(([participant, role]) => {
      const known = this.#remotes.find((one) => one.participant === participant);
      const remote = known ?? {
        participant,
        role,
        picture: new MediaStream(),
        pictureTrack: null,
        sound: new MediaStream(),
        screen: new MediaStream(),
        screenTrack: null,
      };
      const own = tracks.filter((one) => one.participant === participant);
      const of = (source: MediaSource) => own.filter((one) => one.source === source);
      const parts = [[remote.picture, "camera"], [remote.sound, "microphone"], [remote.screen, "screen"]] as const;
      for (const [stream, source] of parts) fill(stream, of(source).map(({ mid }) => byMid.get(mid)));
      remote.pictureTrack = of("camera")[0]?.track ?? null;
      remote.screenTrack = of("screen")[0]?.track ?? null;
      return remote;
    });
    this.#handlers.onRemotes(this.#remotes);
  }
}

/** The camera in several sizes at once; in one, where the browser doesn't take that. */
function addCamera(connection: RTCPeerConnection, track: MediaStreamTrack | null): RTCRtpTransceiver {
  const add = (sendEncodings: RTCRtpEncodingParameters[]) =>
    connection.addTransceiver(track ?? "video", { direction: "sendonly", sendEncodings });
  try {
    return add(cameraEncodings(navigator.hardwareConcurrency ?? 4));
  } catch {
    return add(onlyEncoding());
  }
}

function tracksOf({ senders, screen }: Up): PublishTrack[] {
  const tracks: PublishTrack[] = (["microphone", "camera"] as const).map((source) => ({ mid: senders[source].mid ?? "", source }));
  return screen?.mid ? [...tracks, { mid: screen.mid, source: "screen" }] : tracks;
}

/** Makes a stream hold these tracks and no others. */
function fill(stream: MediaStream, wanted: (MediaStreamTrack | undefined)[]): void {
  for (const track of stream.getTracks()) if (!wanted.includes(track)) stream.removeTrack(track);
  for (const track of wanted) if (track) stream.addTrack(track);
}

function shut(connection: RTCPeerConnection): void {
  connection.onconnectionstatechange = null;
  connection.ondatachannel = null;
  connection.close();
}
