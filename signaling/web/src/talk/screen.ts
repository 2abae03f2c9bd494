// The person's own screen. Letters are to be read: sharpness before smoothness.

/** Enough for a page of text that is scrolled, and little for a picture that stands still. */
export const SCREEN_ENCODING: RTCRtpEncodingParameters = { maxBitrate: 1_500_000, maxFramerate: 15 };

/** Whether this browser can share a screen: phones can't. */
export function canShareScreen(): boolean {
  return typeof navigator.mediaDevices?.getDisplayMedia === "function";
}

/** Asks which screen or window. `null`: the person doesn't want to after all, or the system doesn't let the browser. */
export async function openScreen(): Promise<MediaStreamTrack | null> {
  try {
    const video = { frameRate: { ideal: 10, max: 15 }, width: { max: 1920 }, height: { max: 1200 } };
    const [track] = (await navigator.mediaDevices.getDisplayMedia({ video, audio: false })).getVideoTracks();
    if (track) track.contentHint = "detail";
    return track ?? null;
  } catch {
    return null;
  }
}
