// Whether a running text runs evenly: where it is in each frame against where time alone would have it.
//
// Only what is captured counts. A frame in which letters show and whose place can't be found is an error as large as the zone;
// letters that vanish in the middle are such frames too. A round, from the first letters coming in to the last going out, has
// one origin: a jump in it stays an error until the text is back in its place.

/** A frame: rows (or columns) along the way, from the edge where things go out to the one where they come in; bytes of one colour. */
export interface Strip {
  /** In milliseconds. */
  at: number;
  lines: Uint8Array[];
}

/** What became of it. */
export interface Evenness {
  /** By how many pixels each judged frame was off. */
  errors: number[];
  /** Frames that were looked at. */
  seen: number;
  /** Of these, with letters whose place could not be found. */
  lost: number;
  /** Of these, without letters, or with too few to tell. */
  empty: number;
  rounds: number;
}

/** Pixels that differ so much from the one before are a letter's edge. */
const EDGE = 40;
/** So many edges tell where the text is. */
const ENOUGH = 8;
/** Two pixels that are the same differ at most by so much. */
const SAME = 24;
/** Of the pixels that two frames have in common, at most this share may differ. */
const STRANGE = 0.01;
/** Around the expected place it is looked for first. */
const NEAR = 3;
/** Letters come in, and go out, within this share of the way. */
const MARGIN = 0.3;

/** Places of letters' edges on a line. */
function edges(line: Uint8Array): number[] {
  const found: number[] = [];
  for (let x = 1; x < line.length; x++) if (Math.abs((line[x] ?? 0) - (line[x - 1] ?? 0)) > EDGE) found.push(x);
  return found;
}

/** How many pixels of both frames differ when it moved so far; undefined: too many, or no letters in what both have. */
function difference(before: Strip, now: Strip, moved: number): number | undefined {
  let [differ, letters] = [0, 0];
  for (const [index, a] of before.lines.entries()) {
    const b = now.lines[index] ?? new Uint8Array(0);
    const [from, to] = [Math.max(0, -moved), Math.min(b.length, b.length - moved)];
    const most = (to - from) * STRANGE * before.lines.length;
    for (let x = from; x < to; x++) {
      const here = b[x] ?? 0;
      if (Math.abs((a[x + moved] ?? 0) - here) > SAME && ++differ > most) return undefined;
      if (x > from && Math.abs(here - (b[x - 1] ?? 0)) > EDGE) letters += 1;
    }
  }
  return letters >= ENOUGH ? differ : undefined;
}

/** By how many pixels it moved towards the edge where things go out; undefined: nowhere is it the same. */
export function shift(before: Strip, now: Strip, expected: number): number | undefined {
  const length = now.lines[0]?.length ?? 0;
  const search = (from: number, to: number) => {
    let [best, at] = [Number.POSITIVE_INFINITY, undefined as number | undefined];
    for (let moved = from; moved <= to; moved++) {
      const differ = difference(before, now, moved);
      if (differ === undefined) continue;
      const isNearer = at === undefined || Math.abs(moved - expected) < Math.abs(at - expected);
      if (differ < best || (differ === best && isNearer)) [best, at] = [differ, moved];
    }
    return at;
  };
  const near = Math.round(expected);
  return search(near - NEAR, near + NEAR) ?? search(8 - length, length - 8);
}

/** How evenly it ran, at so many pixels a second. */
export function evenness(strips: Strip[], speed: number): Evenness {
  const length = strips[0]?.lines[0]?.length ?? 0;
  const result: Evenness = { errors: [], seen: strips.length, lost: 0, empty: 0, rounds: 0 };
  // Of the round: where it was against the clock, frame by frame; and the frame with which the next one is compared.
  let offsets: number[] = [];
  let reference: { strip: Strip; position: number; last: number } | undefined;
  let isFirst = true;
  const lose = () => {
    result.lost += 1;
    result.errors.push(length);
  };
  const close = () => {
    if (offsets.length > 0) {
      result.rounds += 1;
      const sorted = offsets.toSorted((a, b) => a - b);
      const middle = sorted[(sorted.length - 1) >> 1] ?? 0;
      for (const offset of offsets) result.errors.push(Math.abs(offset - middle));
    }
    offsets = [];
    reference = undefined;
  };
  for (const strip of strips) {
    const places = strip.lines.flatMap(edges);
    const last = places.length > 0 ? Math.max(...places) : 0;
    if (places.length < ENOUGH) {
      // Going out; or gone in the middle.
      if (reference && reference.last > length * MARGIN) lose();
      else {
        result.empty += 1;
        close();
      }
      continue;
    }
    if (!reference) {
      // The first frame is anywhere; later rounds come in at the edge.
      if (!isFirst && Math.min(...places) < length * (1 - MARGIN)) lose();
      else offsets.push(-(strip.at / 1000) * speed);
      isFirst = false;
      reference = { strip, position: 0, last };
      continue;
    }
    const passed = ((strip.at - reference.strip.at) / 1000) * speed;
    const moved = shift(reference.strip, strip, passed);
    if (moved === undefined) {
      // The last few letters may be too few to be compared.
      if (last <= length * MARGIN) result.empty += 1;
      else lose();
      // Nothing of the frame that was known last would be left: it begins anew.
      if (passed > length) reference = undefined;
      continue;
    }
    const position = reference.position + moved;
    offsets.push(position - (strip.at / 1000) * speed);
    reference = { strip, position, last };
  }
  close();
  return result;
}

/** The green of captured pixels (blue, green, red, x). */
export function green(pixels: Buffer): Uint8Array {
  const line = new Uint8Array(pixels.length / 4);
  for (let x = 0; x < line.length; x++) line[x] = pixels[x * 4 + 1] ?? 0;
  return line;
}
