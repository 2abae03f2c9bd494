// The papers of a call: pages come whole in any order, memory is bounded, and both ends show the same page.
import assert from "node:assert/strict";
import { test } from "node:test";
import { newId, PIECE } from "../wire.ts";
import { kindOf, within } from "./limits.ts";
import { bytesOf, EMPTY_SHELF, MOST_BYTES, MOST_PAPERS, type Page, pagesHere, paperOf, piecesOf, progress, withoutPaper, withPage, withPaper, withPiece, withShowing } from "./shelf.ts";
import { steppedZoom } from "./zoom.ts";

const page = (size: number, seed = 1): Page => ({
  width: 1556,
  height: 2200,
  format: "webp",
  bytes: Uint8Array.from({ length: size }, (_, at) => (at * seed) % 251),
});

test("a page comes whole from its pieces, in any order and twice", () => {
  const id = newId();
  const sent = page(5 * PIECE + 17, 7);
  const pieces = [...piecesOf(id, 1, sent)];
  let shelf = withPaper(EMPTY_SHELF, id, "x.pdf", 2, "a");
  for (const piece of [...pieces].reverse().slice(0, 3)) shelf = withPiece(withPiece(shelf, piece), piece);
  const half = paperOf(shelf, id);
  assert.ok(half && progress(half) > 0.2 && progress(half) < 0.3 && pagesHere(half).length === 0);
  for (const piece of pieces) shelf = withPiece(shelf, piece);
  const whole = paperOf(shelf, id);
  assert.deepEqual(whole?.pages[1], sent);
  assert.deepEqual([whole && pagesHere(whole), whole && progress(whole)], [[1], 0.5]);
  assert.equal(withPiece(shelf, pieces[0] ?? assert.fail()), shelf, "a whole page isn't begun again");
});

test("pieces of another make of the page begin it anew, and never mix", () => {
  const id = newId();
  const [one, other] = [page(3 * PIECE, 3), page(2 * PIECE + 1, 5)];
  let shelf = withPaper(EMPTY_SHELF, id, "x", 1, "a");
  for (const piece of [...piecesOf(id, 0, one)].slice(0, 2)) shelf = withPiece(shelf, piece);
  for (const piece of piecesOf(id, 0, other)) shelf = withPiece(shelf, piece);
  assert.deepEqual(paperOf(shelf, id)?.pages[0], other);
});

test("pieces of unknown papers and pages are dropped, and papers and bytes are bounded", () => {
  const id = newId();
  const [first] = piecesOf(id, 0, page(100));
  assert.ok(first);
  assert.equal(withPiece(EMPTY_SHELF, first), EMPTY_SHELF);
  let shelf = withPaper(EMPTY_SHELF, id, "x", 1, "a");
  assert.equal(withPiece(shelf, { ...first, page: 1 }), shelf);
  for (let n = 0; n < 10; n++) shelf = withPaper(shelf, newId(), "y", 50, "b");
  assert.equal(shelf.papers.length, MOST_PAPERS);
  for (let n = 0; n < 60; n++) {
    const paper = shelf.papers[1 + (n % 5)]?.id ?? "";
    shelf = withPage(shelf, paper, n % 50, page(1024 * 1024));
  }
  assert.ok(bytesOf(shelf) <= MOST_BYTES && bytesOf(shelf) > MOST_BYTES - 2 * 1024 * 1024);
  const full = withPiece(shelf, { ...first, size: MOST_BYTES });
  assert.equal(full, shelf);
  assert.equal(bytesOf(shelf.papers.reduce((all, { id }) => withoutPaper(all, id), shelf)), 0);
});

test("of two who turn the page at once both see the same", () => {
  const id = newId();
  const shelf = withPaper(EMPTY_SHELF, id, "x", 5, "a");
  const [one, other] = [{ paper: id, page: 1, version: 4 }, { paper: id, page: 2, version: 4 }];
  const here = withShowing(withShowing(shelf, one, "a"), other, "b");
  const there = withShowing(withShowing(shelf, other, "b"), one, "a");
  assert.deepEqual(here.showing, there.showing);
  assert.equal(withShowing(here, { paper: id, page: 0, version: 3 }, "z"), here, "an older word comes too late");
  assert.equal(withShowing(here, { paper: id, page: 5, version: 9 }, "a"), here, "no such page");
  assert.equal(withoutPaper(here, id).showing, null);
});

test("a file is what its first bytes say", () => {
  const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  assert.equal(kindOf(bytes("%PDF-1.4\n")), "pdf");
  assert.equal(kindOf(bytes("\r\njunk\n%PDF-1.4\n")), "pdf");
  assert.equal(kindOf(bytes("\xff\xd8\xff\xe0")), "picture");
  assert.equal(kindOf(bytes("\x89PNG\r\n\x1a\n")), "picture");
  assert.equal(kindOf(bytes("\0\0\0\x18ftypheic")), "heic");
  assert.equal(kindOf(bytes("PK\x03\x04")), "unknown");
  assert.equal(kindOf(bytes("<html>")), "unknown");
  assert.equal(kindOf(new Uint8Array()), "unknown");
});

test("a size keeps its shape, and zoom has steps with ends", () => {
  assert.deepEqual(within(4000, 3000, 2000), { width: 2000, height: 1500 });
  assert.deepEqual(within(300, 10_000, 2000), { width: 60, height: 2000 });
  assert.deepEqual(within(10, 20, 2000), { width: 10, height: 20 });
  assert.deepEqual([1, 1.2, 4].map((zoom) => steppedZoom(zoom, 1)), [1.5, 1.5, 4]);
  assert.deepEqual([1, 1.2, 4].map((zoom) => steppedZoom(zoom, -1)), [1, 1, 3]);
});
