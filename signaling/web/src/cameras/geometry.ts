// What is drawn into a camera's picture, and what is wrong with it: the same rules as the server's (protocol/src/outline.rs),
// which has the last word. Pure. All lengths are shares of the picture, 0 to 1.

export type Point = readonly [number, number];
export type Pair = readonly [Point, Point];

export interface Geometry {
  /** `[y of the feet, height]` of two people. */
  readonly person_heights: Pair;
  /** null: the whole picture. */
  readonly polygon: readonly Point[] | null;
  readonly line: Pair | null;
  /** A car park's; nothing else has any. */
  readonly bays?: readonly Bay[];
  /** What other cameras of the area count. */
  readonly overlaps?: readonly Overlap[];
}

export interface Overlap {
  /** The other camera. */
  readonly camera: string;
  readonly polygon: readonly Point[];
}

export interface Bay {
  readonly id: string;
  readonly polygon: readonly Point[];
}

export type Shape = "polygon" | "line" | "heights" | "overlaps" | "bays";
export type FaultName =
  | "too_few" | "too_many" | "outside" | "crossing" | "flat" | "no_length" | "missing" | "same_distance"
  | "no_name" | "same_name" | "too_many_bays" | "no_neighbour" | "circle" | "too_many_overlaps";

/** The other cameras that count the same area's people, and to whom each of them leaves parts of its picture. */
export type Neighbours = Readonly<Record<string, readonly string[]>>;

/** What a camera's role asks for. */
export interface Needs {
  line: boolean;
  /** A car park's camera: so many bays at most; null: another one. */
  bays: number | null;
  camera: string;
  neighbours: Neighbours;
  mostOverlaps: number;
}

export interface Wrong {
  shape: Shape;
  fault: FaultName;
  point?: number;
  first?: number;
  second?: number;
  /** Which bay or overlap, from 1. */
  which?: number;
  most?: number;
}

export const MOST_CORNERS = 64;
const MOST_BAYS = 500;
const LONGEST_NAME = 32;
const LEAST_AREA = 1e-4;
const LEAST_APART = 0.01;

const isInside = (point: Point): boolean => point.every((share) => share >= 0 && share <= 1);

/** The sides of an outline, in order. */
export function sides(points: readonly Point[]): [Point, Point][] {
  return points.map((point, at) => [point, points[(at + 1) % points.length] ?? point]);
}

/** Positive when a → b → c turns one way, negative when the other. */
const turn = ([ax, ay]: Point, [bx, by]: Point, [cx, cy]: Point): number => (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);

function crossing(points: readonly Point[]): [number, number] | null {
  const all = sides(points);
  for (const [i, [a, b]] of all.entries()) {
    for (const [j, [c, d]] of all.entries()) {
      const areNeighbours = j <= i + 1 || (i === 0 && j === all.length - 1);
      if (areNeighbours) continue;
      if (turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0) return [i + 1, j + 1];
    }
  }
  return null;
}

function area(points: readonly Point[]): number {
  return Math.abs(sides(points).reduce((sum, [[ax, ay], [bx, by]]) => sum + ax * by - bx * ay, 0) / 2);
}

function ofPolygon(points: readonly Point[]): Omit<Wrong, "shape"> | null {
  if (points.length < 3) return { fault: "too_few" };
  if (points.length > MOST_CORNERS) return { fault: "too_many" };
  const outside = points.findIndex((point) => !isInside(point));
  if (outside >= 0) return { fault: "outside", point: outside + 1 };
  const crossed = crossing(points);
  if (crossed) return { fault: "crossing", first: crossed[0], second: crossed[1] };
  return area(points) < LEAST_AREA ? { fault: "flat" } : null;
}

function ofLine(line: Pair): Omit<Wrong, "shape"> | null {
  const outside = line.findIndex((point) => !isInside(point));
  if (outside >= 0) return { fault: "outside", point: outside + 1 };
  const [[ax, ay], [bx, by]] = line;
  return ax === bx && ay === by ? { fault: "no_length" } : null;
}

function ofHeights(pairs: Pair): Omit<Wrong, "shape"> | null {
  const outside = pairs.findIndex((pair) => !isInside(pair) || pair[1] <= 0);
  if (outside >= 0) return { fault: "outside", point: outside + 1 };
  return Math.abs(pairs[0][0] - pairs[1][0]) < LEAST_APART ? { fault: "same_distance" } : null;
}

