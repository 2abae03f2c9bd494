// Bytes as texts and texts as bytes. Invariant: what is joined with `framed` can be taken apart in one way only.

export type Bytes = Uint8Array<ArrayBuffer>;

export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

export function concat(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Each part behind its length (32 bits, big endian). */
export function framed(...parts: (Uint8Array | string)[]): Bytes {
  const all = parts.map((part) => (typeof part === "string" ? utf8(part) : part));
  return concat(...all.flatMap((part) => [bigEndian(part.length, 4), part]));
}

/** A whole number below 2^53 in so many bytes, the highest first. */
export function bigEndian(value: number, length: number): Bytes {
  const bytes = new Uint8Array(length);
  for (let at = length - 1, rest = value; at >= 0; at--, rest = Math.floor(rest / 256)) bytes[at] = rest % 256;
  return bytes;
}

/** base64url without padding (RFC 4648 §5). */
export function toText(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** Throws where the text isn't base64url. */
export function fromText(text: string): Bytes {
  if (!/^[\w-]*$/.test(text)) throw new Error("not base64url");
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
}

export function randomText(length: number): string {
  return toText(crypto.getRandomValues(new Uint8Array(length)));
}
