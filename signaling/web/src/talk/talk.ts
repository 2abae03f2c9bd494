// All that is written and shown in a call: holds the models, sends what the person does, takes what the others say. Invariant:
// with the call everything is gone; who comes back is told what the others still have.
import type { RoomRole } from "../shared/protocol.ts";
import { type BoothHands, type BoothParts, isUnderWay, type PrintState } from "./booth.ts";
import { Captioner, type CaptionLook, type Captions, NO_CAPTIONS, readLook, withCaption } from "./captions.ts";
import { Channel, type Heard, type Carrier, type Sealing } from "./channel.ts";
import { type Chat, history, NO_CHAT, opened, tidy, withHistory, withLine, withState } from "./chat.ts";
import { type PaperPrograms, Papers } from "./papers/papers.ts";
import { newId, type TalkMessage } from "./wire.ts";

/** While somebody types, so often at most. */
const CAPTION_EVERY_MS = 100;
/** Who pauses for so long is sure to be read. */
const CAPTION_SETTLES_MS = 400;
const LOOK_KEY = "madoguchi.captions";

export interface TalkHandlers {
  me(): string | null;
  /** The role of somebody in the call. */
  roleOf(participant: string): RoomRole | undefined;
  /** The server's clock, in milliseconds. */
  now(): number;
  onChange(): void;
}

export class Talk {
  chat: Chat = NO_CHAT;
  captions: Captions = NO_CAPTIONS;
  look: CaptionLook = readLook(stored());
  /** What is being written, for the time that the chat is closed. */
  draft = "";
  /** Who signs, or watches signs; this page's own wish is in `isSigning`. */
  readonly signers = new Set<string>();
  isSigning = false;
  readonly papers: Papers;
  /** Booths in the call, and how far what was to be printed there is, by paper. */
  readonly booths = new Map<string, BoothParts>();
  readonly prints = new Map<string, PrintState>();
  /** What this page does for staff, when it is a booth's. */
  hands: BoothHands | null = null;
  readonly #channel: Channel;
  readonly #handlers: TalkHandlers;
  readonly #pointerListeners = new Set<() => void>();
  #captioner = new Captioner(Date.now() / 1000);
  #captionTimer: ReturnType<typeof setTimeout> | undefined;
  #settleTimer: ReturnType<typeof setTimeout> | undefined;
  #captionedAt = 0;
  /** Who is there, and has been told what is here. */
  #others = new Set<string>();
  readonly #roles = new Map<string, RoomRole>();

  constructor(carrier: Carrier, keys: () => Sealing | null, programs: PaperPrograms, handlers: TalkHandlers) {
    this.#handlers = handlers;
    this.#channel = new Channel(carrier, keys);
    this.#channel.onMessage((heard) => this.#heard(heard));
    this.papers = new Papers(this.#channel, programs, {
      me: () => handlers.me(),
      isStaff: (participant) => this.roleOf(participant) === "staff",
      onChange: () => handlers.onChange(),
      onPointers: () => {
        for (const listener of this.#pointerListeners) listener();
      },
    });
  }

  onPointers(listener: () => void): () => void {
    this.#pointerListeners.add(listener);
    return () => this.#pointerListeners.delete(listener);
  }

  /** The role of somebody who is in the call, or was. */
  roleOf(participant: string): RoomRole | undefined {
    const role = this.#handlers.roleOf(participant);
    if (role) this.#roles.set(participant, role);
    return role ?? this.#roles.get(participant);
  }

  /** Whether addresses that somebody writes may be followed. */
  isTrusted(participant: string): boolean {
    return this.roleOf(participant) === "staff";
  }

