// The papers of a call, as this page has them: a pure model. Invariant: never more than `MOST_PAPERS` papers and `MOST_BYTES`
// bytes; a page is whole or not there; of two words on which page is shown both ends choose the same.
import { MAX_PAGES, PIECE, type Piece, type Showing } from "../wire.ts";

/** Papers at once. Full: a new one is refused, whoever brings it. */
export const MOST_PAPERS = 6;
/** Bytes of all pages. Full: further pieces are dropped, and the page stays "not there yet". */
export const MOST_BYTES = 48 * 1024 * 1024;

export interface Page {
  width: number;
  height: number;
  format: "webp" | "jpeg";
  bytes: Uint8Array<ArrayBuffer>;
}

/** A page that is still coming. */
export interface Coming extends Page {
  has: boolean[];
  left: number;
}

export interface Paper {
  id: string;
  name: string;
  /** Whose it is: a participant. */
  owner: string;
  pages: (Page | null)[];
  coming: Record<number, Coming>;
}

export interface Shelf {
  papers: Paper[];
  showing: (Showing & { by: string }) | null;
}

export const EMPTY_SHELF: Shelf = { papers: [], showing: null };

export function paperOf(shelf: Shelf, id: string): Paper | undefined {
  return shelf.papers.find((one) => one.id === id);
}

export function isFull(shelf: Shelf): boolean {
  return shelf.papers.length >= MOST_PAPERS;
}

export function bytesOf(shelf: Shelf): number {
  const of = (paper: Paper) =>
    [...paper.pages, ...Object.values(paper.coming)].reduce((sum, page) => sum + (page?.bytes.length ?? 0), 0);
  return shelf.papers.reduce((sum, paper) => sum + of(paper), 0);
}

/** A paper of so many pages, none of which is there yet. */
export function withPaper(shelf: Shelf, id: string, name: string, pages: number, owner: string): Shelf {
  if (paperOf(shelf, id) || isFull(shelf) || pages < 1 || pages > MAX_PAGES) return shelf;
  const paper: Paper = { id, name, owner, pages: Array.from({ length: pages }, () => null), coming: {} };
  return { ...shelf, papers: [...shelf.papers, paper] };
}

export function withPage(shelf: Shelf, id: string, number: number, page: Page): Shelf {
  const paper = paperOf(shelf, id);
  if (!paper || number >= paper.pages.length || bytesOf(shelf) + page.bytes.length > MOST_BYTES) return shelf;
  return changed(shelf, id, { pages: paper.pages.map((one, at) => (at === number ? page : one)) });
}

/** A piece of a page came, in any order, perhaps not for the first time. */
export function withPiece(shelf: Shelf, piece: Piece): Shelf {
  const paper = paperOf(shelf, piece.paper);
  if (!paper || piece.page >= paper.pages.length || paper.pages[piece.page]) return shelf;
  const known = paper.coming[piece.page];
  const isSame = known && known.bytes.length === piece.size && known.width === piece.width && known.height === piece.height && known.format === piece.format;
  const coming = isSame ? known : begun(shelf, piece);
  const at = piece.offset / PIECE;
  if (!coming || coming.has[at]) return shelf;
  // Written into in place: a copy of a page for each of its pieces would be too much.
  coming.bytes.set(piece.bytes, piece.offset);
  const has = coming.has.map((one, place) => one || place === at);
  const next: Coming = { ...coming, has, left: coming.left - 1 };
  if (next.left > 0) return changed(shelf, paper.id, { coming: { ...paper.coming, [piece.page]: next } });
  const { width, height, format, bytes } = next;
  const { [piece.page]: _, ...others } = paper.coming;
  const pages = paper.pages.map((one, number) => (number === piece.page ? { width, height, format, bytes } : one));
  return changed(shelf, paper.id, { pages, coming: others });
}

function begun(shelf: Shelf, { size, width, height, format }: Piece): Coming | null {
  if (bytesOf(shelf) + size > MOST_BYTES) return null;
  const count = Math.ceil(size / PIECE);
  const has = Array.from({ length: count }, () => false);
  return { width, height, format, bytes: new Uint8Array(size), has, left: count };
}

function changed(shelf: Shelf, id: string, change: Partial<Paper>): Shelf {
  return { ...shelf, papers: shelf.papers.map((one) => (one.id === id ? { ...one, ...change } : one)) };
}

/** The pages that are there. */
export function pagesHere(paper: Paper): number[] {
  return paper.pages.flatMap((page, number) => (page ? [number] : []));
}

/** From 0 to 1: how much of a paper is there. */
export function progress(paper: Paper): number {
  const parts = Object.values(paper.coming).reduce((sum, { has, left }) => sum + 1 - left / has.length, 0);
  return (pagesHere(paper).length + parts) / paper.pages.length;
}

export function withoutPaper(shelf: Shelf, id: string): Shelf {
  const papers = shelf.papers.filter((one) => one.id !== id);
  return { papers, showing: shelf.showing?.paper === id ? null : shelf.showing };
}

/** Somebody shows a page; the later word counts. */
export function withShowing(shelf: Shelf, showing: Showing, by: string): Shelf {
  const paper = paperOf(shelf, showing.paper);
  if (!paper || showing.page >= paper.pages.length) return shelf;
  const now = shelf.showing;
  const isLater = !now || showing.version > now.version || (showing.version === now.version && by > now.by);
  const { paper: id, page, version } = showing;
  return isLater ? { ...shelf, showing: { paper: id, page, version, by } } : shelf;
}

/** A page in pieces as they are sent. */
export function* piecesOf(paper: string, number: number, page: Page): Generator<Piece> {
  const { width, height, format, bytes } = page;
  for (let offset = 0; offset < bytes.length; offset += PIECE) {
    const part = bytes.subarray(offset, offset + PIECE);
    yield { type: "piece", paper, page: number, width, height, format, size: bytes.length, offset, bytes: part };
  }
}
