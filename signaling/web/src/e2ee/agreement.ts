// Carries out what the rounds decide (round.ts): keys, hashes, wrapped keys and the code to compare, by WebCrypto. Frame
// keys go to the worker as soon as they are there.
//
// ECDH on P-256 between each two pages, HKDF-SHA-256 bound to the whole round (room, number, all pages and all their public
// keys) and to the direction, AES-256-GCM around the frame key. Invariant: no private key and no secret between two
// pages can be read or outlives its round; a frame key is given to the worker for sending once.
import { bigEndian, type Bytes, concat, framed, fromText, randomText, toText } from "./bytes.ts";
import type { ToWorker } from "./frames.ts";
import { advance, type Breach, type Effect, type Event, isEncrypted, type KeyMessage, type Member, newState, type Round, type State } from "./round.ts";
import { expand, importBase } from "./sframe.ts";

const TICK_MS = 700;
const ID_BYTES = 16;
const FRAME_KEY_BYTES = 32;
const NONCE_BYTES = 12;
const CURVE = { name: "ECDH", namedCurve: "P-256" } as const;
const CODE_DIGITS = 8;

/** none: alone, or not asked for. */
export type Privacy = "none" | "agreeing" | "encrypted" | "refused";

export interface AgreementHandlers {
  send(to: string | undefined, message: KeyMessage): void;
  tell(message: ToWorker): Promise<unknown>;
  onChange(): void;
}

/** What a round needs in secret. */
interface Secrets {
  round: Round;
  pair: CryptoKeyPair;
  base: CryptoKey | null;
  /** By participant: what the key from or to them is wrapped with. */
  from: Map<string, CryptoKey>;
  kids: Map<string, number>;
  transcript: Bytes;
}

function context(room: string, { number, opener, nonce }: Round): (Bytes | string)[] {
  return [room, bigEndian(number, 4), opener, nonce];
}

