// Pictures of screens, read and compared.
import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";

export interface Picture {
  width: number;
  height: number;
  /** Grey, one byte a pixel. */
  grey: Uint8Array;
  /** Red, green and blue, three bytes a pixel. */
  rgb: Uint8Array;
}

interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Reads an 8-bit RGB or RGBA PNG without interlace (PNG, W3C 2003), as the player writes it. */
export function readPng(file: string): Picture {
  const bytes = readFileSync(file);
  const data: Buffer[] = [];
  let [width, height, channels] = [0, 0, 0];
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const kind = bytes.toString("latin1", at + 4, at + 8);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (kind === "IHDR") {
      [width, height] = [body.readUInt32BE(0), body.readUInt32BE(4)];
      channels = { 2: 3, 6: 4 }[body[9] ?? 0] ?? 0;
      if (body[8] !== 8 || channels === 0 || body[12] !== 0) throw new Error(`${file}: not an 8-bit RGB(A) PNG`);
    }
    if (kind === "IDAT") data.push(body);
    at += 12 + length;
  }
  return { width, height, ...decode(inflateSync(Buffer.concat(data)), width, height, channels) };
}

/** Undoes the filters of every line (PNG §9). */
function decode(raw: Buffer, width: number, height: number, channels: number): Pick<Picture, "grey" | "rgb"> {
  const stride = width * channels;
  const grey = new Uint8Array(width * height);
  const rgb = new Uint8Array(width * height * 3);
  let above = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)] ?? 0;
    const line = Uint8Array.from(raw.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1)));
    for (let x = 0; x < stride; x++) {
      const left = x >= channels ? (line[x - channels] ?? 0) : 0;
      const up = above[x] ?? 0;
      const corner = x >= channels ? (above[x - channels] ?? 0) : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] ?? 0;
      line[x] = ((line[x] ?? 0) + guess) & 255;
    }
    for (let x = 0; x < width; x++) {
      const [r, g, b] = [line[x * channels] ?? 0, line[x * channels + 1] ?? 0, line[x * channels + 2] ?? 0];
      grey[y * width + x] = (r * 77 + g * 150 + b * 29) >> 8;
      rgb.set([r, g, b], (y * width + x) * 3);
    }
    above = line;
  }
  return { grey, rgb };
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

function* pixels(picture: Picture, rect?: Rect): Generator<number> {
  const { x, y, width, height } = rect ?? { x: 0, y: 0, width: picture.width, height: picture.height };
  for (let row = y; row < y + height; row++) {
    for (let column = x; column < x + width; column++) yield row * picture.width + column;
  }
}

/** The standard deviation of the grey values: 0 for one colour. */
export function spread(picture: Picture, rect?: Rect): number {
  let [count, sum, squares] = [0, 0, 0];
  for (const at of pixels(picture, rect)) {
    const value = picture.grey[at] ?? 0;
    count += 1;
    sum += value;
    squares += value * value;
  }
  return Math.sqrt(squares / count - (sum / count) ** 2);
}

/** Whether more than a thousandth of the pixels differ clearly. */
export function differs(a: Picture, b: Picture, rect?: Rect): boolean {
  let [count, changed] = [0, 0];
  for (const at of pixels(a, rect)) {
    count += 1;
    if (Math.abs((a.grey[at] ?? 0) - (b.grey[at] ?? 0)) > 12) changed += 1;
  }
  return changed > count / 1000;
}

/** Which share of the pixels has this colour, give or take a little. */
export function share(picture: Picture, rect: Rect, colour: readonly number[]): number {
  let [count, same] = [0, 0];
  for (const at of pixels(picture, rect)) {
    count += 1;
    if (colour.every((value, channel) => Math.abs((picture.rgb[3 * at + channel] ?? 0) - value) < 10)) same += 1;
  }
  return same / count;
}