function ofBays(bays: readonly Bay[], capacity: number): Wrong[] {
  const most = Math.min(capacity, MOST_BAYS);
  if (bays.length === 0) return [{ shape: "bays", fault: "missing" }];
  if (bays.length > most) return [{ shape: "bays", fault: "too_many_bays", most }];
  return bays.flatMap(({ id, polygon }, at): Wrong[] => {
    const bytes = new TextEncoder().encode(id).length;
    const isNamed = bytes > 0 && bytes <= LONGEST_NAME && !/\p{Cc}/u.test(id);
    const isTaken = bays.findIndex((other) => other.id === id) < at;
    const wrong = !isNamed ? { fault: "no_name" as const } : isTaken ? { fault: "same_name" as const } : ofPolygon(polygon);
    return wrong ? [{ shape: "bays", which: at + 1, ...wrong }] : [];
  });
}

/** Whether what is left to `first` is left on until it comes back to `camera`: then nobody would count it. */
function leadsBack(neighbours: Neighbours, first: string, camera: string): boolean {
  const [seen, next] = [new Set<string>(), [first]];
  for (let id = next.pop(); id !== undefined; id = next.pop()) {
    if (id === camera) return true;
    if (!seen.has(id)) next.push(...(neighbours[id] ?? []));
    seen.add(id);
  }
  return false;
}

function ofOverlaps(overlaps: readonly Overlap[], { camera, neighbours, mostOverlaps }: Needs): Wrong[] {
  if (overlaps.length > mostOverlaps) return [{ shape: "overlaps", fault: "too_many_overlaps", most: mostOverlaps }];
  return overlaps.flatMap(({ camera: other, polygon }, at): Wrong[] => {
    const wrong = !Object.hasOwn(neighbours, other)
      ? { fault: "no_neighbour" as const }
      : leadsBack(neighbours, other, camera)
        ? { fault: "circle" as const }
        : ofPolygon(polygon);
    return wrong ? [{ shape: "overlaps", which: at + 1, ...wrong }] : [];
  });
}

/** All that is wrong, for a camera of these needs. */
export function wrongs(geometry: Geometry, needs: Needs): Wrong[] {
  if (needs.bays !== null) return ofBays(geometry.bays ?? [], needs.bays);
  const line = geometry.line ? ofLine(geometry.line) : needs.line ? { fault: "missing" as const } : null;
  const found: [Shape, Omit<Wrong, "shape"> | null][] = [
    ["polygon", geometry.polygon && ofPolygon(geometry.polygon)],
    ["line", line],
    ["heights", ofHeights(geometry.person_heights)],
  ];
  const whole = found.flatMap(([shape, wrong]): Wrong[] => (wrong ? [{ shape, ...wrong }] : []));
  return [...whole, ...ofOverlaps(geometry.overlaps ?? [], needs)];
}

/** A share as it is kept: in the picture, four digits behind the point. */
export const kept = (share: number): number => Math.round(Math.min(1, Math.max(0, share)) * 10_000) / 10_000;
const keptPoint = ([x, y]: Point): Point => [kept(x), kept(y)];

function distance([x, y]: Point, [ax, ay]: Point, [bx, by]: Point): number {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const along = length > 0 ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length)) : 0;
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

/** The outline with one more corner, in the side that is nearest to it. */
export function withCorner(polygon: readonly Point[] | null, point: Point): Point[] {
  const points = [...(polygon ?? [])];
  if (points.length < 3) return [...points, keptPoint(point)];
  const away = sides(points).map(([a, b]) => distance(point, a, b));
  points.splice(away.indexOf(Math.min(...away)) + 1, 0, keptPoint(point));
  return points;
}

/** Where another corner goes when nobody has pointed: in the middle of the longest side. */
export function middleOfLongest(polygon: readonly Point[]): Point {
  const length = ([[ax, ay], [bx, by]]: [Point, Point]) => Math.hypot(bx - ax, by - ay);
  const longest = sides(polygon).reduce((one, other) => (length(other) > length(one) ? other : one));
  const [[ax, ay], [bx, by]] = longest;
  return [(ax + bx) / 2, (ay + by) / 2];
}

/** An outline and a line to begin with. */
export const FIRST_POLYGON: readonly Point[] = [[0.1, 0.3], [0.9, 0.3], [0.9, 0.95], [0.1, 0.95]];
export const FIRST_LINE: Pair = [[0.2, 0.6], [0.8, 0.6]];