async function sha256(...parts: (Bytes | string)[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", framed(...parts)));
}

/** What a page tells before its public key. */
export function commitmentOf(room: string, round: Round, member: Member, publicKey: string): Promise<Bytes> {
  return sha256("madoguchi commitment 1", ...context(room, round), member.participant, member.instance, publicKey);
}

/** All that a round's pages agree on, in one hash. `members` are in order. */
export function transcriptOf(room: string, round: Round, members: Member[], keys: Record<string, string>): Promise<Bytes> {
  const all = members.flatMap(({ participant, instance }) => [participant, instance, keys[participant] ?? ""]);
  return sha256("madoguchi transcript 1", ...context(room, round), ...all);
}

/** The eight digits that people compare: the same at both ends only when nobody is in between. */
export async function codeOf(transcript: Bytes): Promise<string> {
  const hash = await sha256("madoguchi code 1", transcript);
  const number = new DataView(hash.buffer).getBigUint64(0) % 10n ** BigInt(CODE_DIGITS);
  return number.toString().padStart(CODE_DIGITS, "0");
}

export class Agreement {
  /** Eight digits; none before the first round is through. */
  code: string | null = null;
  breach: Breach | null = null;
  #state: State;
  #secrets: Secrets | null = null;
  /** Effects are carried out one after the other, so that what they lead to comes in their order. */
  #working: Promise<unknown> = Promise.resolve();
  #isOver = false;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #room: string;
  readonly #handlers: AgreementHandlers;

  constructor(room: string, me: string, handlers: AgreementHandlers) {
    this.#room = room;
    this.#state = newState({ participant: me, instance: randomText(ID_BYTES) });
    this.#handlers = handlers;
    this.#timer = setInterval(() => this.dispatch({ type: "tick" }), TICK_MS);
  }

  get me(): string {
    return this.#state.me.participant;
  }

  get privacy(): Privacy {
    if (this.breach) return "refused";
    if (Object.keys(this.#state.known).length === 0) return "none";
    return isEncrypted(this.#state) ? "encrypted" : "agreeing";
  }

  dispatch(event: Event): void {
    if (this.#isOver) return;
    const before = this.privacy;
    const [next, effects] = advance(this.#state, event, () => randomText(ID_BYTES));
    this.#state = next;
    for (const effect of effects) this.#carryOut(effect);
    if (this.privacy !== before) this.#handlers.onChange();
  }

  /** Ends it: nothing is sealed or opened with its keys any more. */
  close(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#secrets = null;
    void this.#handlers.tell({ do: "silence" });
    this.#forgetAll();
  }

  #forgetAll(): void {
    for (const sender of Object.keys(this.#state.known)) void this.#handlers.tell({ do: "forget", sender });
  }

  #carryOut(effect: Effect): void {
    if (effect.do === "send") return this.#handlers.send(effect.to, effect.message);
    if (effect.do === "refuse") {
      this.breach = effect.why;
      this.code = null;
      this.#forgetAll();
      return this.#handlers.onChange();
    }
    // A failure leaves the round incomplete: the next tick asks anew.
    this.#working = this.#working.then(() => (this.#isOver ? undefined : this.#work(effect))).catch(() => undefined);
  }

  async #work(effect: Exclude<Effect, { do: "send" | "refuse" }>): Promise<void> {
    switch (effect.do) {
      case "make":
        return this.#make(effect.round);
      case "check":
        return this.#check(effect);
      case "wrap":
        return this.#wrap(effect.round, effect.members, effect.keys);
      case "open":
        return this.#open(effect.round, effect.participant, effect.wrapped);
      case "use":
        return this.#use(effect.round);
      case "silence":
        await this.#handlers.tell({ do: "silence" });
        return;
      case "forget":
        await this.#handlers.tell({ do: "forget", sender: effect.participant });
    }
  }

  async #make(round: Round): Promise<void> {
    const pair = (await crypto.subtle.generateKey(CURVE, false, ["deriveBits"])) as CryptoKeyPair;
    const publicKey = toText(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
    const commitment = toText(await commitmentOf(this.#room, round, this.#state.me, publicKey));
    this.#secrets = { round, pair, base: null, from: new Map(), kids: new Map(), transcript: new Uint8Array(0) };
    this.dispatch({ type: "made", round, publicKey, commitment });
  }

  async #check({ round, participant, instance, publicKey, commitment }: Extract<Effect, { do: "check" }>): Promise<void> {
    const expected = toText(await commitmentOf(this.#room, round, { participant, instance }, publicKey));
    const isTrue = expected === commitment && (await isPoint(publicKey));
    this.dispatch({ type: "checked", round, participant, isTrue });
  }

  async #wrap(round: Round, members: Member[], keys: Record<string, string>): Promise<void> {
    const secrets = this.#of(round);
    if (!secrets) return;
    secrets.transcript = await transcriptOf(this.#room, round, members, keys);
    const frameKey = crypto.getRandomValues(new Uint8Array(FRAME_KEY_BYTES));
    secrets.base = await importBase(frameKey);
    const wraps: Record<string, string> = {};
    for (const [place, { participant }] of members.entries()) {
      secrets.kids.set(participant, round.number * 64 + place);
      if (participant === this.me) continue;
      const shared = await this.#shared(secrets.pair, keys[participant] ?? "");
      secrets.from.set(participant, await wrapping(shared, secrets.transcript, participant, this.me));
      wraps[participant] = await sealKey(await wrapping(shared, secrets.transcript, this.me, participant), frameKey);
    }
    frameKey.fill(0);
    this.code = await codeOf(secrets.transcript);
    this.dispatch({ type: "wrapped", round, wraps });
    this.#handlers.onChange();
  }

  async #shared(pair: CryptoKeyPair, publicKey: string): Promise<CryptoKey> {
    const other = await crypto.subtle.importKey("raw", fromText(publicKey), CURVE, false, []);
    const bits = await crypto.subtle.deriveBits({ name: "ECDH", public: other }, pair.privateKey, 256);
    const shared = await importBase(bits);
    new Uint8Array(bits).fill(0);
    return shared;
  }

  async #open(round: Round, participant: string, wrapped: string): Promise<void> {
    const secrets = this.#of(round);
    const key = secrets?.from.get(participant);
    if (!secrets || !key) return;
    const base = await openKey(key, wrapped);
    const kid = secrets.kids.get(participant) ?? 0;
    if (base) await this.#handlers.tell({ do: "receive", sender: participant, base, kid });
    this.dispatch({ type: "opened", round, participant, isTrue: base !== null });
  }

  async #use(round: Round): Promise<void> {
    const secrets = this.#of(round);
    if (!secrets?.base) return;
    const { base } = secrets;
    // Once: a second counter under the same key must never begin.
    secrets.base = null;
    await this.#handlers.tell({ do: "send", base, kid: secrets.kids.get(this.me) ?? 0 });
  }

  /** The secrets of a round, while it is the present one. */
  #of({ nonce, number, opener }: Round): Secrets | null {
    const round = this.#secrets?.round;
    return round?.nonce === nonce && round.number === number && round.opener === opener ? this.#secrets : null;
  }
}

async function isPoint(publicKey: string): Promise<boolean> {
  try {
    await crypto.subtle.importKey("raw", fromText(publicKey), CURVE, false, []);
    return true;
  } catch {
    return false;
  }
}

async function wrapping(shared: CryptoKey, transcript: Bytes, from: string, to: string): Promise<CryptoKey> {
  const bits = await expand(shared, framed("madoguchi wrap 1", transcript, from, to), 256);
  return crypto.subtle.importKey("raw", bits, "AES-GCM", false, ["encrypt", "decrypt"]);
}

async function sealKey(key: CryptoKey, frameKey: Bytes): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  return toText(concat(iv, new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, frameKey))));
}

/** `null`: it was wrapped for somebody else or in another round, or changed. */
async function openKey(key: CryptoKey, wrapped: string): Promise<CryptoKey | null> {
  try {
    const bytes = fromText(wrapped);
    const iv = bytes.slice(0, NONCE_BYTES);
    const frameKey = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, bytes.slice(NONCE_BYTES));
    const base = frameKey.byteLength === FRAME_KEY_BYTES ? await importBase(frameKey) : null;
    new Uint8Array(frameKey).fill(0);
    return base;
  } catch {
    return null;
  }
}
