// Talk messages over the call's data channels, sealed where the call is encrypted. Invariant: in an encrypted call nothing
// goes out in the clear and nothing that wasn't sealed by its sender comes in; what can't be opened or read is dropped and
// counted. Reliable messages of one sender come in their order.
import { DataError, type Message, type Receipt } from "../shared/data.ts";
import { readMessage, type TalkMessage, writeMessage } from "./wire.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** How often a key that isn't here yet is looked for, and for how long: an agreement on keys takes well under a second. */
const KEY_EVERY_MS = 100;
const KEY_PATIENCE_MS = 15_000;
/** Messages that wait for a key to be sealed with. Full: the newest fails at once. */
const MOST_SENDING = 64;
/** The same of what came and can't be opened yet, of each sender. Full: the newest is dropped and counted. */
const MOST_COMING = 64;

/** later: its key isn't here yet. never: it isn't theirs, came before, or its key is gone. */
export type Opened = Bytes | "later" | "never";

/** A call and its keys. */
export interface Sealing {
  /** Another call has another one: what was meant for one never goes to another. */
  call: string;
  isEncrypted: boolean;
  /** `null`: there is no key now. */
  seal(bytes: Bytes): Promise<Bytes | null>;
  open(bytes: Bytes, sender: string): Promise<Opened>;
}

/** As much of the call's data channels as is needed. */
export interface Carrier {
  send(body: Uint8Array, to?: string): Promise<Receipt>;
  sendLossy(body: Uint8Array, to?: string): boolean;
  ready(): Promise<void>;
  onMessage(listener: (message: Message) => void): () => void;
}

export interface Heard {
  from: string;
  isReliable: boolean;
  message: TalkMessage;
}

/** What was dropped, and why. */
export interface Dropped {
  /** No message of this kind or version, or beyond its limits. */
  unreadable: number;
  /** Never sealed by that sender, changed, repeated, or sealed with a key that never came. */
  unopened: number;
  /** Too many waited for a key. */
  tooMany: number;
}

export class Channel {
  readonly dropped: Dropped = { unreadable: 0, unopened: 0, tooMany: 0 };
  readonly #carrier: Carrier;
  readonly #keys: () => Sealing | null;
  readonly #pause: (ms: number) => Promise<void>;
  readonly #listeners = new Set<(heard: Heard) => void>();
  #sending: Promise<unknown> = Promise.resolve();
  #sendingCount = 0;
  /** By sender: what came on the reliable channel is opened one after the other. */
  readonly #coming = new Map<string, { last: Promise<void>; count: number }>();

  /** `keys`: those of the present call; `null`: there is none. */
  constructor(carrier: Carrier, keys: () => Sealing | null, pause = pauseFor) {
    this.#carrier = carrier;
    this.#keys = keys;
    this.#pause = pause;
    carrier.onMessage((message) => this.#came(message));
  }

  onMessage(listener: (heard: Heard) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Sends to all, or to one; in order. Rejected with a `DataError` when there is no call, no key for 15 s, or too much waits. */
  send(message: TalkMessage, to = ""): Promise<Receipt> {
    if (this.#sendingCount >= MOST_SENDING) return Promise.reject(new DataError("full"));
    this.#sendingCount += 1;
    const call = this.#keys()?.call;
    const handedOver = this.#sending.then(async () => {
      try {
        // Not waited for here: the next one is sealed meanwhile.
        return { receipt: this.#carrier.send(await this.#sealed(writeMessage(message), call), to) };
      } finally {
        this.#sendingCount -= 1;
      }
    });
    this.#sending = handedOver.catch(() => undefined);
    return handedOver.then(({ receipt }) => receipt);
  }

  /** The same for one of many: it waits until others aren't held up by it. */
  async sendBulk(message: TalkMessage, to = ""): Promise<Receipt> {
    await this.#carrier.ready();
    return this.send(message, to);
  }

  /** Sends what is worth nothing later; it may be lost. */
  async sendLossy(message: TalkMessage): Promise<void> {
    const keys = this.#keys();
    if (keys === null) return;
    const plain = writeMessage(message);
    const bytes = keys.isEncrypted ? await keys.seal(plain) : plain;
    if (bytes && this.#keys()?.call === keys.call) this.#carrier.sendLossy(bytes);
  }

  async #sealed(plain: Bytes, call: string | undefined): Promise<Bytes> {
    for (let waitedMs = 0; waitedMs < KEY_PATIENCE_MS; waitedMs += KEY_EVERY_MS) {
      const keys = this.#keys();
      if (keys === null || keys.call !== call) throw new DataError("closed");
      const sealed = keys.isEncrypted ? await keys.seal(plain) : plain;
      if (sealed && this.#keys()?.call === call) return sealed;
      await this.#pause(KEY_EVERY_MS);
    }
    throw new DataError("closed");
  }

  #came({ from, isReliable, body }: Message): void {
    // Copied: what is given to the worker mustn't be a view of something larger.
    const bytes: Bytes = body.slice();
    const call = this.#keys()?.call;
    const tell = (plain: Bytes | null) => {
      if (plain && call !== undefined && this.#keys()?.call === call) this.#tell(from, plain, isReliable);
    };
    if (!isReliable) return void this.#open(bytes, from).then(tell);
    const queue = this.#coming.get(from) ?? { last: Promise.resolve(), count: 0 };
    if (queue.count >= MOST_COMING) {
      this.dropped.tooMany += 1;
      return;
    }
    queue.count += 1;
    queue.last = queue.last.then(async () => {
      const plain = await this.#openInTime(bytes, from, call);
      queue.count -= 1;
      if (queue.count === 0) this.#coming.delete(from);
      tell(plain);
    });
    this.#coming.set(from, queue);
  }

  async #openInTime(bytes: Bytes, from: string, call: string | undefined): Promise<Bytes | null> {
    for (let waitedMs = 0; waitedMs < KEY_PATIENCE_MS; waitedMs += KEY_EVERY_MS) {
      const keys = this.#keys();
      if (keys === null || keys.call !== call) return this.#unopened();
      if (!keys.isEncrypted) return bytes;
      const opened = await keys.open(bytes, from);
      if (opened === "never") return this.#unopened();
      if (opened !== "later") return opened;
      await this.#pause(KEY_EVERY_MS);
    }
    return this.#unopened();
  }

  async #open(bytes: Bytes, from: string): Promise<Bytes | null> {
    const keys = this.#keys();
    if (keys === null) return this.#unopened();
    if (!keys.isEncrypted) return bytes;
    const opened = await keys.open(bytes, from);
    return typeof opened === "string" ? this.#unopened() : opened;
  }

  #unopened(): null {
    this.dropped.unopened += 1;
    return null;
  }

  #tell(from: string, plain: Bytes, isReliable: boolean): void {
    const message = readMessage(plain);
    if (!message) {
      this.dropped.unreadable += 1;
      return;
    }
    for (const listener of this.#listeners) listener({ from, isReliable, message });
  }
}

function pauseFor(ms: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, ms));
}
