// The WebSocket to the server: numbered requests with time limits, pings, and reconnects with growing,
// jittered waits. Invariant: at most one socket is alive, and frames of an old one are never passed on.
import { type ClientBody, type Identity, type Problem, type ServerBody, type ServerFrame, VERSION } from "./protocol.ts";

const REQUEST_LIMIT_MS = 10_000;
const PING_EVERY_MS = 5_000;
/** Nothing heard for so long, although pings are answered at once: the socket is dead. */
const SILENCE_LIMIT_MS = 12_000;
const CONNECT_LIMIT_MS = 8_000;
/** A link that has lived so long starts again with short waits. */
const STABLE_MS = 10_000;
/** What is heard within this time of a question is a living link. */
const CHECK_LIMIT_MS = 1_500;
/** While a call is broken off, attempts are shorter and the waits between them stay short, but not for ever. */
const HURRY_MS = 30_000;
const HURRIED_CONNECT_LIMIT_MS = 3_000;
const HURRIED_WAIT_MS = 600;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8_000;

/** The first retry after an ordinary close is at once-ish; the second doubles, and so on up to a limit. */
export function retryWaitMs(attempt: number, random: number, isHurried = false): number {
  const longest = isHurried ? HURRIED_WAIT_MS : LONGEST_WAIT_MS;
  const whole = Math.min(longest, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10));
  return Math.round(whole * (0.5 + random / 2));
}

/** Why the link is closed for good. */
export type Closed = { why: "refused"; problem: Problem } | { why: "elsewhere" } | { why: "login" };

/** Close codes of the server. */
const ELSEWHERE = 4001;
const LOGIN_OVER = 4401;

export interface LinkHandlers {
  /** The server has said welcome; `now` is its clock. */
  onOpen(now: number): void;
  /** Broken; the link tries again by itself. */
  onLost(): void;
  /** Over; it doesn't try again. */
  onClosed(closed: Closed): void;
  /** News, in the order in which they were sent. */
  onNews(body: ServerBody): void;
}

interface Waiting {
  resolve(body: ServerBody): void;
  timer: ReturnType<typeof setTimeout>;
}

/** A request that got no answer. Requests never throw: this is an answer like the server's own. */
export function noAnswer(): ServerBody {
  return { type: "error", problem: { type: "urn:madoguchi:problem:no-answer", title: "", status: 0 } };
}

export class Link {
  #socket: WebSocket | null = null;
  #isOpen = false;
  #isDone = false;
  #nextId = 1;
  /** Bounded by the server's limit of frames: each entry leaves with its answer, its limit or its socket. */
  #waiting = new Map<number, Waiting>();
  #attempt = 0;
  #heardAt = 0;
  #openedAt = 0;
  #hurriedUntil = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #limit: ReturnType<typeof setTimeout> | undefined;
  #pings: ReturnType<typeof setInterval> | undefined;

  readonly #url: string;
  readonly #identity: Identity;
  readonly #handlers: LinkHandlers;

