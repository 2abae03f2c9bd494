// A voice that comes back late, so that one knows it for one's own.
import { rms } from "../shared/meter.ts";

/** Long enough to have finished a word. */
const DELAY_S = 1.5;

/** Plays a stream late, and says how loud it is when it comes. */
export class Echo {
  readonly #context = new AudioContext();
  readonly #analyser = this.#context.createAnalyser();
  readonly #samples: Float32Array<ArrayBuffer>;
  readonly #pump = new Audio();

  constructor(stream: MediaStream) {
    this.#analyser.fftSize = 2048;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    const delay = this.#context.createDelay(DELAY_S + 0.5);
    delay.delayTime.value = DELAY_S;
    // Chromium gives a connection's sound to nobody unless an element takes it too.
    this.#pump.muted = true;
    this.#pump.srcObject = stream;
    void this.#pump.play().catch(() => undefined);
    const source = this.#context.createMediaStreamSource(stream);
    source.connect(this.#analyser);
    source.connect(delay).connect(this.#context.destination);
    void this.#context.resume();
  }

  /** The root mean square of what comes now, from 0 to 1; `null` where the browser doesn't let sound run. */
  level(): number | null {
    if (this.#context.state !== "running") return null;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return rms(this.#samples);
  }

  close(): void {
    this.#pump.srcObject = null;
    void this.#context.close();
  }
}
