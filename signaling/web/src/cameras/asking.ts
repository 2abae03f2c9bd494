// What the page asks of the server. Nothing of it is kept beside what the page shows.
import type { Geometry, Wrong } from "./geometry.ts";

export interface Still {
  answer: "picture";
  width: number;
  height: number;
  /** The camera's own picture, in pixels. */
  of: [number, number];
  /** In base64. */
  png: string;
}

export interface Boxes {
  answer: "boxes";
  at: number;
  status: string;
  count: number | null;
  people: { place: [number, number, number, number]; is_counted: boolean }[];
}

export interface Counted {
  answer: "counted";
  /** For each second of the film. */
  seconds: (number | null)[];
  crossed: [number, number] | null;
}

export const REASONS = [
  "away", "no_camera", "no_picture", "busy", "no_film", "cant_count", "too_long", "not_a_film", "too_large", "broken_off", "no_space", "stopped",
  "failed",
] as const;
export type Reason = (typeof REASONS)[number];

interface Refused {
  answer: "refused" | "away";
  why?: string;
}

export type Saved = { saved: "done"; version: number } | { saved: "wrong"; wrongs: Wrong[] } | { saved: "stale" };

/** Why nothing came, in a word that there is a text for. */
export class Failure extends Error {
  readonly reason: Reason;

  constructor(reason: string | undefined) {
    super(reason);
    this.reason = REASONS.find((known) => known === reason) ?? "failed";
  }
}

export class Asking {
  readonly #path: string;
  readonly #csrf: string;

  constructor(camera: string, csrf: string) {
    this.#path = `/staff/cameras/one/${camera}`;
    this.#csrf = csrf;
  }

  async #post(what: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    try {
      return await fetch(`${this.#path}/${what}`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRF-Token": this.#csrf },
        body: JSON.stringify(body),
        signal: signal ?? null,
        cache: "no-store",
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Failure("failed");
    }
  }

  async still(): Promise<Still> {
    return checked<Still>(await answerOf(await this.#post("picture", {})), "picture");
  }

  /** Gives each moment to `show`, until the server ends it or `signal` does. */
  async watch(show: (boxes: Boxes) => void, signal: AbortSignal): Promise<void> {
    const response = await this.#post("boxes", {}, signal);
    if (!response.ok) throw checkedFailure(await answerOf(response));
    for await (const line of linesOf(response)) show(checked<Boxes>(line, "boxes"));
  }

  async trial(geometry: Geometry, film: string): Promise<Counted> {
    const response = await this.#post("trial", { geometry, film });
    if (!response.ok) throw checkedFailure(await answerOf(response));
    for await (const line of linesOf(response)) return checked<Counted>(line, "counted");
    throw new Failure("failed");
  }

  /** Sends a film and has it counted. `sent`: its share that is on its way, 0 to 1. Stopped by `signal`, nothing of it is left. */
  bring(geometry: Geometry, film: File, sent: (share: number) => void, signal: AbortSignal): Promise<Counted> {
    const form = new FormData();
    form.append("geometry", JSON.stringify(geometry));
    // What it is called on this machine is nobody's business.
    form.append("film", film, "film");
    return new Promise((resolve, reject) => {
      // Unlike fetch it tells how much has gone.
      const request = new XMLHttpRequest();
      request.open("POST", `${this.#path}/film`);
      request.setRequestHeader("X-CSRF-Token", this.#csrf);
      request.upload.onprogress = ({ loaded, total }) => sent(total > 0 ? loaded / total : 0);
      request.onload = () => {
        try {
          resolve(checked<Counted>(jsonOf(request.responseText), "counted"));
        } catch (error) {
          reject(error);
        }
      };
      request.onerror = () => reject(new Failure("broken_off"));
      request.onabort = () => reject(new Failure("stopped"));
      signal.addEventListener("abort", () => request.abort());
      request.send(form);
    });
  }

  async save(version: number, geometry: Geometry): Promise<Saved> {
    const answer = (await answerOf(await this.#post("setup", { version, geometry }))) as Saved | null;
    if (!answer || !("saved" in answer)) throw new Failure("failed");
    return answer;
  }
}

/** The answer's JSON; null where it is none, such as a page that asks to log in. */
async function answerOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return null;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function checkedFailure(answer: unknown): Failure {
  const refused = answer as Refused | null;
  return new Failure(refused?.answer === "away" ? "away" : refused?.why);
}

function checked<T extends { answer: string }>(answer: unknown, kind: T["answer"]): T {
  if ((answer as T | null)?.answer === kind) return answer as T;
  throw checkedFailure(answer);
}

/** The lines of a response as they come, each a JSON value. */
async function* linesOf(response: Response): AsyncGenerator<unknown> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line) yield JSON.parse(line);
    }
  } finally {
    void reader.cancel().catch(() => null);
  }
}
