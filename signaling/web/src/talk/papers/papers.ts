// Papers in a call: brings them in, sends their pages, fills up who comes back, and follows which page is shown and where the
// others point. Invariant: a page leaves this browser only through the call's channel; nothing is kept when a paper is put away
// or the call ends.
import type { Channel, Heard } from "../channel.ts";
import { cut } from "../chat.ts";
import { MAX_NAME, newId, type TalkMessage } from "../wire.ts";
import { PaperError, type PaperProblem, problemIn } from "./limits.ts";
import type { Places, Source } from "./render.ts";
import { EMPTY_SHELF, isFull, MOST_BYTES, bytesOf, paperOf, pagesHere, piecesOf, type Shelf, withoutPaper, withPage, withPaper, withPiece, withShowing } from "./shelf.ts";

/** Pieces on their way at once: with less the line stands idle, with more the chat would wait behind them. */
const PIECES_AHEAD = 2;
const POINTER_EVERY_MS = 1000 / 30;
/** A pointer that doesn't move any more goes. */
const POINTER_LASTS_MS = 4_000;

type PointerMessage = Extract<TalkMessage, { type: "pointer" }>;

export interface Pointer {
  paper: string;
  page: number;
  x: number;
  y: number;
}

export interface PapersHandlers {
  me(): string | null;
  isStaff(participant: string): boolean;
  onChange(): void;
  /** Pointers move often: the views that draw them only. */
  onPointers(): void;
}

/** Addresses of what is loaded only when it is needed. */
export interface PaperPrograms extends Places {
  program: string;
}

export class Papers {
  shelf: Shelf = EMPTY_SHELF;
  /** A file that is being opened, by its name. */
  opening: string | null = null;
  problem: PaperProblem | null = null;
  readonly pointers = new Map<string, Pointer>();
  readonly #channel: Channel;
  readonly #programs: PaperPrograms;
  readonly #handlers: PapersHandlers;
  /** Grows when a call ends: what was begun in it goes on no more. */
  #call = 0;
  /** Papers whose pages were asked for, and of whom. */
  readonly #asked = new Map<string, string>();
  readonly #fading = new Map<string, ReturnType<typeof setTimeout>>();
  /** Pages go one after the other, whoever they are for. */
  #sending: Promise<void> = Promise.resolve();
  #pointedAt = 0;
  #pointing: ReturnType<typeof setTimeout> | undefined;

  constructor(channel: Channel, programs: PaperPrograms, handlers: PapersHandlers) {
    this.#channel = channel;
    this.#programs = programs;
    this.#handlers = handlers;
  }

