// In which sizes the camera is sent at once (simulcast, RFC 8853), and which of them are sent now. Invariant: encodings
// are in ascending order of quality, which is how the server reads them, and every one has a name.

/** The share of a whole picture's width and height is `1 / scale`. */
const SIZES = [
  { rid: "q", scale: 4, maxBps: 150_000 },
  { rid: "h", scale: 2, maxBps: 500_000 },
  { rid: "f", scale: 1, maxBps: 1_700_000 },
] as const;

/** Where there is no simulcast: enough for a face, and not too much for a phone's uplink. */
const ONLY_BPS = 1_200_000;

/** A device with so few cores encodes the smallest and the largest only. */
const FEW_CORES = 2;

/** The camera's encodings on a device with so many cores. */
export function cameraEncodings(cores: number): RTCRtpEncodingParameters[] {
  const isSlow = cores <= FEW_CORES;
  return SIZES.filter(({ rid }) => !isSlow || rid !== "h").map(({ rid, scale, maxBps }) => ({
    rid,
    scaleResolutionDownBy: scale,
    maxBitrate: maxBps,
    active: true,
  }));
}

/** The camera's one encoding in a browser that doesn't take several. */
export function onlyEncoding(): RTCRtpEncodingParameters[] {
  return [{ maxBitrate: ONLY_BPS }];
}

/**
 * Switches encodings on and off, so that exactly those named in `rids` are sent. False: nothing changes. What has no name
 * (no simulcast was agreed on) is left alone.
 */
export function activate(encodings: RTCRtpEncodingParameters[], rids: string[]): boolean {
  let hasChanged = false;
  for (const encoding of encodings) {
    if (encoding.rid === undefined) continue;
    const isWatched = rids.includes(encoding.rid);
    if ((encoding.active ?? true) === isWatched) continue;
    encoding.active = isWatched;
    hasChanged = true;
  }
  return hasChanged;
}
