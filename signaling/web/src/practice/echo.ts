// A voice that comes back late, so that one knows it for one's own.

/** Long enough to have finished a word. */
const DELAY_S = 1.5;

/** Plays a stream late. Gives the end of that. */
export function playLate(stream: MediaStream): () => void {
  const context = new AudioContext();
  const delay = context.createDelay(DELAY_S + 0.5);
  delay.delayTime.value = DELAY_S;
  // Chromium gives a connection's sound to nobody unless an element plays it too.
  const pump = new Audio();
  pump.muted = true;
  pump.srcObject = stream;
  void pump.play().catch(() => undefined);
  const source = context.createMediaStreamSource(stream);
  source.connect(delay).connect(context.destination);
  void context.resume();
  return () => {
    pump.srcObject = null;
    void context.close();
  };
}
