// How much of a frame stays readable. Invariant: the length follows from the frame's first byte, which stays clear itself,
// so that both ends and the media node agree on it.

/** What is sealed. The number is authenticated: sound never passes for a picture, nor media for data. */
export const KINDS = { audio: 1, video: 2, data: 3 } as const;
export type Kind = keyof typeof KINDS;

/** A VP8 frame's tag; a key frame's start code, width and height behind it. (RFC 6386 §9.1) */
const DELTA_BYTES = 3;
const KEY_FRAME_BYTES = 10;

/** A VP8 frame that needs no other: the lowest bit of its tag is 0. */
export function isKeyFrame(frame: Uint8Array): boolean {
  return frame.length > 0 && ((frame[0] ?? 1) & 1) === 0;
}

/** How many bytes at a frame's beginning stay clear; of sound none. */
export function clearBytes(kind: Kind, frame: Uint8Array): number {
  if (kind !== "video") return 0;
  return isKeyFrame(frame) ? KEY_FRAME_BYTES : DELTA_BYTES;
}
