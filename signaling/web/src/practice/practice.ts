// One practice call: what this page sends, by one connection, comes back to it by another, through the office's real media
// server. Invariant: it ends by itself, and with it both connections are closed.
import { Echo } from "./echo.ts";
import type { Problem } from "../shared/protocol.ts";
import { problemKind } from "../shared/protocol.ts";

/** A call that isn't connected by then won't be. */
const CONNECTED_IN_MS = 20_000;
const LOOK_EVERY_MS = 250;
/** How long after the connection a voice that isn't heard is worth a word. */
const VOICE_EXPECTED_MS = 12_000;
/** Of the sound that comes back, from 0 to 1: a voice, not a room's noise. */
const VOICE_LEVEL = 0.01;
const FRAMES_ENOUGH = 10;

export type End = "failed" | "busy" | "over";

export interface Progress {
  isConnected: boolean;
  /** none: there is no camera, or no microphone. */
  picture: "waiting" | "back" | "none";
  sound: "waiting" | "back" | "none";
  /** The voice is late. */
  isVoiceMissing: boolean;
  end: End | null;
}

/** Whether all that there is has come back. */
export function isGood({ isConnected, picture, sound }: Progress): boolean {
  return isConnected && picture !== "waiting" && sound === "back";
}

export interface Tracks {
  camera: MediaStreamTrack | null;
  microphone: MediaStreamTrack | null;
}

export class Practice {
  progress: Progress;
  /** What comes back. */
  readonly picture = new MediaStream();
  readonly sound = new MediaStream();
  readonly #up: RTCPeerConnection;
  readonly #down: RTCPeerConnection;
  readonly #onChange: () => void;
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  #looking: ReturnType<typeof setInterval> | undefined;
  #connectedAt = 0;
  #echo: Echo | null = null;

  constructor({ camera, microphone }: Tracks, iceServers: RTCIceServer[], lastsMs: number, onChange: () => void) {
    this.#onChange = onChange;
    this.progress = {
      isConnected: false,
      picture: camera ? "waiting" : "none",
      sound: microphone ? "waiting" : "none",
      isVoiceMissing: false,
      end: null,
    };
    const configuration: RTCConfiguration = { bundlePolicy: "max-bundle", iceServers };
    this.#up = new RTCPeerConnection(configuration);
    this.#down = new RTCPeerConnection(configuration);
    for (const track of [microphone, camera]) if (track) this.#up.addTransceiver(track, { direction: "sendonly" });
    for (const [kind, stream, isSent] of [["audio", this.sound, microphone], ["video", this.picture, camera]] as const) {
      if (isSent) stream.addTrack(this.#down.addTransceiver(kind, { direction: "recvonly" }).receiver.track);
    }
    for (const one of [this.#up, this.#down]) one.onconnectionstatechange = () => this.#connectionChanged();
    this.#timers.push(setTimeout(() => !this.progress.isConnected && this.#end("failed"), CONNECTED_IN_MS));
    this.#timers.push(setTimeout(() => this.#end("over"), lastsMs));
    void this.#begin();
  }

  async #begin(): Promise<void> {
    try {
      const { sdp, token } = await this.#ask(this.#up, "send", {});
      await this.#up.setRemoteDescription({ type: "answer", sdp });
      const answer = await this.#ask(this.#down, "receive", { token });
      await this.#down.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    } catch (error) {
      this.#end(error instanceof Busy ? "busy" : "failed");
    }
  }

  async #ask(connection: RTCPeerConnection, what: "send" | "receive", more: object): Promise<{ sdp: string; token: string }> {
    await connection.setLocalDescription();
    const sdp = connection.localDescription?.sdp ?? "";
    const response = await fetch(`/api/practice/${what}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ sdp, ...more }),
    });
    const body = (await response.json()) as { sdp: string; token: string } & Problem;
    if (response.ok) return body;
    throw problemKind(body) === "too-many" ? new Busy() : new Error(body.title);
  }

  #connectionChanged(): void {
    const states = [this.#up.connectionState, this.#down.connectionState];
    if (states.includes("failed")) return this.#end(this.progress.isConnected ? "over" : "failed");
    if (this.progress.isConnected || !states.every((one) => one === "connected")) return;
    this.#connectedAt = performance.now();
    // What is asked of a sound before it is there waits for ever in some browsers.
    if (this.sound.getTracks().length > 0) this.#echo = new Echo(this.sound);
    this.#set({ isConnected: true });
    this.#looking = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  /** What has come back so far: frames by the browser's own figures, sound by listening, or by them where it can't. */
  async #look(): Promise<void> {
    let { picture, sound } = this.progress;
    let reported = 0;
    for (const report of (await this.#down.getStats()).values()) {
      if (report.type !== "inbound-rtp") continue;
      if (report.kind === "video" && picture === "waiting" && report.framesDecoded >= FRAMES_ENOUGH) picture = "back";
      if (report.kind === "audio") reported = report.audioLevel ?? 0;
    }
    if (sound === "waiting" && (this.#echo?.level() ?? reported) >= VOICE_LEVEL) sound = "back";
    const isVoiceMissing = sound === "waiting" && performance.now() - this.#connectedAt > VOICE_EXPECTED_MS;
    const { progress } = this;
    if (picture !== progress.picture || sound !== progress.sound || isVoiceMissing !== progress.isVoiceMissing) {
      this.#set({ picture, sound, isVoiceMissing });
    }
  }

  /** The person has had enough. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    clearInterval(this.#looking);
    this.#echo?.close();
    this.#echo = null;
    for (const one of [this.#up, this.#down]) {
      one.onconnectionstatechange = null;
      one.close();
    }
  }

  #end(end: End): void {
    if (this.progress.end !== null) return;
    this.close();
    this.#set({ end });
  }

  #set(change: Partial<Progress>): void {
    this.progress = { ...this.progress, ...change };
    this.#onChange();
  }
}

class Busy extends Error {}
