// All keys of one page, and what is done with them: frames and data go in clear and come out sealed, and the other way.
// Invariant: without a key nothing comes out; what comes out was sealed by whom it is said to be from, for that purpose,
// and comes out once.
import { type Bytes, concat, utf8 } from "./bytes.ts";
import { clearBytes, KINDS, type Kind } from "./clear.ts";
import { expand, type FrameKey, frameKey, importBase, openWith, readHeader, Sealer, TAG_BYTES } from "./sframe.ts";
import { ReplayWindow } from "./replay.ts";

/** Of each sender: the present key, and the one before for what is still on its way. */
const KEYS_KEPT = 2;
/** More senders than that share no keys (`protocol::keys::MAX_MEMBERS`). Full: the sender unheard for longest is forgotten. */
const MAX_SENDERS = 32;

interface Opener {
  key: FrameKey;
  seen: ReplayWindow;
}

/** A sender's key: one for media and one for data, so that each has its own counter. */
interface Received {
  kid: number;
  media: Opener;
  data: Opener;
}

/** Why something that came isn't opened. `replayed`: it came before, and was opened then. */
export type Lost = "forged" | "unknownKey" | "replayed";

/** What became of what came and went. */
export interface Counts {
  sealed: number;
  opened: number;
  /** There was no key yet to seal with. */
  withheld: number;
  /** Sealed with a key that isn't here, or isn't here yet. */
  unknownKey: number;
  /** Changed on the way, cut off, never sealed, or for another purpose. */
  forged: number;
  replayed: number;
}

async function dataBase(base: CryptoKey): Promise<CryptoKey> {
  return importBase(await expand(base, utf8("madoguchi application data 1"), 256));
}

export class KeyRing {
  readonly counts: Counts = { sealed: 0, opened: 0, withheld: 0, unknownKey: 0, forged: 0, replayed: 0 };
  #sending: { media: Sealer; data: Sealer } | null = null;
  readonly #received = new Map<string, Received[]>();

  /** What is sent from now on is sealed with this key. Call it once for each key, in one place only. */
  async send(base: CryptoKey, kid: number): Promise<void> {
    const [media, data] = await Promise.all([frameKey(base, kid), frameKey(await dataBase(base), kid)]);
    this.#sending = { media: new Sealer(media), data: new Sealer(data) };
  }

  /** Nothing is sent any more until there is another key. */
  silence(): void {
    this.#sending = null;
  }

  /** A sender seals with this key, or is about to. */
  async receive(sender: string, base: CryptoKey, kid: number): Promise<void> {
    const [media, data] = await Promise.all([frameKey(base, kid), frameKey(await dataBase(base), kid)]);
    const opener = (key: FrameKey): Opener => ({ key, seen: new ReplayWindow() });
    const others = (this.#received.get(sender) ?? []).filter((one) => one.kid !== kid);
    this.#received.delete(sender);
    this.#received.set(sender, [{ kid, media: opener(media), data: opener(data) }, ...others].slice(0, KEYS_KEPT));
    const [oldest] = this.#received.keys();
    if (this.#received.size > MAX_SENDERS && oldest !== undefined) this.#received.delete(oldest);
  }

  forget(sender: string): void {
    this.#received.delete(sender);
  }

  /** A frame as it goes to the node; `null`: it must not go. */
  async sealFrame(kind: "audio" | "video", frame: Bytes): Promise<Bytes | null> {
    const clear = clearBytes(kind, frame);
    if (!this.#sending || frame.length < clear) {
      this.counts.withheld += 1;
      return null;
    }
    const head = frame.slice(0, clear);
    const sealed = await this.#sending.media.seal(frame.subarray(clear), metadata(kind, head));
    this.counts.sealed += 1;
    return concat(head, sealed);
  }

  /** A frame as it came from a sender, or why it can't be had. */
  async openFrame(kind: "audio" | "video", sender: string, frame: Bytes): Promise<Bytes | Lost> {
    const head = frame.slice(0, clearBytes(kind, frame));
    const plain = await this.#open(kind, sender, head, frame.subarray(head.length));
    return typeof plain === "string" ? plain : concat(head, plain);
  }

  /** Seals chat, captions, pages and the like; `null` while there is no key. */
  async seal(bytes: Bytes): Promise<Bytes | null> {
    if (!this.#sending) return null;
    return this.#sending.data.seal(bytes, metadata("data"));
  }

  /** Opens what a sender has sealed with `seal`; `null`: it isn't theirs, came before, or can't be opened now. */
  async open(bytes: Bytes, sender: string): Promise<Bytes | null> {
    const plain = await this.#open("data", sender, new Uint8Array(0), bytes);
    return typeof plain === "string" ? null : plain;
  }

  /** Whether the key of something sealed is here, or may still come: a sender's keys have ever larger ids. */
  standing(bytes: Bytes, sender: string): "here" | "later" | "never" {
    const header = readHeader(bytes);
    if (!header) return "never";
    const known = this.#received.get(sender) ?? [];
    if (known.some((one) => one.kid === header.kid)) return "here";
    if (known.every((one) => one.kid < header.kid)) return "later";
    this.counts.unknownKey += 1;
    return "never";
  }

  async #open(kind: Kind, sender: string, head: Bytes, sealed: Bytes): Promise<Bytes | Lost> {
    const header = readHeader(sealed);
    if (!header || sealed.length < header.length + TAG_BYTES) return this.#lost("forged");
    const received = this.#received.get(sender)?.find((one) => one.kid === header.kid);
    if (!received) return this.#lost("unknownKey");
    const { key, seen } = kind === "data" ? received.data : received.media;
    if (!seen.isFresh(header.counter)) return this.#lost("replayed");
    try {
      const plain = await openWith(key, header, sealed, metadata(kind, head));
      if (!seen.take(header.counter)) return this.#lost("replayed");
      this.counts.opened += 1;
      return plain;
    } catch {
      return this.#lost("forged");
    }
  }

  #lost(why: Lost): Lost {
    this.counts[why] += 1;
    return why;
  }
}

function metadata(kind: Kind, head: Bytes = new Uint8Array(0)): Bytes {
  return concat(new Uint8Array([KINDS[kind]]), head);
}
