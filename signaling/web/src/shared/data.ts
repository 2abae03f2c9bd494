// Data messages between the pages of a room, as `protocol/src/data.rs` describes them. Invariant: every message that is to
// arrive (`send`) ends in exactly one receipt or one error, also over connections that are made anew; what the others send
// comes once and says truly whom it is from.
import type { DataAnswer, Problem } from "./protocol.ts";

/** The largest body, in bytes. */
export const MAX_BODY = 16 * 1024;
/** Bytes whose answers may be outstanding: who sends no more is never told that it sends too fast. */
const WINDOW = 32 * 1024;
/** Bytes that wait for the server, or for a connection to it. Full: `send` fails at once. */
const MOST_WAITING = 256 * 1024;
/** Bytes of a lossy channel that wait in the browser. More: the message is dropped, as it would be late. */
const MOST_LOSSY = 16 * 1024;
/** So many messages are remembered, to know one that comes twice. */
const REMEMBERED = 512;

const VERSION = 1;
const HEAD = 7;
const FOR_YOU_ALONE = 1;

/** A message from somebody else in the room. */
export interface Message {
  from: string;
  /** Nobody else got it. */
  isPrivate: boolean;
  /** False: others of its kind may have been lost on the way. */
  isReliable: boolean;
  body: Uint8Array;
}

/** The server has a message, and all get it but these, for whom too much waits already. */
export interface Receipt {
  missed: string[];
  /** How many more there are whose names aren't told. */
  missedMore: number;
}

/**
 * too_large: more than `MAX_BODY` bytes. full: too much waits already. closed: there is no call, or it ended before the
 * server had the message. refused: the server says why in `problem`.
 */
export type Why = "too_large" | "full" | "closed" | "refused";

export class DataError extends Error {
  readonly why: Why;
  readonly problem: Problem | null;

  constructor(why: Why, problem: Problem | null = null) {
    super(problem?.title ?? why);
    this.why = why;
    this.problem = problem;
  }
}

/** As much of an `RTCDataChannel` as is needed. */
export interface Channel {
  readonly readyState: RTCDataChannelState;
  readonly bufferedAmount: number;
  binaryType: BinaryType;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
}

/** As much of an `RTCPeerConnection` as is needed. */
export interface Opener {
  createDataChannel(label: string, options?: RTCDataChannelInit): Channel;
}

interface Waiting {
  number: number;
  bytes: Uint8Array<ArrayBuffer>;
  isSent: boolean;
  resolve(receipt: Receipt): void;
  reject(error: DataError): void;
}

export class Data {
  readonly #listeners = new Set<(message: Message) => void>();
  #isOn = false;
  #reliable: Channel | null = null;
  #lossy: Channel | null = null;
  /** In the order of sending: those without an answer. */
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Another page of the same person began elsewhere: receivers don't take its messages for repetitions. */
  #number = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  readonly #seen = new Set<string>();
  #whenReady: (() => void)[] = [];

  /** Calls back with each message of the others. Gives the end of that. */
  onMessage(listener: (message: Message) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Sends to all, or to one participant; in order, and again after a broken connection. Fulfilled when the server has it
   * and has passed it on: whoever waits for that before the next one is as fast as the slowest receiver.
   */
  send(body: Uint8Array, to = ""): Promise<Receipt> {
    if (body.length > MAX_BODY) return Promise.reject(new DataError("too_large"));
    if (!this.#isOn) return Promise.reject(new DataError("closed"));
    const bytes = written(this.#nextNumber(), to, body);
    if (this.#waitingBytes + bytes.length > MOST_WAITING) return Promise.reject(new DataError("full"));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ number: this.#number, bytes, isSent: false, resolve, reject });
      this.#waitingBytes += bytes.length;
      this.#flush();
    });
  }

  /** Fulfilled when a message that is sent now waits behind none: for who sends many without waiting for each. */
  ready(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenReady.push(resolve);
      this.#flush();
    });
  }

