// How loud a microphone is, from 0 to 1, for the bar that shows that a voice arrives.

const SILENCE_DB = -60;
const LOUD_DB = -12;

/** A root mean square (0 to 1) as the length of a bar: logarithmic, as ears are. */
export function barLength(rms: number): number {
  if (rms <= 0) return 0;
  const db = 20 * Math.log10(rms);
  return Math.min(1, Math.max(0, (db - SILENCE_DB) / (LOUD_DB - SILENCE_DB)));
}

/** The root mean square of samples from -1 to 1. */
export function rms(samples: Float32Array): number {
  return Math.sqrt(samples.reduce((total, value) => total + value * value, 0) / samples.length);
}

export class Meter {
  readonly #context = new AudioContext();
  readonly #analyser = this.#context.createAnalyser();
  readonly #samples: Float32Array<ArrayBuffer>;

  constructor(track: MediaStreamTrack) {
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#context.createMediaStreamSource(new MediaStream([track])).connect(this.#analyser);
  }

  level(): number {
    // Browsers start sound only after a touch; until then this does nothing.
    if (this.#context.state === "suspended") void this.#context.resume();
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return barLength(rms(this.#samples));
  }

  close(): void {
    void this.#context.close();
  }
}

/** Two soft notes: somebody is there. Silent where the browser forbids sound. */
export function chime(): void {
  const context = new AudioContext();
  const now = context.currentTime;
  for (const [at, frequency] of [
    [0, 659],
    [0.22, 880],
  ] as const) {
    const tone = context.createOscillator();
    const gain = context.createGain();
    tone.frequency.value = frequency;
    gain.gain.setValueAtTime(0, now + at);
    gain.gain.linearRampToValueAtTime(0.18, now + at + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, now + at + 0.6);
    tone.connect(gain).connect(context.destination);
    tone.start(now + at);
    tone.stop(now + at + 0.65);
    if (at > 0) tone.onended = () => void context.close();
  }
}
