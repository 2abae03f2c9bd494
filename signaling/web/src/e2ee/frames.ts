// The page's side of the worker that seals and opens frames (worker.ts). Invariant: a sender or receiver that was given
// here passes no frame on but through the worker.
import type { Bytes } from "./bytes.ts";
import type { Counts } from "./ring.ts";

export interface TransformOptions {
  side: "send" | "receive";
  kind: "audio" | "video";
  /** Of what is received: whose it must be. */
  sender?: string;
}

export type ToWorker =
  | { do: "send"; base: CryptoKey; kid: number }
  | { do: "receive"; sender: string; base: CryptoKey; kid: number }
  | { do: "silence" }
  | { do: "forget"; sender: string }
  | { do: "seal"; bytes: Bytes }
  | { do: "open"; bytes: Bytes; sender: string }
  | { do: "counts" };

export interface FromWorker {
  id: number;
  result: unknown;
}

/** Counts, and for how long the worker was at it. */
export type FrameCounts = Counts & { busyMs: number };

type ScriptTransform = new (worker: Worker, options: TransformOptions) => unknown;
type Transformable = { transform: unknown };

function scriptTransform(): ScriptTransform | undefined {
  return (globalThis as { RTCRtpScriptTransform?: ScriptTransform }).RTCRtpScriptTransform;
}

/** Whether this browser can encrypt a call: WebRTC Encoded Transform and WebCrypto. */
export function canEncrypt(): boolean {
  return scriptTransform() !== undefined && typeof Worker === "function" && crypto.subtle !== undefined;
}

export class Frames {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  readonly #senders = new WeakMap<RTCRtpReceiver, string>();
  #nextId = 1;

  /** `address`: of the worker's script. `onBroken`: it is of no use any more, nor is what was given to it. */
  constructor(address: string, onBroken: () => void) {
    this.#worker = new Worker(address, { type: "module", name: "frames" });
    // Its script couldn't be loaded, or it failed as a whole: no frame passes it any more.
    this.#worker.onerror = () => {
      this.#worker.terminate();
      onBroken();
    };
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      this.#waiting.get(data.id)?.(data.result);
      this.#waiting.delete(data.id);
    };
  }

  /** All that this sends is sealed from now on. */
  seal(sender: RTCRtpSender, kind: "audio" | "video"): void {
    this.#through(sender, { side: "send", kind });
  }

  /** All that comes here must be from `participant`. */
  open(receiver: RTCRtpReceiver, kind: "audio" | "video", participant: string): void {
    if (this.#senders.get(receiver) === participant) return;
    this.#senders.set(receiver, participant);
    this.#through(receiver, { side: "receive", kind, sender: participant });
  }

  tell(message: ToWorker): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((answer) => {
      this.#waiting.set(id, answer);
      this.#worker.postMessage({ ...message, id });
    });
  }

  async counts(): Promise<FrameCounts> {
    return (await this.tell({ do: "counts" })) as FrameCounts;
  }

  /** Seals data for the others in the call: see `KeyRing.seal`. */
  async sealData(bytes: Bytes): Promise<Bytes | null> {
    return (await this.tell({ do: "seal", bytes })) as Bytes | null;
  }

  /** Opens data of another participant (`KeyRing.open`). later: its key may still come (`KeyRing.standing`). */
  async openData(bytes: Bytes, sender: string): Promise<Bytes | "later" | "never"> {
    return ((await this.tell({ do: "open", bytes, sender })) as Bytes | "later" | "never" | null) ?? "never";
  }

  #through(way: RTCRtpSender | RTCRtpReceiver, options: TransformOptions): void {
    const Transform = scriptTransform();
    if (!Transform) throw new Error("this browser can't encrypt");
    (way as unknown as Transformable).transform = new Transform(this.#worker, options);
  }
}
