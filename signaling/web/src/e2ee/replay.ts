// Which counters of a key were seen. Invariant: no counter is accepted twice; what is older than the window is not
// accepted at all.

/** Sound and picture of one sender share a counter, and pictures may come some seconds later: about 20 s of a call. */
const WINDOW = 4096;

export class ReplayWindow {
  #highest = -1;
  readonly #seen = new Uint8Array(WINDOW);

  /** Whether a counter is new, as far as that can be told. */
  isFresh(counter: number): boolean {
    if (counter > this.#highest) return true;
    return counter > this.#highest - WINDOW && this.#seen[counter % WINDOW] === 0;
  }

  /** Notes a counter, once what came with it has proved true: whoever forges can't move the window. False: seen meanwhile. */
  take(counter: number): boolean {
    if (!this.isFresh(counter)) return false;
    if (counter - this.#highest >= WINDOW) this.#seen.fill(0);
    else for (let passed = this.#highest + 1; passed < counter; passed++) this.#seen[passed % WINDOW] = 0;
    this.#seen[counter % WINDOW] = 1;
    this.#highest = Math.max(this.#highest, counter);
    return true;
  }
}
