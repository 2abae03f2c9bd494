// The office's side of one screen, small enough to know when each byte is sent: manifest, contents, live data.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";

export interface Content {
  sha256: string;
  size: number;
  media_type: string;
}

export interface Manifest {
  layout: object;
  contents: Record<string, Content>;
}

const MEDIA_TYPES: Record<string, string> = { mp4: "video/mp4", png: "image/png", pdf: "application/pdf" };

/** A file as a manifest names it. */
export function contentOf(file: string): Content {
  const bytes = readFileSync(file);
  const media_type = MEDIA_TYPES[file.slice(file.lastIndexOf(".") + 1)] ?? "application/octet-stream";
  return { sha256: createHash("sha256").update(bytes).digest("hex"), size: bytes.length, media_type };
}

/** A server's certificate, and no authority's: a client doesn't take that from a server. */
const WISHES = `[req]
distinguished_name = name
x509_extensions = server
prompt = no
[name]
CN = localhost
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
`;

/** Speaks protocol::screen over TLS, with a certificate of its own that the player trusts as the office's. */
export class ScreenServer {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  #welcomed: (() => void)[] = [];

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async start(secrets: string, screen: string, manifest: Manifest): Promise<ScreenServer> {
    mkdirSync(join(secrets, "screens"), { recursive: true });
    writeFileSync(join(secrets, "screens", `${screen}.token`), "bench\n");
    const [key, certificate] = [join(secrets, "bench.key"), join(secrets, "ca.pem")];
    const wishes = join(secrets, "bench.cnf");
    writeFileSync(wishes, WISHES);
    const how = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    execFileSync("openssl", ["req", "-x509", "-config", wishes, ...how, "-keyout", key, "-out", certificate], { stdio: "ignore" });
    const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const it = new ScreenServer(server, (server.address() as AddressInfo).port);
    server.on("upgrade", (request, socket: Duplex) => it.#converse(request.headers["sec-websocket-key"] ?? "", socket, screen, manifest));
    return it;
  }

  /** Resolves when a player has said hello and was told all. */
  welcomed(): Promise<void> {
    return new Promise((welcome) => this.#welcomed.push(welcome));
  }

  /** Tells every connected player. */
  tell(frame: object): void {
    for (const socket of this.#sockets) send(socket, frame);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #converse(key: string, socket: Duplex, screen: string, manifest: Manifest): void {
    // RFC 6455 §4.2.2.
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket)).on("error", () => this.#sockets.delete(socket));
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      for (;;) {
        const frame = take(rest);
        if (!frame) return;
        rest = frame.rest;
        if (frame.opcode !== 1) continue;
        const said = JSON.parse(frame.text) as { type: string };
        if (said.type === "ping") send(socket, { type: "pong", now: Date.now() });
        if (said.type !== "hello") continue;
        send(socket, { type: "welcome", screen, now: Date.now(), time_zone: "Asia/Tokyo" });
        send(socket, { type: "manifest", manifest });
        const observed_at = Date.now();
        const state = { area: "lobby-1f", count: 7, capacity: 12, level: "moderate", trend: "steady", observed_at, changed_at: observed_at, version: 1 };
        send(socket, { type: "areas", areas: [state] });
        for (const welcome of this.#welcomed.splice(0)) welcome();
      }
    });
  }
}

/** One text frame, unmasked, as servers send them (RFC 6455 §5.2). */
function send(socket: Duplex, frame: object): void {
  const body = Buffer.from(JSON.stringify(frame));
  const head = body.length < 126 ? Buffer.from([0x81, body.length]) : body.length < 65_536 ? Buffer.from([0x81, 126, body.length >> 8, body.length & 255]) : undefined;
  if (!head) throw new Error("a frame of more than 64 KiB");
  socket.write(Buffer.concat([head, body]));
}

/** The first whole frame of what a client sent: masked, at most 64 KiB. */
function take(bytes: Buffer): { opcode: number; text: string; rest: Buffer } | undefined {
  if (bytes.length < 6) return undefined;
  const short = bytes.readUInt8(1) & 127;
  const at = short === 126 ? 4 : 2;
  const length = short === 126 ? bytes.readUInt16BE(2) : short;
  const end = at + 4 + length;
  if (bytes.length < end) return undefined;
  const mask = bytes.subarray(at, at + 4);
  const body = Buffer.from(bytes.subarray(at + 4, end).map((byte, index) => byte ^ (mask[index & 3] ?? 0)));
  return { opcode: bytes.readUInt8(0) & 15, text: body.toString(), rest: bytes.subarray(end) };
}
