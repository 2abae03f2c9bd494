// What pages say to each other in a call, as bytes: chat, captions, papers, pointers. Invariant: whatever comes is either
// exactly one of these messages, within its limits, or `null`: no view ever meets anything else.
//
// A message is one byte of version, one byte of kind, and a body: JSON, or for a piece of a page a fixed head and bytes.

import { isPrintState, type PrintState } from "./booth.ts";

/** The largest message, in bytes: what a data channel takes, less what sealing adds to it (header and tag of SFrame). */
export const MAX_MESSAGE = 16 * 1024 - 64;
export const MAX_CHAT = 1_000;
export const MAX_CAPTION = 400;
export const MAX_NAME = 120;
export const MAX_PAGES = 50;
/** Of one page, in bytes. */
export const MAX_PAGE = 1024 * 1024;
/** Of a page's longer side, in pixels. */
export const MAX_SIDE = 4_096;
/** Bytes of a page in one message. */
export const PIECE = 15 * 1024;

const VERSION = 1;
const JSON_KIND = 0;
const PIECE_KIND = 1;
/** Of a name, which is ASCII. */
const ID_BYTES = 16;
const PIECE_HEAD = 2 + ID_BYTES + 2 + 2 + 2 + 4 + 4 + 1;

/** A line of the chat as it is told to who comes back. */
export interface ToldLine {
  id: string;
  /** Whose it is: a participant. */
  from: string;
  /** Milliseconds of the server's clock. */
  at: number;
  text: string;
}

/** Which page is shown of which paper. The larger version counts; of two equal ones that of the greater name. */
export interface Showing {
  paper: string;
  page: number;
  version: number;
}

export type TalkMessage =
  /** This page has just come, or come back: whoever has something that it lacks tells it. */
  | { type: "hello" }
  | { type: "chat"; id: string; text: string }
  | { type: "history"; lines: ToldLine[] }
  /** The whole of an utterance as it stands: the larger version counts. */
  | { type: "caption"; utterance: number; version: number; text: string; isDone: boolean }
  /** There is a paper with so many pages. Its pages follow, or are asked for. */
  | { type: "paper"; id: string; name: string; pages: number; isHere: boolean }
  /** Asks for the pages of a paper that aren't in the list. */
  | { type: "want"; paper: string; have: number[] }
  | ({ type: "show" } & Showing)
  | { type: "put_away"; paper: string }
  /** From 0 to 1 of a page's width and height; not on: it points no more. */
  | { type: "pointer"; paper: string; page: number; x: number; y: number; isOn: boolean }
  /** The speaker signs, or watches signs: who is seen moves smoothly rather than sharply. */
  | { type: "signing"; isOn: boolean }
  /** The speaker sits in a booth, which has these. */
  | { type: "booth"; camera: boolean; printer: boolean }
  /** Asks a booth to show what lies under its second camera, or not any more. */
  | { type: "document_camera"; isOn: boolean }
  /** Asks a booth to print a paper, and how that goes. */
  | { type: "print"; paper: string }
  | { type: "printing"; paper: string; state: PrintState }
  | Piece;

/** A part of a page's picture. */
export interface Piece {
  type: "piece";
  paper: string;
  page: number;
  width: number;
  height: number;
  format: "webp" | "jpeg";
  /** Bytes of the whole picture, and where this part begins. */
  size: number;
  offset: number;
  bytes: Uint8Array;
}

/** A new name for a line or a paper: 96 random bits. */
export function newId(): string {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(12))))
    .replace(/\+/g, "-")
    .replace(/\//g, "_");
}

/** Throws where a message is larger than a channel takes: the callers cut what they say. */
export function writeMessage(message: TalkMessage): Uint8Array<ArrayBuffer> {
  const bytes = message.type === "piece" ? writePiece(message) : writeJson(message);
  if (bytes.length > MAX_MESSAGE) throw new Error(`a message of ${bytes.length} bytes`);
  return bytes;
}

function writeJson(message: object): Uint8Array<ArrayBuffer> {
  const body = new TextEncoder().encode(JSON.stringify(message));
  const bytes = new Uint8Array(2 + body.length);
  bytes.set([VERSION, JSON_KIND]);
  bytes.set(body, 2);
  return bytes;
}

function writePiece({ paper, page, width, height, format, size, offset, bytes: part }: Piece): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PIECE_HEAD + part.length);
  const view = new DataView(bytes.buffer);
  bytes.set([VERSION, PIECE_KIND]);
  bytes.set(new TextEncoder().encode(paper), 2);
  let at = 2 + ID_BYTES;
  for (const value of [page, width, height]) {
    view.setUint16(at, value);
    at += 2;
  }
  view.setUint32(at, size);
  view.setUint32(at + 4, offset);
  view.setUint8(at + 8, format === "webp" ? 0 : 1);
  bytes.set(part, PIECE_HEAD);
  return bytes;
}

