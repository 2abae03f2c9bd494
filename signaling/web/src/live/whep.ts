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

/** A connection that is disconnected for so long is given up. */
const DISCONNECTED_MS = 3_000;

/** Resolves when a connection is gone, by its own word or by the other end's. */
function goneOf(connection: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    connection.addEventListener("connectionstatechange", () => {
      const state = connection.connectionState;
      clearTimeout(timer);
      if (state === "disconnected") timer = setTimeout(resolve, DISCONNECTED_MS);
      if (state === "failed" || state === "closed") resolve();
    });
    // The other end's goodbye (a DTLS alert) changes the transport only.
    const transport = connection.getReceivers()[0]?.transport;
    transport?.addEventListener("statechange", () => {
      if (transport.state === "closed" || transport.state === "failed") resolve();
    });
  });
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
export async function view(endpoint: string, token: string, iceServers: RTCIceServer[]): Promise<Viewing | Refusal> {
  const authorization: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers });
  const stream = new MediaStream();
  for (const kind of ["video", "audio"]) {
    stream.addTrack(connection.addTransceiver(kind, { direction: "recvonly" }).receiver.track);
  }
  await connection.setLocalDescription();
  const ended = goneOf(connection);
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