  /** Shows a file to all. What is wrong with it is in `problem`. */
  async bring(file: File): Promise<void> {
    if (this.opening !== null) return;
    const call = this.#call;
    this.#set({ opening: file.name, problem: null });
    let source: Source | null = null;
    try {
      if (isFull(this.shelf)) throw new PaperError("full");
      const { openFile } = await this.#program();
      source = await openFile(file, this.#programs);
      if (call === this.#call) await this.#show(file.name, source, call);
    } catch (error) {
      if (call === this.#call) this.#set({ problem: problemIn(error) });
    } finally {
      source?.close();
      if (call === this.#call) this.#set({ opening: null });
    }
  }

  async #program(): Promise<typeof import("./render.ts")> {
    try {
      return (await import(this.#programs.program)) as typeof import("./render.ts");
    } catch {
      throw new PaperError("no_program");
    }
  }

  async #show(fileName: string, source: Source, call: number): Promise<void> {
    const me = this.#handlers.me();
    if (me === null) return;
    const [id, name] = [newId(), cut(fileName, MAX_NAME)];
    // Drawn before anything is told: what can't be shown is told to nobody.
    const first = await source.page(0);
    if (call !== this.#call) return;
    if (bytesOf(this.shelf) + first.bytes.length > MOST_BYTES) throw new PaperError("full");
    this.#setShelf(withPage(withPaper(this.shelf, id, name, source.pages, me), id, 0, first));
    this.#tell({ type: "paper", id, name, pages: source.pages, isHere: false });
    this.show(id, 0);
    this.#sendPages(id, [0], "");
    for (let number = 1; number < source.pages; number++) {
      const page = await source.page(number);
      if (call !== this.#call || !paperOf(this.shelf, id)) return;
      const next = withPage(this.shelf, id, number, page);
      if (next === this.shelf) throw new PaperError("full");
      this.#setShelf(next);
      this.#sendPages(id, [number], "");
      await this.#sending;
    }
    await this.#sending;
    // Who has missed something asks for it now.
    if (call === this.#call && paperOf(this.shelf, id)) this.#tell({ type: "paper", id, name, pages: source.pages, isHere: true });
  }

  /** Shows a page to all. */
  show(paper: string, page: number): void {
    const me = this.#handlers.me();
    if (me === null) return;
    const version = (this.shelf.showing?.version ?? 0) + 1;
    const next = withShowing(this.shelf, { paper, page, version }, me);
    if (next === this.shelf) return;
    this.#setShelf(next);
    this.#tell({ type: "show", paper, page, version });
  }

  /** Takes a paper away from all. */
  putAway(paper: string): void {
    this.#tell({ type: "put_away", paper });
    this.#setShelf(withoutPaper(this.shelf, paper));
  }

  /** Points at a place of the page that is shown; `null`: not any more. */
  point(place: { x: number; y: number } | null): void {
    const { showing } = this.shelf;
    if (!showing) return;
    const message: PointerMessage = { type: "pointer", paper: showing.paper, page: showing.page, x: place?.x ?? 0, y: place?.y ?? 0, isOn: place !== null };
    clearTimeout(this.#pointing);
    const waitMs = this.#pointedAt + POINTER_EVERY_MS - performance.now();
    this.#pointing = setTimeout(() => this.#point(message), Math.max(0, waitMs));
  }

  #point(message: PointerMessage): void {
    this.#pointedAt = performance.now();
    void this.#channel.sendLossy(message);
    const me = this.#handlers.me();
    if (me !== null) this.#pointed(me, message);
  }

  heard({ from, message }: Heard): void {
    switch (message.type) {
      case "paper":
        return this.#heardOfPaper(from, message);
      case "piece":
        return this.#setShelf(withPiece(this.shelf, message));
      case "want": {
        const paper = paperOf(this.shelf, message.paper);
        const missing = paper ? pagesHere(paper).filter((number) => !message.have.includes(number)) : [];
        return this.#sendPages(message.paper, missing, from);
      }
      case "show":
        if (this.#mayShow(from, message.paper)) this.#setShelf(withShowing(this.shelf, message, from));
        return;
      case "put_away":
        if (this.#mayShow(from, message.paper)) this.#setShelf(withoutPaper(this.shelf, message.paper));
        return;
      case "pointer":
        return this.#pointed(from, message);
    }
  }

  /** Staff show any paper; others those that they have brought. */
  #mayShow(participant: string, paper: string): boolean {
    return this.#handlers.isStaff(participant) || paperOf(this.shelf, paper)?.owner === participant;
  }

  /** Whether this page may choose what is shown. */
  mayShow(paper: string): boolean {
    const me = this.#handlers.me();
    return me !== null && this.#mayShow(me, paper);
  }

  #heardOfPaper(from: string, { id, name, pages, isHere }: Extract<TalkMessage, { type: "paper" }>): void {
    this.#setShelf(withPaper(this.shelf, id, name, pages, from));
    const paper = paperOf(this.shelf, id);
    if (!paper || !isHere || paper.pages.every(Boolean)) return;
    // Of one of those who have it, not of all.
    const asked = this.#asked.get(id);
    if (asked !== undefined && asked !== from) return;
    this.#asked.set(id, from);
    this.#tell({ type: "want", paper: id, have: pagesHere(paper) }, from);
  }

  /** Tells somebody who has come, or come back, what is here. */
  greet(participant: string): void {
    for (const { id, name, pages } of this.shelf.papers) this.#tell({ type: "paper", id, name, pages: pages.length, isHere: true }, participant);
    const { showing } = this.shelf;
    if (showing) this.#tell({ type: "show", paper: showing.paper, page: showing.page, version: showing.version }, participant);
  }

  /** Somebody is away: what they were asked for is asked of another. */
  left(participant: string): void {
    for (const [paper, asked] of this.#asked) if (asked === participant) this.#asked.delete(paper);
    this.pointers.delete(participant);
    this.#handlers.onPointers();
  }

  /** The call is over: nothing stays. */
  end(): void {
    this.#call += 1;
    this.#asked.clear();
    this.pointers.clear();
    clearTimeout(this.#pointing);
    this.#set({ opening: null, problem: null, shelf: EMPTY_SHELF });
  }

  dismiss(): void {
    this.#set({ problem: null });
  }

  #sendPages(id: string, numbers: number[], to: string): void {
    const call = this.#call;
    this.#sending = this.#sending.then(async () => {
      for (const number of numbers) {
        const page = paperOf(this.shelf, id)?.pages[number];
        if (!page || call !== this.#call) continue;
        const onTheWay: Promise<unknown>[] = [];
        for (const piece of piecesOf(id, number, page)) {
          if (onTheWay.length >= PIECES_AHEAD) await onTheWay.shift();
          if (call !== this.#call || !paperOf(this.shelf, id)) return;
          const sent = this.#channel.sendBulk(piece, to);
          // Noticed when it is waited for; until then it is nobody's fault.
          sent.catch(() => undefined);
          onTheWay.push(sent);
        }
        await Promise.all(onTheWay);
      }
      // Broken off: who comes back asks for what is missing.
    }).catch(() => undefined);
  }

  #pointed(from: string, { paper, page, x, y, isOn }: PointerMessage): void {
    clearTimeout(this.#fading.get(from));
    if (isOn) {
      this.pointers.set(from, { paper, page, x, y });
      this.#fading.set(from, setTimeout(() => {
        this.pointers.delete(from);
        this.#handlers.onPointers();
      }, POINTER_LASTS_MS));
    } else this.pointers.delete(from);
    this.#handlers.onPointers();
  }

  #tell(message: TalkMessage, to = ""): void {
    // Who isn't reached is told when they are back.
    void this.#channel.send(message, to).catch(() => undefined);
  }

  #setShelf(shelf: Shelf): void {
    if (shelf !== this.shelf) this.#set({ shelf });
  }

  #set(change: Partial<Pick<this, "shelf" | "opening" | "problem">>): void {
    Object.assign(this, change);
    this.#handlers.onChange();
  }
}
