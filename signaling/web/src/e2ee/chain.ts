// Which of a sender's pictures may go on to the decoder. Invariant: after one was lost, none that builds on it goes on until a
// whole one comes; one that comes twice is nothing lost.
import type { Lost } from "./ring.ts";

/** pass: on to the decoder. drop: nowhere. ask: nowhere, and a whole picture is needed. */
export type Verdict = "pass" | "drop" | "ask";

export class Chain {
  #isBroken = false;

  /** What to do with the next picture: a whole one, one that builds on others, or none that could be had. */
  take(picture: "whole" | "building" | Lost): Verdict {
    switch (picture) {
      case "whole":
        this.#isBroken = false;
        return "pass";
      case "building":
        return this.#isBroken ? "ask" : "pass";
      // Where a packet is repeated, Chromium may make the same picture of it a second time.
      case "replayed":
        return "drop";
      case "forged":
      case "unknownKey":
        this.#isBroken = true;
        return "ask";
    }
  }
}