  /** Who is in the call now, by connections that work; each time that it may have changed. */
  present(participants: Set<string>): void {
    for (const one of this.#others) if (!participants.has(one)) this.#left(one);
    const isSomebodyNew = [...participants].some((one) => !this.#others.has(one));
    this.#others = participants;
    for (const one of participants) this.roleOf(one);
    // They tell what they have, and ask in turn when they see this page come.
    if (isSomebodyNew) this.#tell({ type: "hello" });
    if (isSomebodyNew && this.isSigning) this.#tell({ type: "signing", isOn: true });
  }

  #left(participant: string): void {
    this.signers.delete(participant);
    this.booths.delete(participant);
    this.papers.left(participant);
  }

  /** The call is over. */
  end(): void {
    clearTimeout(this.#captionTimer);
    clearTimeout(this.#settleTimer);
    this.#captioner = new Captioner(Date.now() / 1000);
    this.#others.clear();
    this.#roles.clear();
    this.draft = "";
    this.signers.clear();
    this.booths.clear();
    this.prints.clear();
    this.isSigning = false;
    this.papers.end();
    this.#set({ chat: NO_CHAT, captions: NO_CAPTIONS });
  }

  /** Writes a line to all. False: there was nothing to write. */
  say(written: string): boolean {
    const [text, me] = [tidy(written), this.#handlers.me()];
    if (text === null || me === null) return false;
    const id = newId();
    const line = { id, from: me, at: this.#handlers.now(), text, state: "sending", isFirstHand: true } as const;
    this.#set({ chat: withLine(this.chat, line, me) });
    const isAlone = this.#others.size === 0;
    this.#channel.send({ type: "chat", id, text }).then(
      () => this.#set({ chat: withState(this.chat, id, isAlone ? "waiting" : "sent") }),
      () => this.#set({ chat: withState(this.chat, id, "waiting") }),
    );
    return true;
  }

  openChat(isOpen: boolean): void {
    this.#set({ chat: opened(this.chat, isOpen) });
  }

  /** The captioner's text is this now. Gives what stays of it to be typed on. */
  caption(text: string): string {
    const messages = this.#captioner.typed(text);
    for (const message of messages) {
      this.#captioned(message);
      if (message.isDone) this.#tell(message);
      else this.#tellSoon();
    }
    return this.#captioner.text;
  }

  finishCaption(): void {
    for (const message of this.#captioner.finish()) {
      this.#captioned(message);
      this.#tell(message);
    }
    clearTimeout(this.#captionTimer);
    clearTimeout(this.#settleTimer);
  }

  #captioned(message: Extract<TalkMessage, { type: "caption" }>): void {
    const me = this.#handlers.me();
    if (me !== null) this.#set({ captions: withCaption(this.captions, me, message) });
  }

  /** At once, or when the last one is long enough ago; and, when there is a pause, in a way that is sure to arrive. */
  #tellSoon(): void {
    clearTimeout(this.#captionTimer);
    clearTimeout(this.#settleTimer);
    const waitMs = Math.max(0, this.#captionedAt + CAPTION_EVERY_MS - performance.now());
    this.#captionTimer = setTimeout(() => {
      this.#captionedAt = performance.now();
      void this.#channel.sendLossy(this.#captioner.now());
    }, waitMs);
    this.#settleTimer = setTimeout(() => {
      if (this.#captioner.text !== "") this.#tell(this.#captioner.now());
    }, CAPTION_SETTLES_MS);
  }

  setLook(change: Partial<CaptionLook>): void {
    const look = { ...this.look, ...change };
    try {
      localStorage.setItem(LOOK_KEY, JSON.stringify(look));
    } catch {
      // Storage is forbidden: the choice holds for this page.
    }
    this.#set({ look });
  }

  setSigning(isSigning: boolean): void {
    this.#set({ isSigning });
    this.#tell({ type: "signing", isOn: isSigning });
  }

  /** Somebody in the call, this page or another, needs pictures that move smoothly. */
  get needsMotion(): boolean {
    return this.isSigning || this.signers.size > 0;
  }

  #heard(heard: Heard): void {
    const { from, message } = heard;
    const me = this.#handlers.me() ?? "";
    switch (message.type) {
      case "hello":
        return this.#greet(from);
      case "chat": {
        const line = { id: message.id, from, at: this.#handlers.now(), text: message.text, state: "sent", isFirstHand: true } as const;
        return this.#set({ chat: withLine(this.chat, line, me) });
      }
      case "history":
        return this.#set({ chat: withHistory(this.chat, message.lines, from, me) });
      case "caption":
        return this.#set({ captions: withCaption(this.captions, from, message) });
      case "signing":
        if (message.isOn) this.signers.add(from);
        else this.signers.delete(from);
        return this.#handlers.onChange();
      case "booth":
        if (this.roleOf(from) !== "resident") return;
        this.booths.set(from, { camera: message.camera, printer: message.printer });
        return this.#handlers.onChange();
      case "document_camera":
        if (this.isTrusted(from)) this.hands?.documentCamera(message.isOn);
        return;
      case "print":
        return this.#print(from, message.paper);
      case "printing":
        if (!this.booths.has(from)) return;
        this.prints.set(message.paper, message.state);
        return this.#handlers.onChange();
      default:
        return this.papers.heard(heard);
    }
  }

  /** Asks the booth to print a paper that is shown in the call. */
  print(paper: string): void {
    const booth = [...this.booths].find(([, parts]) => parts.printer)?.[0];
    if (booth === undefined || isUnderWay(this.prints.get(paper))) return;
    this.prints.set(paper, "asked");
    this.#handlers.onChange();
    this.#channel.send({ type: "print", paper }, booth).catch(() => {
      this.prints.set(paper, "failed");
      this.#handlers.onChange();
    });
  }

  /** Asks the booth to show what lies on its table. */
  askForDocumentCamera(isOn: boolean): void {
    const booth = [...this.booths].find(([, parts]) => parts.camera)?.[0];
    if (booth !== undefined) this.#tell({ type: "document_camera", isOn }, booth);
  }

  /** A booth prints what staff ask for, a paper at a time. */
  #print(from: string, id: string): void {
    const paper = this.papers.shelf.papers.find((one) => one.id === id);
    if (!this.hands?.parts.printer || !this.isTrusted(from) || isUnderWay(this.prints.get(id))) return;
    const tell = (state: PrintState) => {
      this.prints.set(id, state);
      this.#handlers.onChange();
      this.#tell({ type: "printing", paper: id, state });
    };
    if (!paper || paper.pages.some((page) => page === null)) return tell("failed");
    tell("printing");
    this.hands.print(paper, tell);
  }

  /** Tells somebody what this page has. */
  #greet(participant: string): void {
    for (const lines of history(this.chat)) {
      const told = this.#channel.send({ type: "history", lines }, participant);
      told.then(
        () => {
          const ids = new Set(lines.map((one) => one.id));
          const waiting = this.chat.lines.filter(({ id, state }) => state === "waiting" && ids.has(id));
          this.#set({ chat: waiting.reduce((chat, { id }) => withState(chat, id, "sent"), this.chat) });
        },
        () => undefined,
      );
    }
    this.papers.greet(participant);
    if (this.hands) this.#tell({ type: "booth", ...this.hands.parts }, participant);
    if (this.isSigning) this.#tell({ type: "signing", isOn: true }, participant);
  }

  #tell(message: TalkMessage, to = ""): void {
    // Who isn't reached is told when they are back.
    void this.#channel.send(message, to).catch(() => undefined);
  }

  #set(change: Partial<Pick<this, "chat" | "captions" | "look" | "isSigning">>): void {
    Object.assign(this, change);
    this.#handlers.onChange();
  }
}

function stored(): string | null {
  try {
    return localStorage.getItem(LOOK_KEY);
  } catch {
    return null;
  }
}
