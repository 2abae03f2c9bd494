// An office's camera worker under strace: when the office is closed, `judge-trace` looks at all that it gave to the kernel, and
// whether a picture could have been among it (docs/vision.md, "That no picture leaves it").
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { constants, copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/** So many bytes at each start, and in each second after it. */
export interface Budget {
  start: number;
  second: number;
}

const WORKER = "vision";

/** The name under which a screen's player shares its camera (`frames::name_of`), as strace writes it. */
const player = (home: string): string => `@madoguchi-camera-${createHash("sha256").update(home).digest("hex").slice(0, 32)}`;

export class Trace {
  /** The folder from which the office is started: its programs, with the worker under strace among them. */
  readonly bin: string;
  readonly #judge: string;
  readonly #reports: string;

  private constructor(bin: string, judge: string, reports: string) {
    this.bin = bin;
    this.#judge = judge;
    this.#reports = reports;
  }

  /** Of the programs in `from`, with what it needs in `dir`. */
  static of(from: string, dir: string): Trace {
    const trace = new Trace(join(dir, "bin"), join(from, "judge-trace"), join(dir, "reports"));
    if (!existsSync(trace.#judge)) throw new Error(`${trace.#judge} is missing: build it with cargo build --workspace --bins`);
    for (const folder of [trace.bin, trace.#reports]) mkdirSync(folder);
    for (const file of readdirSync(from, { withFileTypes: true })) {
      if (file.isFile() && !file.name.includes(".") && !["madoguchi", WORKER].includes(file.name)) symlinkSync(join(from, file.name), join(trace.bin, file.name));
    }
    // The operator starts what lies beside itself, and a link would lead it back.
    const [operator, its] = [join(from, "madoguchi"), join(trace.bin, "madoguchi")];
    try {
      linkSync(operator, its);
    } catch {
      copyFileSync(operator, its, constants.COPYFILE_FICLONE);
    }
    const said = execFileSync(trace.#judge, ["wrap", join(from, WORKER), join(trace.bin, WORKER), trace.#reports], { encoding: "utf8" });
    if (said) console.log(said.trim());
    return trace;
  }

  /**
   * Fails when a picture could have left the worker of the office whose `run` this is, with so many areas and cameras. Screens'
   * cameras may be read, and are told nothing.
   * `answers`: for who sets cameras up.
   */
  async judge(run: string, tellers: number, answers: Budget): Promise<void> {
    const allowed = {
      redis: ["ledger", "live"].map((name) => join(run, `redis-${name}.sock`)),
      // An observation of an area takes some 340 bytes, a camera's report some 250, every two seconds and whenever something changes.
      to_redis: { start: 16_000, second: 500 * tellers },
      door: { socket: join(run, "vision/setup.sock"), answers, still: answers.start > 0 ? [64, 48] : null },
      players: existsSync(join(run, "screens")) ? readdirSync(join(run, "screens")).map((screen) => player(join(run, "screens", screen))) : [],
      // Its log goes through the operator.
      errors: { text: { start: 32_000, second: 100 } },
    };
    const args = ["judge", this.#reports, "--allowed", JSON.stringify(allowed)];
    const { stdout } = await promisify(execFile)(this.#judge, args, { maxBuffer: 1 << 24 }).catch((error: { stdout?: string; stderr?: string }) => {
      throw new Error(`vision: ${error.stdout ?? ""}${error.stderr ?? error}`);
    });
    if (stdout) console.log(`vision: ${stdout.trim()}`);
  }
}