/** `null`: it is none of these messages, or not within their limits. */
export function readMessage(bytes: Uint8Array): TalkMessage | null {
  if (bytes.length < 2 || bytes.length > MAX_MESSAGE || bytes[0] !== VERSION) return null;
  if (bytes[1] === PIECE_KIND) return readPiece(bytes);
  if (bytes[1] !== JSON_KIND) return null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(2));
    return checked(JSON.parse(text) as unknown);
  } catch {
    return null;
  }
}

function readPiece(bytes: Uint8Array): Piece | null {
  if (bytes.length <= PIECE_HEAD) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const paper = String.fromCharCode(...bytes.subarray(2, 2 + ID_BYTES));
  const at = 2 + ID_BYTES;
  const [page, width, height] = [view.getUint16(at), view.getUint16(at + 2), view.getUint16(at + 4)];
  const [size, offset, format] = [view.getUint32(at + 6), view.getUint32(at + 10), view.getUint8(at + 14)];
  const part = bytes.slice(PIECE_HEAD);
  const isWithin =
    isId(paper) &&
    page < MAX_PAGES &&
    isSide(width) &&
    isSide(height) &&
    size > 0 &&
    size <= MAX_PAGE &&
    offset % PIECE === 0 &&
    part.length === Math.min(PIECE, size - offset) &&
    format <= 1;
  if (!isWithin) return null;
  return { type: "piece", paper, page, width, height, format: format === 0 ? "webp" : "jpeg", size, offset, bytes: part };
}

type Fields = Record<string, unknown>;

/** Each message made anew of its known fields, so that nothing else gets in with them. */
function checked(value: unknown): TalkMessage | null {
  if (typeof value !== "object" || value === null) return null;
  const it = value as Fields;
  switch (it.type) {
    case "hello":
      return { type: "hello" };
    case "chat":
      return isId(it.id) && isText(it.text, 1, MAX_CHAT) ? { type: "chat", id: it.id, text: it.text } : null;
    case "history":
      return checkedHistory(it.lines);
    case "caption":
      return checkedCaption(it);
    case "paper":
      return checkedPaper(it);
    case "want":
      return checkedWant(it);
    case "show":
      if (!isId(it.paper) || !isPage(it.page) || !isCount(it.version)) return null;
      return { type: "show", paper: it.paper, page: it.page, version: it.version };
    case "put_away":
      return isId(it.paper) ? { type: "put_away", paper: it.paper } : null;
    case "pointer":
      if (!isId(it.paper) || !isPage(it.page) || !isShare(it.x) || !isShare(it.y) || typeof it.isOn !== "boolean") return null;
      return { type: "pointer", paper: it.paper, page: it.page, x: it.x, y: it.y, isOn: it.isOn };
    case "signing":
      return typeof it.isOn === "boolean" ? { type: "signing", isOn: it.isOn } : null;
    case "booth":
      return typeof it.camera === "boolean" && typeof it.printer === "boolean" ? { type: "booth", camera: it.camera, printer: it.printer } : null;
    case "document_camera":
      return typeof it.isOn === "boolean" ? { type: "document_camera", isOn: it.isOn } : null;
    case "print":
      return isId(it.paper) ? { type: "print", paper: it.paper } : null;
    case "printing":
      return isId(it.paper) && isPrintState(it.state) ? { type: "printing", paper: it.paper, state: it.state } : null;
    default:
      return null;
  }
}

function checkedHistory(lines: unknown): TalkMessage | null {
  if (!Array.isArray(lines)) return null;
  const isLine = (one: Fields | null): one is Fields & ToldLine =>
    isId(one?.id) && isText(one.from, 1, 64) && isCount(one.at) && isText(one.text, 1, MAX_CHAT);
  const known = (lines as (Fields | null)[]).filter(isLine);
  if (known.length !== lines.length) return null;
  return { type: "history", lines: known.map(({ id, from, at, text }) => ({ id, from, at, text })) };
}

function checkedCaption({ utterance, version, text, isDone }: Fields): TalkMessage | null {
  const isWithin = isCount(utterance) && isCount(version) && isText(text, 0, MAX_CAPTION) && typeof isDone === "boolean";
  return isWithin ? { type: "caption", utterance, version, text, isDone } : null;
}

function checkedPaper({ id, name, pages, isHere }: Fields): TalkMessage | null {
  const isWithin = isId(id) && isText(name, 0, MAX_NAME) && isCount(pages) && pages >= 1 && pages <= MAX_PAGES && typeof isHere === "boolean";
  return isWithin ? { type: "paper", id, name, pages, isHere } : null;
}

function checkedWant({ paper, have }: Fields): TalkMessage | null {
  if (!isId(paper) || !Array.isArray(have) || have.length > MAX_PAGES || !have.every(isPage)) return null;
  return { type: "want", paper, have: [...have] };
}

function isId(value: unknown): value is string {
  return typeof value === "string" && /^[\w-]{16}$/.test(value);
}

function isText(value: unknown, least: number, most: number): value is string {
  return typeof value === "string" && value.length >= least && value.length <= most;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isPage(value: unknown): value is number {
  return isCount(value) && value < MAX_PAGES;
}

function isShare(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 1;
}

function isSide(value: number): boolean {
  return value > 0 && value <= MAX_SIDE;
}
