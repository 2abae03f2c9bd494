// Captions typed while somebody speaks: pure. Every message holds its whole utterance as it stands, so that what is lost or
// overtaken on the way garbles nothing. Invariant: of an utterance the largest version is shown, and a finished one stays.
import { cut } from "./chat.ts";
import { MAX_CAPTION, type TalkMessage } from "./wire.ts";

type CaptionMessage = Extract<TalkMessage, { type: "caption" }>;

/** Utterances kept of each speaker. Full: the oldest is forgotten. */
const MOST_KEPT = 30;
/** From so many characters on, an utterance ends at the next sign of an end. */
const LONG = 60;

export interface Utterance {
  from: string;
  utterance: number;
  version: number;
  text: string;
  isDone: boolean;
  /** In the order in which they began, whoever's they are. */
  order: number;
}

export interface Captions {
  utterances: Utterance[];
  begun: number;
}

export const NO_CAPTIONS: Captions = { utterances: [], begun: 0 };

export function withCaption(captions: Captions, from: string, message: CaptionMessage): Captions {
  const { utterance, version, text, isDone } = message;
  const isIt = (one: Utterance) => one.from === from && one.utterance === utterance;
  const known = captions.utterances.find(isIt);
  if (known) {
    const isNewer = version > known.version && (isDone || !known.isDone);
    if (!isNewer) return captions;
    const next = { ...known, version, text, isDone };
    return { ...captions, utterances: captions.utterances.map((one) => (isIt(one) ? next : one)) };
  }
  const own = captions.utterances.filter((one) => one.from === from);
  // What is older than all that is kept was forgotten on purpose.
  if (own.length >= MOST_KEPT && own.every((one) => one.utterance > utterance)) return captions;
  const oldest = own.length >= MOST_KEPT ? own.reduce((a, b) => (a.utterance < b.utterance ? a : b)) : null;
  const next: Utterance = { from, utterance, version, text, isDone, order: captions.begun };
  return { utterances: [...captions.utterances.filter((one) => one !== oldest), next], begun: captions.begun + 1 };
}

/** What is to be read now: the newest with words, the oldest first. */
export function lastLines(captions: Captions, count: number): Utterance[] {
  return captions.utterances
    .filter(({ text }) => text.trim() !== "")
    .sort((a, b) => a.order - b.order)
    .slice(-count);
}

/** What a captioner types, as utterances. */
export class Captioner {
  #utterance: number;
  #version = 0;
  #text = "";

  /** `startedAt`: seconds since 1970; who reloads begins with larger numbers than before. */
  constructor(startedAt: number) {
    this.#utterance = Math.floor(startedAt);
  }

  get text(): string {
    return this.#text;
  }

  /** The text is this now. Finished utterances are `isDone`; the last one is what stays to be typed on. */
  typed(text: string): CaptionMessage[] {
    const messages: CaptionMessage[] = [];
    let rest = text.replace(/[\r\n]+/g, " ");
    for (let end = endOf(rest); end !== null; end = endOf(rest)) {
      messages.push(this.#finish(rest.slice(0, end)));
      rest = rest.slice(end);
    }
    if (rest === this.#text) return messages;
    this.#text = rest;
    return [...messages, this.now()];
  }

  /** The end of a sentence was said by hand. */
  finish(): CaptionMessage[] {
    return this.#text === "" ? [] : [this.#finish(this.#text)];
  }

  /** The utterance as it stands: a new version of it. */
  now(): CaptionMessage {
    this.#version += 1;
    return { type: "caption", utterance: this.#utterance, version: this.#version, text: this.#text, isDone: false };
  }

  #finish(text: string): CaptionMessage {
    const done: CaptionMessage = { type: "caption", utterance: this.#utterance, version: this.#version + 1, text, isDone: true };
    this.#utterance += 1;
    this.#version = 0;
    this.#text = "";
    return done;
  }
}

/** Where a long text can be parted; `null`: it can stay as it is. */
function endOf(text: string): number | null {
  if (text.length > MAX_CAPTION) return cut(text, MAX_CAPTION).length;
  if (text.length < LONG) return null;
  const sign = text.slice(LONG - 1).search(/[。．！？.!?]/);
  return sign < 0 ? null : LONG + sign;
}

/** How somebody reads captions: kept on their device. */
export interface CaptionLook {
  /** 0 to 3, in steps. */
  size: number;
  colours: "dark" | "light" | "yellow";
  isOn: boolean;
}

export const SIZES = 4;
export const COLOURS = ["dark", "light", "yellow"] as const;
export const USUAL_LOOK: CaptionLook = { size: 1, colours: "dark", isOn: true };

/** What was kept, as far as it is a look. */
export function readLook(text: string | null): CaptionLook {
  try {
    const { size, colours, isOn } = JSON.parse(text ?? "{}") as Partial<CaptionLook>;
    return {
      size: Number.isInteger(size) && size !== undefined && size >= 0 && size < SIZES ? size : USUAL_LOOK.size,
      colours: COLOURS.find((one) => one === colours) ?? USUAL_LOOK.colours,
      isOn: typeof isOn === "boolean" ? isOn : USUAL_LOOK.isOn,
    };
  } catch {
    return USUAL_LOOK;
  }
}