/** One more bay: as the last one, beside it, with the next free number as its name. */
export function withBay(bays: readonly Bay[]): Bay[] {
  const last = bays.at(-1)?.polygon ?? [[0.05, 0.4], [0.15, 0.4], [0.15, 0.6], [0.05, 0.6]];
  const across = last.map(([x]) => x);
  const [left, right] = [Math.min(...across), Math.max(...across)];
  const width = right - left;
  // At the picture's right edge another row begins.
  const shift: Point = right + width <= 1 ? [width, 0] : [-left, 0.1];
  const polygon = bays.length === 0 ? last : last.map(([x, y]) => keptPoint([x + shift[0], y + shift[1]]));
  let number = bays.length + 1;
  while (bays.some(({ id }) => id === String(number))) number++;
  return [...bays, { id: String(number), polygon }];
}

/** One more overlap: with a camera, at the picture's right edge, where another one's begins more often than in its middle. */
export function withOverlap(overlaps: readonly Overlap[], camera: string): Overlap[] {
  return [...overlaps, { camera, polygon: [[0.7, 0.4], [1, 0.4], [1, 1], [0.7, 1]] }];
}

/** Of bays and overlaps there are several, each with an outline. */
export type Several = "bays" | "overlaps";
export const isSeveral = (shape: Shape): shape is Several => shape === "bays" || shape === "overlaps";

/** The same with another bay in the place of one. */
export function withBayChanged(geometry: Geometry, at: number, change: (bay: Bay) => Bay): Geometry {
  return { ...geometry, bays: (geometry.bays ?? []).map((bay, index) => (index === at ? change(bay) : bay)) };
}

/** The same with another overlap in the place of one. */
export function withOverlapChanged(geometry: Geometry, at: number, change: (overlap: Overlap) => Overlap): Geometry {
  return { ...geometry, overlaps: (geometry.overlaps ?? []).map((one, index) => (index === at ? change(one) : one)) };
}

/** The same with another outline for the bay or overlap `which`. */
export function withOutline(geometry: Geometry, shape: Several, which: number, change: (polygon: readonly Point[]) => readonly Point[]): Geometry {
  if (shape === "bays") return withBayChanged(geometry, which, (bay) => ({ ...bay, polygon: change(bay.polygon) }));
  return withOverlapChanged(geometry, which, (overlap) => ({ ...overlap, polygon: change(overlap.polygon) }));
}

/** The points of a shape that can be moved: of each person the feet and the head, at these x; of bays and overlaps those of one. */
export function handles(geometry: Geometry, shape: Shape, stands: readonly [number, number], which = 0): Point[] {
  if (isSeveral(shape)) return [...(geometry[shape]?.[which]?.polygon ?? [])];
  if (shape === "polygon") return [...(geometry.polygon ?? [])];
  if (shape === "line") return [...(geometry.line ?? [])];
  return geometry.person_heights.flatMap(([y, height], at): Point[] => {
    const x = stands[at] ?? 0.5;
    return [[x, y], [x, y - height]];
  });
}

/** The same with one of them elsewhere. */
export function moved(geometry: Geometry, shape: Shape, at: number, to: Point, which = 0): Geometry {
  const point = keptPoint(to);
  if (isSeveral(shape)) {
    return withOutline(geometry, shape, which, (corners) => corners.map((old, index) => (index === at ? point : old)));
  }
  if (shape === "polygon") {
    return { ...geometry, polygon: (geometry.polygon ?? []).map((old, index) => (index === at ? point : old)) };
  }
  if (shape === "line") {
    if (!geometry.line) return geometry;
    const [from, until] = geometry.line;
    return { ...geometry, line: at === 0 ? [point, until] : [from, point] };
  }
  const change = ([y, height]: Point): Point => {
    // Feet take the head along; a head says how tall somebody is.
    if (at % 2 === 0) return [point[1], Math.min(height, 1)];
    return [y, kept(Math.max(0.01, y - to[1]))];
  };
  const [first, second] = geometry.person_heights;
  return { ...geometry, person_heights: at < 2 ? [change(first), second] : [first, change(second)] };
}

/** The same without a corner, of the outline, or of the bay or overlap `which`. */
export function without(geometry: Geometry, shape: Several | "polygon", at: number, which = 0): Geometry {
  const others = (corners: readonly Point[]) => corners.filter((_, index) => index !== at);
  if (isSeveral(shape)) return withOutline(geometry, shape, which, others);
  return { ...geometry, polygon: others(geometry.polygon ?? []) };
}
