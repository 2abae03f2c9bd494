// A printer that speaks IPP: ippeveprinter (Debian's cups-ipp-utils), and the two services by which it announces itself.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, freePorts } from "./office.ts";

export class Printer {
  readonly address: string;
  readonly #dir: string;
  readonly #children: ChildProcess[] = [];

  private constructor(dir: string, port: number) {
    this.#dir = dir;
    this.address = `ipp://localhost:${port}/ipp/print`;
  }

  /** `null`: what it needs isn't installed here. */
  static async start(): Promise<Printer | null> {
    const [port = 0] = await freePorts(1);
    const dir = mkdtempSync(join(tmpdir(), "printer-"));
    mkdirSync(join(dir, "spool"));
    writeFileSync(join(dir, "avahi.conf"), "[server]\nallow-interfaces=lo\nuse-ipv6=no\nenable-dbus=yes\n[wide-area]\nenable-wide-area=no\n");
    const printer = new Printer(dir, port);
    const bus = `unix:path=${join(dir, "bus")}`;
    try {
      await printer.#run("dbus-daemon", ["--session", "--nofork", "--nopidfile", `--address=${bus}`], bus);
      await eventually("the bus", () => existsSync(join(dir, "bus")));
      await printer.#run("avahi-daemon", ["--no-drop-root", "--no-chroot", "--no-rlimits", "--no-proc-title", "-f", join(dir, "avahi.conf")], bus);
      const words = ["-k", "-n", "localhost", "-s", "600", "-p", String(port), "-f", "application/pdf,image/jpeg", "-d", join(dir, "spool"), "booth"];
      // It has to be announced first, which takes a moment: it is begun again until it stays.
      await eventually("the printer", async () => {
        const child = await printer.#run("ippeveprinter", words, bus);
        return eventually("it answers", () => child.exitCode !== null || answers(port)).then(() => child.exitCode === null);
      });
      return printer;
    } catch (error) {
      printer.close();
      console.log(`# SKIPPED: no printer here (cups-ipp-utils, dbus-daemon, avahi-daemon): ${error}`);
      return null;
    }
  }

  async #run(program: string, words: string[], bus: string): Promise<ChildProcess> {
    const child = spawn(program, words, { stdio: "ignore", env: { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: bus } });
    this.#children.push(child);
    await new Promise((done, fail) => child.once("spawn", done).once("error", fail));
    return child;
  }

  /** What was printed, oldest first. */
  printed(): Buffer[] {
    const folder = join(this.#dir, "spool");
    return readdirSync(folder)
      .sort()
      .map((name) => readFileSync(join(folder, name)));
  }

  close(): void {
    for (const child of this.#children.reverse()) child.kill("SIGKILL");
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "localhost");
    socket.once("connect", () => done(true)).once("error", () => done(false));
    socket.once("connect", () => socket.destroy());
  });
}
