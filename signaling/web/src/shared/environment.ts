// What the browser can do, and why a camera or microphone can't be had: kinds that the texts explain.

import { canEncrypt } from "../e2ee/frames.ts";

export type DeviceProblem = "denied" | "missing" | "busy" | "insecure" | "unsupported" | "in_app" | "no_encryption" | "unknown";
export type Platform = "ios" | "android" | "desktop";

/** What is asked of the browser; a plain value, so that tests can give any. */
export interface Environment {
  userAgent: string;
  maxTouchPoints: number;
  isSecure: boolean;
  hasDevices: boolean;
  hasConnections: boolean;
  /** The office wants calls encrypted from end to end, and this browser can't. */
  lacksEncryption: boolean;
}

/** `isEncryptionWanted`: the office holds encrypted calls only. */
export function thisEnvironment(isEncryptionWanted: boolean): Environment {
  return {
    userAgent: navigator.userAgent,
    maxTouchPoints: navigator.maxTouchPoints,
    isSecure: window.isSecureContext,
    hasDevices: typeof navigator.mediaDevices?.getUserMedia === "function",
    hasConnections: typeof RTCPeerConnection === "function" && "addTransceiver" in RTCPeerConnection.prototype,
    lacksEncryption: isEncryptionWanted && !canEncrypt(),
  };
}

/** Browsers inside LINE, Facebook, Instagram, Yahoo! JAPAN and the like, and bare Android web views. */
export function isInApp({ userAgent }: Environment): boolean {
  return /\bLine\/|FBA[NV]\/|Instagram|YJApp|; wv\)/i.test(userAgent);
}

export function isLine({ userAgent }: Environment): boolean {
  return /\bLine\//i.test(userAgent);
}

export function platformOf({ userAgent, maxTouchPoints }: Environment): Platform {
  if (/iPhone|iPad|iPod/.test(userAgent)) return "ios";
  // An iPad says that it is a Mac, but Macs have no touch screen.
  if (/Macintosh/.test(userAgent) && maxTouchPoints > 1) return "ios";
  return /Android/.test(userAgent) ? "android" : "desktop";
}

/** What stands in the way before anything is asked of the person; `null`: nothing. */
export function environmentProblem(environment: Environment): DeviceProblem | null {
  if (!environment.isSecure) return "insecure";
  if (isInApp(environment)) return "in_app";
  if (!environment.hasDevices || !environment.hasConnections) return "unsupported";
  if (environment.lacksEncryption) return "no_encryption";
  return null;
}

/** The kind of a `getUserMedia` failure (Media Capture and Streams §10.2). */
export function problemOf(error: unknown): DeviceProblem {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    case "TypeError":
      return "unsupported";
    default:
      return "unknown";
  }
}
