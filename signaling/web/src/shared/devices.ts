// The person's own camera and microphone. Invariant: what is switched off is really stopped (the camera's
// light goes out), and tracks that are replaced are stopped before they are forgotten.
import { type DeviceProblem, problemOf } from "./environment.ts";

export type Part = "none" | "off" | "on";
export type PartName = "camera" | "microphone";

export interface DeviceState {
  camera: Part;
  microphone: Part;
  /** Why there is neither; or what was lost in the middle. */
  problem: DeviceProblem | null;
  /** How many cameras there are to choose from, as far as that is known. */
  cameras: number;
  /** Which way the camera looks: at the person, or away. */
  facing: Facing;
}

export type Facing = "user" | "environment";

/** Tall enough for a large window and for papers held up; the network and small windows get smaller layers of it. */
const CAMERA = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30, max: 30 },
};
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export interface DeviceHandlers {
  /** A part's track is another one now; `null`: none. */
  onTrack(part: PartName, track: MediaStreamTrack | null): void;
  onChange(): void;
}

export class Devices {
  state: DeviceState = { camera: "none", microphone: "none", problem: null, cameras: 0, facing: "user" };
  #tracks: Record<PartName, MediaStreamTrack | null> = { camera: null, microphone: null };
  #ids: Partial<Record<PartName, string>> = {};
  /** What is sent in the camera's place; each time as a clone, so that it outlives what is stopped. */
  #picture: MediaStreamTrack | null = null;
  readonly #handlers: DeviceHandlers;
  /** Grows with every start and stop: what was asked for before is stopped when it comes. */
  #generation = 0;

  constructor(handlers: DeviceHandlers) {
    this.#handlers = handlers;
  }

  track(part: PartName): MediaStreamTrack | null {
    return this.#tracks[part];
  }

  /** Whether both have been allowed before, so that opening them asks nothing. */
  static async isAllowed(): Promise<boolean> {
    try {
      const names = ["camera", "microphone"] as unknown as PermissionName[];
      const states = await Promise.all(names.map((name) => navigator.permissions.query({ name })));
      return states.every(({ state }) => state === "granted");
    } catch {
      return false; // A browser that can't tell: explain first, then ask.
    }
  }

  /** Opens what there is, the camera only when it is wanted. True: at least one of them is there. */
  async open(wanted: { camera: boolean; microphone: boolean }): Promise<boolean> {
    const generation = ++this.#generation;
    const wantsCamera = wanted.camera && !this.#picture;
    let [got, problem]: [MediaStreamTrack[], DeviceProblem | null] = await this.#firstThatWorks(wantsCamera);
    if (got.length < (wantsCamera ? 2 : 1) && Object.keys(this.#ids).length > 0 && generation === this.#generation) {
      // What was chosen may have been unplugged.
      this.#ids = {};
      for (const track of got) track.stop();
      [got, problem] = await this.#firstThatWorks(wantsCamera);
    }
    if (wanted.camera && this.#picture) got.push(this.#picture.clone());
    if (generation !== this.#generation) {
      for (const track of got) track.stop();
      return false;
    }
    this.#replace("camera", got.find((track) => track.kind === "video") ?? null);
    this.#replace("microphone", got.find((track) => track.kind === "audio") ?? null);
    const { camera, microphone } = this.#tracks;
    if (microphone) microphone.enabled = wanted.microphone;
    this.#set({
      camera: camera ? "on" : wanted.camera ? "none" : "off",
      microphone: microphone ? (wanted.microphone ? "on" : "off") : "none",
      problem: got.length > 0 ? null : problem,
    });
    void this.#countCameras();
    return got.length > 0;
  }

