// The chat of one call: a pure model. It lives in the pages' memory only; who reloads is told it by the others. Invariant: each
// line is there once, in the order in which it came; what others are told as somebody's own line they had from the line's sender.
import { MAX_CHAT, MAX_MESSAGE, type ToldLine, writeMessage } from "./wire.ts";

/** Lines kept. Full: the oldest is forgotten. */
const MOST_LINES = 500;

/** sent: the server has it. waiting: there is nobody to read it, or no way to them; they are told when they are back. */
export type LineState = "sending" | "sent" | "waiting";

export interface Line extends ToldLine {
  state: LineState;
  /** It came from its sender's own page, so that what it says of its sender is true. */
  isFirstHand: boolean;
}

export interface Chat {
  lines: Line[];
  isOpen: boolean;
  unread: number;
}

export const NO_CHAT: Chat = { lines: [], isOpen: false, unread: 0 };

/** What is written as it is sent; `null`: nothing. Line ends stay, other control characters don't. */
export function tidy(text: string): string | null {
  const kept = text
    .replace(/\r\n?/g, "\n")
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, "")
    .trim();
  return kept === "" ? null : cut(kept, MAX_CHAT);
}

/** At most so many UTF-16 units, without tearing a character apart. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  const last = text.charCodeAt(most - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? most - 1 : most);
}

export function withLine(chat: Chat, line: Line, me: string): Chat {
  if (chat.lines.some((one) => one.id === line.id)) return chat;
  const lines = [...chat.lines, line].slice(-MOST_LINES);
  return { ...chat, lines, unread: chat.isOpen || line.from === me ? chat.unread : chat.unread + 1 };
}

export function withState(chat: Chat, id: string, state: LineState): Chat {
  return { ...chat, lines: chat.lines.map((one) => (one.id === id ? { ...one, state } : one)) };
}

/** Lines that `teller` remembers, in the order of their times. What this page has stays as it is. */
export function withHistory(chat: Chat, told: ToldLine[], teller: string, me: string): Chat {
  const known = new Set(chat.lines.map((one) => one.id));
  const fresh = told
    .filter(({ id }) => !known.has(id))
    .map((one): Line => ({ ...one, state: "sent", isFirstHand: one.from === teller }));
  if (fresh.length === 0) return chat;
  const lines = [...chat.lines, ...fresh].sort((a, b) => a.at - b.at).slice(-MOST_LINES);
  const others = fresh.filter(({ from }) => from !== me).length;
  return { ...chat, lines, unread: chat.isOpen ? 0 : chat.unread + others };
}

export function opened(chat: Chat, isOpen: boolean): Chat {
  return { ...chat, isOpen, unread: isOpen ? 0 : chat.unread };
}

/** All lines in messages that are small enough to send. */
export function history(chat: Chat): ToldLine[][] {
  const pieces: ToldLine[][] = [];
  let size = MAX_MESSAGE;
  for (const { id, from, at, text } of chat.lines) {
    const line = { id, from, at, text };
    const bytes = new TextEncoder().encode(JSON.stringify(line)).length + 1;
    if (size + bytes > MAX_MESSAGE - 64) {
      pieces.push([]);
      size = 0;
    }
    pieces.at(-1)?.push(line);
    size += bytes;
  }
  for (const lines of pieces) writeMessage({ type: "history", lines });
  return pieces;
}

export interface TextPart {
  text: string;
  /** Where it leads, with the domain that it is shown with. */
  link?: { address: string; domain: string };
}

/**
 * A line's text, with the addresses in it as links where its sender is trusted: only `https:`, and with the domain that a
 * browser goes to, so that nothing is passed off as another site.
 */
export function parts(text: string, isTrusted: boolean): TextPart[] {
  if (!isTrusted) return [{ text }];
  const found: TextPart[] = [];
  let at = 0;
  for (const match of text.matchAll(/https:\/\/[\x21-\x7e]+/g)) {
    // A full stop or a bracket at its end belongs to the sentence.
    const address = match[0].replace(/[.,;:!?)\]}>'"]+$/, "");
    const url = parsed(address);
    if (!url || url.username !== "" || url.password !== "") continue;
    if (match.index > at) found.push({ text: text.slice(at, match.index) });
    found.push({ text: address, link: { address: url.href, domain: url.hostname } });
    at = match.index + address.length;
  }
  if (at < text.length || found.length === 0) found.push({ text: text.slice(at) });
  return found;
}

function parsed(address: string): URL | null {
  try {
    return new URL(address);
  } catch {
    return null;
  }
}
