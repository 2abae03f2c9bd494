// Secure frames (SFrame, RFC 9605). As in the RFC: the header (§4.3), the derivation of key and salt from a base key
// (§4.4.2), nonce and additional data (§4.4.3), the cipher suite AES_128_GCM_SHA256_128 (0x0004, §4.5), whole frames.
// Not in the RFC, and our own: what stays clear before the header (clear.ts), which is authenticated as metadata together
// with what the frame is for; how base keys are agreed on (round.ts, not §5's MLS or sender keys); key ids are a round's
// number and the sender's place in it.
//
// Invariant: `seal` never uses a counter twice; a key is made for one sender, in one place.
import { bigEndian, type Bytes, concat, utf8 } from "./bytes.ts";

const SUITE = 0x0004;
const KEY_BITS = 128;
const SALT_BITS = 96;
export const TAG_BYTES = 16;
/** Far below where a counter in a header (and AES-GCM) ends: hundreds of years of a call. */
const COUNTER_END = 2 ** 48;

/** A base key as WebCrypto holds it: nobody can read it. */
export function importBase(bytes: BufferSource): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveBits", "deriveKey"]);
}

/** HKDF (RFC 5869) without a salt. */
export async function expand(base: CryptoKey, info: Bytes, bits: number): Promise<Bytes> {
  const salt = new Uint8Array(0);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, base, bits));
}

export interface FrameKey {
  kid: number;
  key: CryptoKey;
  salt: Bytes;
}

/** Key and salt of a base key under its id, which is below 2^53. */
export async function frameKey(base: CryptoKey, kid: number): Promise<FrameKey> {
  const label = (what: string) => concat(utf8(`SFrame 1.0 Secret ${what} `), bigEndian(kid, 8), bigEndian(SUITE, 2));
  const [secret, salt] = await Promise.all([expand(base, label("key"), KEY_BITS), expand(base, label("salt"), SALT_BITS)]);
  const key = await crypto.subtle.importKey("raw", secret, "AES-GCM", false, ["encrypt", "decrypt"]);
  secret.fill(0);
  return { kid, key, salt };
}

export interface Header {
  kid: number;
  counter: number;
  /** In bytes. */
  length: number;
}

function significant(value: number): number {
  let length = 1;
  for (let rest = Math.floor(value / 256); rest > 0; rest = Math.floor(rest / 256)) length += 1;
  return length;
}

/** Key id and counter, each in as few bytes as it needs. (§4.3) */
export function writeHeader(kid: number, counter: number): Bytes {
  const field = (value: number): [number, Bytes] =>
    value < 8 ? [value, new Uint8Array(0)] : [0x8 | (significant(value) - 1), bigEndian(value, significant(value))];
  const [[kidBits, kidBytes], [counterBits, counterBytes]] = [field(kid), field(counter)];
  return concat(new Uint8Array([(kidBits << 4) | counterBits]), kidBytes, counterBytes);
}

/** `null` where there is none, or one that names more than 2^48. */
export function readHeader(bytes: Uint8Array): Header | null {
  const config = bytes[0];
  if (config === undefined) return null;
  let at = 1;
  const field = (bits: number): number => {
    if ((bits & 0x8) === 0) return bits;
    const end = at + (bits & 0x7) + 1;
    if (end > bytes.length) return Number.NaN;
    let value = 0;
    for (; at < end; at++) value = value * 256 + (bytes[at] ?? 0);
    return value;
  };
  const [kid, counter] = [field(config >> 4), field(config & 0xf)];
  return kid < COUNTER_END && counter < COUNTER_END ? { kid, counter, length: at } : null;
}

function nonceOf(salt: Bytes, counter: number): Bytes {
  const nonce = bigEndian(counter, salt.length);
  for (const [at, byte] of salt.entries()) nonce[at] = (nonce[at] ?? 0) ^ byte;
  return nonce;
}

/** Header, ciphertext and tag. The caller sees to it that no counter comes twice: `Sealer` does. */
export async function sealWith({ kid, key, salt }: FrameKey, counter: number, plain: BufferSource, metadata: Bytes): Promise<Bytes> {
  const header = writeHeader(kid, counter);
  const additionalData = concat(header, metadata);
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonceOf(salt, counter), additionalData }, key, plain);
  return concat(header, new Uint8Array(sealed));
}

/** The plain bytes behind a header; throws where anything was changed. */
export async function openWith({ key, salt }: FrameKey, header: Header, sealed: Bytes, metadata: Bytes): Promise<Bytes> {
  const additionalData = concat(sealed.subarray(0, header.length), metadata);
  const iv = nonceOf(salt, header.counter);
  const body = sealed.subarray(header.length);
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData }, key, body));
}

/** One sender's key with its counter: all that is sealed, of whatever track and layer, takes the next number. */
export class Sealer {
  #counter = 0;
  readonly #key: FrameKey;

  constructor(key: FrameKey) {
    this.#key = key;
  }

  seal(plain: BufferSource, metadata: Bytes): Promise<Bytes> {
    // Taken before anything is waited for: two frames at once get two numbers.
    const counter = this.#counter++;
    if (counter >= COUNTER_END) throw new Error("this key has sealed all it may");
    return sealWith(this.#key, counter, plain, metadata);
  }
}
