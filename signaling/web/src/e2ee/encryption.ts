// A page's part in encrypted calls: the worker for the frames and the agreement on keys, for one call at a time.
// Invariant: an agreement belongs to one call; what is told of another one, or of none, is dropped.
import { Agreement, type Privacy } from "./agreement.ts";
import { canEncrypt, Frames } from "./frames.ts";
import type { KeyMessage } from "./round.ts";

/** A worker that couldn't be loaded is tried again. */
const RESTART_MS = 1_000;

export interface EncryptionHandlers {
  send(to: string | undefined, message: KeyMessage): void;
  onChange(): void;
  /** There are other `frames` now: whatever went through the ones before must begin anew. */
  onBroken(): void;
}

export class Encryption {
  /** `null`: this browser can't. */
  frames: Frames | null;
  #agreement: Agreement | null = null;
  #call = "";
  readonly #handlers: EncryptionHandlers;

  /** `worker`: the address of its script. Loaded at once, so that it is there when a call begins. */
  constructor(worker: string, handlers: EncryptionHandlers) {
    this.#handlers = handlers;
    this.frames = canEncrypt() && worker !== "" ? this.#start(worker) : null;
  }

  #start(worker: string): Frames {
    return new Frames(worker, () => {
      // Whoever lost the keys' counters never uses those keys again.
      this.leave();
      setTimeout(() => {
        this.frames = this.#start(worker);
        this.#handlers.onBroken();
      }, RESTART_MS);
    });
  }

  get privacy(): Privacy {
    return this.#agreement?.privacy ?? "none";
  }

  /** The digits to compare; none before there are any. */
  get code(): string | null {
    return this.#agreement?.code ?? null;
  }

  /** This page is in a call's room, as `me`; perhaps again, or with a gap in what it was told. */
  enter(call: string, me: string): void {
    const { frames } = this;
    if (!frames) return;
    if (!this.#agreement || this.#call !== call || this.#agreement.me !== me) {
      this.leave();
      this.#call = call;
      this.#agreement = new Agreement(call, me, { ...this.#handlers, tell: (message) => frames.tell(message) });
    }
    this.#agreement.dispatch({ type: "start" });
  }

  /** The call is over for this page. */
  leave(): void {
    this.#agreement?.close();
    this.#agreement = null;
  }

  heard(from: string, message: KeyMessage): void {
    this.#agreement?.dispatch({ type: "message", from, message });
  }

  seen(participants: Iterable<string>): void {
    for (const participant of new Set(participants)) this.#agreement?.dispatch({ type: "seen", participant });
  }

  left(participant: string): void {
    this.#agreement?.dispatch({ type: "left", participant });
  }
}
