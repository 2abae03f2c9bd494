// The worker through which every frame of an encrypted call goes (WebRTC Encoded Transform), apart from the page so that
// a busy page never holds a frame up. Invariant: a frame that can't be sealed or opened goes nowhere; after a picture was
// lost, none that builds on it is passed on, and a whole one is asked for.
import type { Bytes } from "./bytes.ts";
import { Chain } from "./chain.ts";
import { isKeyFrame } from "./clear.ts";
import type { FromWorker, ToWorker, TransformOptions } from "./frames.ts";
import { KeyRing } from "./ring.ts";

/** A sender makes no more whole pictures than this, whoever asks. */
const ASK_EVERY_MS = 400;

interface EncodedFrame {
  data: ArrayBuffer;
}

interface Transformer {
  readable: ReadableStream<EncodedFrame>;
  writable: WritableStream<EncodedFrame>;
  options: TransformOptions;
  sendKeyFrameRequest?(): Promise<void>;
}

const ring = new KeyRing();
let busyMs = 0;

type Transform = (frame: EncodedFrame) => Promise<boolean>;

function sealing({ kind }: TransformOptions): Transform {
  return async (frame) => {
    const sealed = await ring.sealFrame(kind, new Uint8Array(frame.data));
    if (sealed) frame.data = sealed.buffer;
    return sealed !== null;
  };
}

function opening({ kind, sender = "" }: TransformOptions, askForKeyFrame: () => void): Transform {
  const chain = new Chain();
  return async (frame) => {
    const plain = await ring.openFrame(kind, sender, new Uint8Array(frame.data));
    const isLost = typeof plain === "string";
    if (!isLost) frame.data = plain.buffer;
    if (kind === "audio") return !isLost;
    const verdict = chain.take(isLost ? plain : isKeyFrame(plain) ? "whole" : "building");
    if (verdict === "ask") askForKeyFrame();
    return verdict === "pass";
  };
}

/** Asks the sender for a whole picture, not too often. */
function asking(transformer: Transformer): () => void {
  let askedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - askedAt < ASK_EVERY_MS) return;
    askedAt = now;
    // Refused only while the track isn't live.
    void transformer.sendKeyFrameRequest?.().catch(() => undefined);
  };
}

function take(transformer: Transformer): void {
  const { options } = transformer;
  const transform = options.side === "send" ? sealing(options) : opening(options, asking(transformer));
  const frames = new TransformStream<EncodedFrame, EncodedFrame>({
    async transform(frame, out) {
      const before = performance.now();
      const isWhole = await transform(frame);
      busyMs += performance.now() - before;
      if (isWhole) out.enqueue(frame);
    },
  });
  // Ends with its connection.
  void transformer.readable
    .pipeThrough(frames)
    .pipeTo(transformer.writable)
    .catch(() => undefined);
}

async function opened(bytes: Bytes, sender: string): Promise<Bytes | "later" | "never"> {
  const standing = ring.standing(bytes, sender);
  return standing === "here" ? ((await ring.open(bytes, sender)) ?? "never") : standing;
}

async function told(message: ToWorker): Promise<unknown> {
  switch (message.do) {
    case "send":
      return ring.send(message.base, message.kid);
    case "receive":
      return ring.receive(message.sender, message.base, message.kid);
    case "silence":
      return ring.silence();
    case "forget":
      return ring.forget(message.sender);
    case "seal":
      return ring.seal(message.bytes);
    case "open":
      return opened(message.bytes, message.sender);
    case "counts":
      return { ...ring.counts, busyMs };
  }
}

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ToWorker & { id: number }>) => void) | null;
  onrtctransform: ((event: { transformer: Transformer }) => void) | null;
  postMessage(message: FromWorker): void;
};
/** What is told takes effect in the order in which it is told. */
let telling: Promise<unknown> = Promise.resolve();
scope.onmessage = ({ data }) => {
  telling = telling.then(() => told(data)).then(
    (result) => scope.postMessage({ id: data.id, result }),
    () => scope.postMessage({ id: data.id, result: null }),
  );
};
scope.onrtctransform = ({ transformer }) => take(transformer);
