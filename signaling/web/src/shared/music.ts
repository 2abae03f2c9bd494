// The music while somebody is on hold: made by the page itself, so that nothing has to be loaded and nobody's rights are
// touched. A few soft notes of a pentatonic scale over two long ones, never loud, never quite the same.

/** D, E, F sharp, A, B: every two of them sound well together. */
const SCALE_HZ = [293.66, 329.63, 369.99, 440, 493.88, 587.33, 659.26, 739.99];
const DRONES_HZ = [146.83, 220];
const NOTE_EVERY_S = 0.9;
/** Notes are laid ahead, so that a page that is busy plays on. */
const AHEAD_S = 2.7;
const VOLUME = 0.12;

/** The next step on the scale: mostly to a neighbour, sometimes a rest (`null`). `random` is from 0 to 1. */
export function nextStep(step: number, random: number): { step: number; isRest: boolean } {
  const moves = [-2, -1, -1, 0, 1, 1, 2];
  const move = moves[Math.min(moves.length - 1, Math.floor(random * moves.length))] ?? 0;
  const last = SCALE_HZ.length - 1;
  const next = step + move;
  // Back from the ends, not over them.
  const within = next < 0 ? -next : next > last ? 2 * last - next : next;
  return { step: within, isRest: move === 0 };
}

export class Music {
  readonly #context = new AudioContext();
  readonly #master = this.#context.createGain();
  readonly #timer: ReturnType<typeof setInterval>;
  #step = 3;
  #nextAt: number;

  constructor() {
    this.#master.gain.value = VOLUME;
    this.#master.connect(this.#context.destination);
    for (const frequency of DRONES_HZ) this.#drone(frequency);
    this.#nextAt = this.#context.currentTime + 0.3;
    this.#timer = setInterval(() => this.#layAhead(), 500);
    this.#layAhead();
    void this.#context.resume();
  }

  /** Whether it is heard: browsers may want a touch first. */
  get isPlaying(): boolean {
    return this.#context.state === "running";
  }

  stop(): void {
    clearInterval(this.#timer);
    const now = this.#context.currentTime;
    this.#master.gain.setTargetAtTime(0, now, 0.08);
    setTimeout(() => void this.#context.close(), 400);
  }

  #layAhead(): void {
    while (this.#nextAt < this.#context.currentTime + AHEAD_S) {
      const { step, isRest } = nextStep(this.#step, Math.random());
      this.#step = step;
      if (!isRest) this.#note(SCALE_HZ[step] ?? 440, this.#nextAt);
      this.#nextAt += NOTE_EVERY_S;
    }
  }

  #note(frequency: number, at: number): void {
    const tone = this.#context.createOscillator();
    const gain = this.#context.createGain();
    tone.type = "triangle";
    tone.frequency.value = frequency;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.6, at + 0.06);
    gain.gain.exponentialRampToValueAtTime(0.001, at + 2.4);
    tone.connect(gain).connect(this.#master);
    tone.start(at);
    tone.stop(at + 2.5);
  }

  #drone(frequency: number): void {
    const tone = this.#context.createOscillator();
    const gain = this.#context.createGain();
    tone.frequency.value = frequency;
    gain.gain.value = 0;
    gain.gain.setTargetAtTime(0.16, this.#context.currentTime, 1.5);
    tone.connect(gain).connect(this.#master);
    tone.start();
  }
}