  async #countCameras(): Promise<void> {
    const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    this.#set({ cameras: all.filter(({ kind }) => kind === "videoinput").length });
  }

  /** Uses the camera on the other side of a phone, or the next one of a computer. */
  async turn(): Promise<void> {
    const before = this.#tracks.camera?.getSettings().deviceId;
    delete this.#ids.camera;
    this.#set({ facing: this.state.facing === "user" ? "environment" : "user" });
    await this.#reopen("camera");
    if (before === undefined || this.#tracks.camera?.getSettings().deviceId !== before) return;
    // None says which way it looks.
    const cameras = (await this.list()).filter(({ kind }) => kind === "videoinput");
    const next = cameras[(cameras.findIndex(({ deviceId }) => deviceId === before) + 1) % cameras.length];
    if (next && next.deviceId !== before) await this.choose("camera", next.deviceId);
  }

  /** People know themselves from mirrors; a paper is to be read. */
  get isMirrored(): boolean {
    return this.state.facing === "user" && this.#tracks.camera?.getSettings().facingMode !== "environment";
  }

  /** Both, else the microphone, else the camera: a missing part must not take the other with it. */
  async #firstThatWorks(wantsCamera: boolean): Promise<[MediaStreamTrack[], DeviceProblem | null]> {
    const video = { ...CAMERA, ...this.#chosen("camera") };
    const audio = { ...MICROPHONE, ...this.#chosen("microphone") };
    const tries = wantsCamera ? [{ video, audio }, { audio }, { video }] : [{ audio }];
    let problem: DeviceProblem | null = null;
    for (const constraints of tries) {
      try {
        return [(await navigator.mediaDevices.getUserMedia(constraints)).getTracks(), null];
      } catch (error) {
        problem = moreTelling(problem, problemOf(error));
        // Asking once more after a "no" would only annoy.
        if (problem === "denied") break;
      }
    }
    return [[], problem];
  }

  #chosen(part: PartName): MediaTrackConstraints {
    const id = this.#ids[part];
    // Exactly that one: browsers weigh a wish against sizes, and may take another.
    if (id) return { deviceId: { exact: id } };
    return part === "camera" ? { facingMode: this.state.facing } : {};
  }

  /** Switches a part on or off. The camera is stopped, the microphone silenced (it must come back at once). */
  async switch(part: PartName, isOn: boolean): Promise<void> {
    if (part === "microphone") {
      const track = this.#tracks.microphone;
      if (!track) return;
      track.enabled = isOn;
      this.#set({ microphone: isOn ? "on" : "off" });
      return;
    }
    if (!isOn) {
      this.#replace("camera", null);
      this.#set({ camera: "off" });
      return;
    }
    await this.#reopen("camera");
  }

  /** Whether a picture is sent in the camera's place. */
  get hasPicture(): boolean {
    return this.#picture !== null;
  }

  /** Sends a picture of the page's own from now on, and the camera really stops; `null`: the camera again. */
  async usePicture(picture: MediaStreamTrack | null): Promise<void> {
    this.#picture?.stop();
    this.#picture = picture;
    if (this.state.camera === "on") await this.#reopen("camera");
    else this.#handlers.onChange();
  }

  /** Whether the camera's background is blurred; `null`: this browser, or this camera, can't. */
  get isBlurred(): boolean | null {
    const track = this.#picture ? null : this.#tracks.camera;
    const capabilities = track?.getCapabilities?.() as { backgroundBlur?: boolean[] } | undefined;
    if (!track || !capabilities?.backgroundBlur?.includes(true)) return null;
    return (track.getSettings() as { backgroundBlur?: boolean }).backgroundBlur === true;
  }

  /** Has the browser blur what is behind the person, or not. */
  async blur(isBlurred: boolean): Promise<void> {
    // Refused by the system's own settings: the button goes on saying what is.
    await this.#tracks.camera?.applyConstraints({ ...CAMERA, backgroundBlur: isBlurred } as MediaTrackConstraints).catch(() => undefined);
    this.#handlers.onChange();
  }

  /** Uses another camera or microphone from now on. */
  async choose(part: PartName, id: string): Promise<void> {
    this.#ids[part] = id;
    await this.#reopen(part);
  }

  async #reopen(part: PartName): Promise<void> {
    const generation = this.#generation;
    // Some phones have only one open at a time.
    this.#replace(part, null);
    if (part === "camera" && this.#picture) {
      this.#replace("camera", this.#picture.clone());
      return this.#set({ camera: "on", problem: null });
    }
    try {
      const wanted =
        part === "camera"
          ? { video: { ...CAMERA, ...this.#chosen(part) } }
          : { audio: { ...MICROPHONE, ...this.#chosen(part) } };
      const [track] = (await navigator.mediaDevices.getUserMedia(wanted)).getTracks();
      if (generation !== this.#generation) return track?.stop();
      this.#replace(part, track ?? null);
      this.#set({ [part]: track ? "on" : "none", problem: null });
    } catch (error) {
      const isGone = problemOf(error) === "missing" && this.#ids[part] !== undefined;
      if (!isGone || generation !== this.#generation) return this.#set({ [part]: "none", problem: problemOf(error) });
      // What was chosen was unplugged: another one does.
      delete this.#ids[part];
      await this.#reopen(part);
    }
  }

  /** The cameras and microphones to choose from. Names are told only after permission. */
  async list(): Promise<MediaDeviceInfo[]> {
    return (await navigator.mediaDevices.enumerateDevices()).filter(
      ({ kind, deviceId }) => kind !== "audiooutput" && deviceId !== "",
    );
  }

  stop(): void {
    this.#generation += 1;
    this.#replace("camera", null);
    this.#replace("microphone", null);
    this.#set({ camera: "none", microphone: "none", problem: null, facing: "user" });
  }

  #replace(part: PartName, track: MediaStreamTrack | null): void {
    const old = this.#tracks[part];
    if (old) {
      old.onended = null;
      old.stop();
    }
    this.#tracks[part] = track;
    if (track) track.onended = () => this.#lost(part, track);
    if (old || track) this.#handlers.onTrack(part, track);
  }

  /** Unplugged, or taken by another app. */
  #lost(part: PartName, track: MediaStreamTrack): void {
    if (this.#tracks[part] !== track) return;
    this.#replace(part, null);
    this.#set({ [part]: "none", problem: "busy" });
  }

  #set(change: Partial<DeviceState>): void {
    this.state = { ...this.state, ...change };
    this.#handlers.onChange();
  }
}

/** "In use" and "not allowed" tell a person more than "not found", which the last try may say. */
function moreTelling(before: DeviceProblem | null, now: DeviceProblem): DeviceProblem {
  const order: DeviceProblem[] = ["denied", "busy", "missing"];
  const rank = (one: DeviceProblem) => (order.includes(one) ? order.indexOf(one) : order.length);
  return before && rank(before) <= rank(now) ? before : now;
}
