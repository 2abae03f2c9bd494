// One viewing by WHEP (draft-ietf-wish-whep): one offer, one answer, and a DELETE at the end.

/** Why there is no viewing; `over` and `denied` are for good. */
export type Refusal = "over" | "denied" | "later";

/** What the server's answer to an offer means. */
export function refusalOf(status: number): Refusal | null {
  if (status === 201) return null;
  if (status === 404 || status === 410) return "over";
  if (status === 401 || status === 403) return "denied";
  return "later";
}

/** How long to wait before the next attempt: longer each time, and not all pages at once. */
export function waitOf(attempt: number, random: () => number = Math.random): number {
  const longest = 15_000;
  return Math.min(longest, 500 * 2 ** Math.min(attempt, 10)) * (0.5 + random() / 2);
}

export interface Viewing {
  stream: MediaStream;
  /** Resolves when the connection is gone. */
  ended: Promise<void>;
  close(): void;
}

function addressOf(response: Response, endpoint: string): string | null {
  const location = response.headers.get("location");
  return location ? new URL(location, new URL(endpoint, document.baseURI)).href : null;
}

/** Asks for the broadcast's picture and sound. They may begin later than the connection. */
export async function view(endpoint: string, token: string): Promise<Viewing | Refusal> {
  const authorization: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const stream = new MediaStream();
  for (const kind of ["video", "audio"]) {
    stream.addTrack(connection.addTransceiver(kind, { direction: "recvonly" }).receiver.track);
  }
  const ended = new Promise<void>((resolve) => {
    connection.addEventListener("connectionstatechange", () => {
      if (connection.connectionState === "failed" || connection.connectionState === "closed") resolve();
    });
  });
  await connection.setLocalDescription();
  const headers = { ...authorization, "content-type": "application/sdp" };
  const response = await fetch(endpoint, { method: "POST", headers, body: connection.localDescription?.sdp ?? "" }).catch(
    () => null,
  );
  const refusal = response ? refusalOf(response.status) : "later";
  const session = response && refusal === null ? addressOf(response, endpoint) : null;
  const close = () => {
    connection.close();
    // The page may be closing: the request outlives it.
    if (session) void fetch(session, { method: "DELETE", headers: authorization, keepalive: true }).catch(() => null);
  };
  if (!response || refusal !== null) {
    close();
    return refusal ?? "later";
  }
  try {
    await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
  } catch {
    close();
    return "later";
  }
  return { stream, ended, close };
}
