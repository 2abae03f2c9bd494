// A mail server that keeps what it is given (RFC 5321, without extensions): the office's letters really go through it.
import { createServer, type Server, type Socket } from "node:net";

/** Nothing that the office sends comes near it. */
const MOST_BYTES = 1_000_000;

export class Mailbox {
  readonly port: number;
  readonly letters: string[] = [];
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async open(): Promise<Mailbox> {
    const server = createServer();
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
    const mailbox = new Mailbox(server, (server.address() as { port: number }).port);
    server.on("connection", (socket) => mailbox.#talk(socket));
    return mailbox;
  }

  #talk(socket: Socket): void {
    let rest = "";
    let isLetter = false;
    const say = (line: string) => socket.write(`${line}\r\n`);
    socket.setEncoding("utf8");
    socket.on("error", () => socket.destroy());
    say("220 localhost");
    socket.on("data", (chunk) => {
      rest += chunk;
      if (rest.length > MOST_BYTES) socket.destroy();
      for (;;) {
        const end = isLetter ? "\r\n.\r\n" : "\r\n";
        const at = rest.indexOf(end);
        if (at < 0) return;
        const part = rest.slice(0, at);
        rest = rest.slice(at + end.length);
        if (isLetter) {
          this.letters.push(part.replaceAll("\r\n..", "\r\n."));
          isLetter = false;
          say("250 kept");
          continue;
        }
        const command = part.slice(0, 4).toUpperCase();
        isLetter = command === "DATA";
        say(isLetter ? "354 go on" : command === "QUIT" ? "221 bye" : "250 ok");
      }
    });
  }

  /** The addresses in a letter's texts, whatever their encoding. */
  static links(letter: string): string[] {
    const parts = letter.split(/^--.*$/m).map((part) => {
      const [head = "", ...body] = part.split("\r\n\r\n");
      const text = body.join("\r\n\r\n");
      if (/base64/i.test(head)) return Buffer.from(text, "base64").toString("utf8");
      if (!/quoted-printable/i.test(head)) return text;
      return text.replace(/=\r\n/g, "").replace(/=([0-9A-F]{2})/g, (_, byte: string) => String.fromCharCode(Number.parseInt(byte, 16)));
    });
    return parts.flatMap((text) => text.match(/https:\/\/[^\s"<>]+/g) ?? []);
  }

  close(): Promise<void> {
    return new Promise((closed) => this.#server.close(() => closed()));
  }
}