  /** Sends what is worth nothing later, such as where a pointer is. False: it was dropped here already. */
  sendLossy(body: Uint8Array, to = ""): boolean {
    const channel = this.#lossy;
    if (body.length > MAX_BODY || channel?.readyState !== "open" || channel.bufferedAmount > MOST_LOSSY) return false;
    channel.send(written(this.#nextNumber(), to, body));
    return true;
  }

  /** A call begins. */
  begin(): void {
    this.#isOn = true;
  }

  /** The call is over: what the server doesn't have goes nowhere. */
  end(): void {
    this.#isOn = false;
    this.#reliable = null;
    this.#lossy = null;
    this.#seen.clear();
    this.#failAll(new DataError("closed"));
  }

  /** Opens channels on a new *up* connection, which takes the place of an earlier one. */
  openOn(connection: Opener): void {
    const reliable = connection.createDataChannel("reliable");
    reliable.onopen = () => {
      if (this.#reliable !== reliable) return;
      // What was on its way may not have arrived; who got it knows it by its number.
      for (const one of this.#waiting) one.isSent = false;
      this.#flush();
    };
    reliable.onmessage = ({ data }) => {
      if (this.#reliable === reliable && typeof data === "string") this.#answered(JSON.parse(data) as DataAnswer);
    };
    this.#reliable = reliable;
    this.#lossy = connection.createDataChannel("lossy", { ordered: false, maxRetransmits: 0 });
  }

  /** Listens to a channel that the server opened on the *down* connection. */
  listenTo(channel: Channel, isReliable: boolean): void {
    channel.binaryType = "arraybuffer";
    channel.onmessage = ({ data }) => {
      const message = data instanceof ArrayBuffer ? read(new Uint8Array(data)) : null;
      if (!message || (isReliable && !this.#isNew(message))) return;
      const { from, isPrivate, body } = message;
      for (const listener of this.#listeners) listener({ from, isPrivate, isReliable, body });
    };
  }

  #nextNumber(): number {
    this.#number = (this.#number + 1) >>> 0;
    return this.#number;
  }

  #isNew({ from, number }: Read): boolean {
    const name = `${from}/${number}`;
    if (this.#seen.has(name)) return false;
    this.#seen.add(name);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= REMEMBERED) break;
      this.#seen.delete(oldest);
    }
    return true;
  }

  #flush(): void {
    const channel = this.#reliable;
    let ahead = 0;
    for (const one of this.#waiting) {
      ahead += one.bytes.length;
      if (one.isSent) continue;
      if (channel?.readyState !== "open" || ahead > WINDOW) return;
      channel.send(one.bytes);
      one.isSent = true;
    }
    if (ahead > WINDOW - MAX_BODY && this.#isOn) return;
    for (const tell of this.#whenReady.splice(0)) tell();
  }

  #answered(answer: DataAnswer): void {
    if (answer.type === "refused" && answer.number === undefined) {
      // Of the channel as a whole.
      return this.#failAll(new DataError("refused", answer.problem));
    }
    const index = this.#waiting.findIndex((one) => one.number === answer.number);
    const [one] = index < 0 ? [] : this.#waiting.splice(index, 1);
    if (!one) return;
    this.#waitingBytes -= one.bytes.length;
    if (answer.type === "refused") one.reject(new DataError("refused", answer.problem));
    else one.resolve({ missed: answer.missed ?? [], missedMore: answer.missed_more ?? 0 });
    this.#flush();
  }

  #failAll(error: DataError): void {
    const all = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const one of all) one.reject(error);
    this.#flush();
  }
}

interface Read {
  from: string;
  isPrivate: boolean;
  number: number;
  body: Uint8Array;
}

/** A message to the server. */
export function written(number: number, to: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(to);
  const bytes = new Uint8Array(HEAD + name.length + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint32(2, number);
  view.setUint8(6, name.length);
  bytes.set(name, HEAD);
  bytes.set(body, HEAD + name.length);
  return bytes;
}

/** A message from the server; `null`: it is none that this page knows. */
export function read(bytes: Uint8Array): Read | null {
  if (bytes.length < HEAD || bytes[0] !== VERSION) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const nameEnd = HEAD + view.getUint8(6);
  if (bytes.length < nameEnd) return null;
  return {
    from: new TextDecoder().decode(bytes.subarray(HEAD, nameEnd)),
    isPrivate: view.getUint8(1) === FOR_YOU_ALONE,
    number: view.getUint32(2),
    body: bytes.subarray(nameEnd),
  };
}