  constructor(url: string, identity: Identity, handlers: LinkHandlers) {
    this.#url = url;
    this.#identity = identity;
    this.#handlers = handlers;
    this.#connect();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Sends a request. Gives its answer; [`noAnswer`] when the link is down or the limit is over. */
  request(body: ClientBody): Promise<ServerBody> {
    return this.#isOpen ? this.#send(body) : Promise.resolve(noAnswer());
  }

  /** Drops the socket and connects anew at once: the server tells its whole state again. */
  resync(): void {
    this.#lose(0);
  }

  /** Somebody looks at the page again: don't wait for the next attempt, and see whether a sleepy socket is alive. */
  wake(): void {
    if (this.#isOpen) this.check();
    else this.resync();
  }

  /**
   * The device has another network, or one again. A socket that was open may lead nowhere, and an attempt that began
   * without a network would long be silent: a new one is there before either is certain.
   */
  networkChanged(): void {
    if (this.#isDone) return;
    this.#hurry();
    this.resync();
  }

  /** Something is wrong: finds out whether the link works, and doesn't dawdle while it doesn't. */
  check(): void {
    if (this.#isDone) return;
    this.#hurry();
    if (!this.#isOpen) return;
    const socket = this.#socket;
    const askedAt = Date.now();
    void this.#send({ type: "ping" });
    setTimeout(() => {
      if (this.#socket === socket && this.#heardAt < askedAt) this.resync();
    }, CHECK_LIMIT_MS);
  }

  close(): void {
    this.#isDone = true;
    this.#dropSocket();
    clearTimeout(this.#retry);
  }

  #hurry(): void {
    this.#hurriedUntil = Date.now() + HURRY_MS;
  }

  get #isHurried(): boolean {
    return Date.now() < this.#hurriedUntil;
  }

  #connect(): void {
    clearTimeout(this.#retry);
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#limit = setTimeout(() => this.#lose(), this.#isHurried ? HURRIED_CONNECT_LIMIT_MS : CONNECT_LIMIT_MS);
    socket.onopen = async () => {
      const answer = await this.#send({ type: "hello", version: VERSION, identity: this.#identity });
      if (this.#socket !== socket || this.#isOpen) return;
      if (answer.type === "error") this.#refused(answer.problem);
    };
    socket.onmessage = ({ data }) => this.#receive(socket, String(data));
    socket.onclose = ({ code }) => {
      if (this.#socket !== socket) return;
      if (code === ELSEWHERE) this.#end({ why: "elsewhere" });
      else if (code === LOGIN_OVER) this.#end({ why: "login" });
      else this.#lose();
    };
  }

  #send(body: ClientBody): Promise<ServerBody> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle(id, noAnswer()), REQUEST_LIMIT_MS);
      this.#waiting.set(id, { resolve, timer });
      this.#socket?.send(JSON.stringify({ id, ...body }));
    });
  }

  #settle(id: number, body: ServerBody): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.resolve(body);
  }

  #receive(socket: WebSocket, text: string): void {
    if (this.#socket !== socket) return;
    this.#heardAt = Date.now();
    const frame = JSON.parse(text) as ServerFrame;
    // Handled here and now, not in the promise of hello: news may follow in the same breath.
    if (frame.type === "welcome") this.#welcomed(frame.now);
    if (frame.id !== undefined) this.#settle(frame.id, frame);
    else if (frame.type !== "pong") this.#handlers.onNews(frame);
  }

  #welcomed(now: number): void {
    clearTimeout(this.#limit);
    this.#isOpen = true;
    this.#openedAt = Date.now();
    this.#pings = setInterval(() => {
      if (Date.now() - this.#heardAt > SILENCE_LIMIT_MS) this.#lose();
      else void this.#send({ type: "ping" });
    }, PING_EVERY_MS);
    this.#handlers.onOpen(now);
  }

  #refused(problem: Problem): void {
    // 5xx and silence pass; the rest is meant.
    if (problem.status === 0 || problem.status === 429 || problem.status >= 500) this.#lose();
    else this.#end({ why: "refused", problem });
  }

  #end(closed: Closed): void {
    this.close();
    this.#handlers.onClosed(closed);
  }

  #lose(waitMs?: number): void {
    if (this.#isDone) return;
    const wasStable = this.#isOpen && Date.now() - this.#openedAt > STABLE_MS;
    if (wasStable) this.#attempt = 0;
    this.#dropSocket();
    const wait = waitMs ?? retryWaitMs(this.#attempt, Math.random(), this.#isHurried);
    this.#attempt += 1;
    this.#retry = setTimeout(() => this.#connect(), wait);
    this.#handlers.onLost();
  }

  #dropSocket(): void {
    clearTimeout(this.#limit);
    clearTimeout(this.#retry);
    clearInterval(this.#pings);
    const socket = this.#socket;
    this.#socket = null;
    this.#isOpen = false;
    for (const id of [...this.#waiting.keys()]) this.#settle(id, noAnswer());
    socket?.close();
  }
}

/** The address of `/ws` on the page's own host. */
export function socketUrl(): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
}
