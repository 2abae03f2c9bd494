// The picture with what is drawn over it: points are moved by mouse, finger or arrow keys.
import { useRef } from "preact/hooks";
import type { Boxes, Still } from "./asking.ts";
import { type Geometry, handles, isSeveral, moved, type Pair, type Point, type Shape, withCorner, without, withOutline } from "./geometry.ts";
import { useScale } from "./scale.ts";
import { percent, type Words } from "./words.ts";

/** The picture is drawn so wide; its height follows from its shape. */
const WIDTH = 1000;
/** The shape of a picture that hasn't been seen yet. */
const USUAL: readonly [number, number] = [4, 3];
/** By how much an arrow key moves a point, and with Shift. */
const STEP = 0.01;
const FINE_STEP = 0.001;
const WAYS: Record<string, Point> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

interface Props {
  t: Words;
  geometry: Geometry;
  shape: Shape;
  still: Still | null;
  boxes: Boxes | null;
  stands: [number, number];
  /** The bay or overlap that is drawn at. */
  which: number;
  onWhich(which: number): void;
  onStand(stands: [number, number]): void;
  onChange(geometry: Geometry, isSameStep?: boolean): void;
}

export function Canvas({ t, geometry, shape, still, boxes, stands, which, onWhich, onStand, onChange }: Props) {
  const svg = useRef<SVGSVGElement>(null);
  const scale = useScale(svg);
  /** Which point is dragged, and whether it has moved yet. */
  const drag = useRef<{ at: number; hasMoved: boolean } | null>(null);
  const [across, down] = still?.of ?? USUAL;
  const height = Math.round((WIDTH * down) / across);
  const inPicture = ([x, y]: Point): string => `${x * WIDTH},${y * height}`;
  const points = handles(geometry, shape, stands, which);

  function pointOf(event: PointerEvent): Point {
    const box = svg.current?.getBoundingClientRect();
    if (!box) return [0, 0];
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  function move(at: number, to: Point, isSameStep: boolean) {
    if (shape === "heights") {
      const x = Math.min(1, Math.max(0, to[0]));
      onStand(at < 2 ? [x, stands[1]] : [stands[0], x]);
    }
    onChange(moved(geometry, shape, at, to, which), isSameStep);
  }

  function press(event: PointerEvent) {
    const at = (event.target as Element).closest("[data-at]")?.getAttribute("data-at");
    if (event.button !== 0) return;
    if (at !== null && at !== undefined) {
      drag.current = { at: Number(at), hasMoved: false };
      svg.current?.setPointerCapture(event.pointerId);
    } else if (shape === "polygon") {
      onChange({ ...geometry, polygon: withCorner(geometry.polygon, pointOf(event)) });
    } else if (isSeveral(shape)) {
      const other = (event.target as Element).closest("[data-part]")?.getAttribute("data-part");
      if (other !== null && other !== undefined && Number(other) !== which) return onWhich(Number(other));
      if (!geometry[shape]?.[which]) return;
      onChange(withOutline(geometry, shape, which, (corners) => withCorner(corners, pointOf(event))));
    }
  }

  function dragTo(event: PointerEvent) {
    if (!drag.current) return;
    move(drag.current.at, pointOf(event), drag.current.hasMoved);
    drag.current.hasMoved = true;
  }

  function key(event: KeyboardEvent, at: number) {
    const way = WAYS[event.key];
    const point = points[at];
    if (way && point) {
      const step = event.shiftKey ? FINE_STEP : STEP;
      move(at, [point[0] + way[0] * step, point[1] + way[1] * step], false);
      event.preventDefault();
    } else if ((event.key === "Delete" || event.key === "Backspace") && (shape === "polygon" || isSeveral(shape))) {
      onChange(without(geometry, shape, at, which));
      event.preventDefault();
    }
  }

  return (
    <svg
      ref={svg}
      class="canvas"
      viewBox={`0 0 ${WIDTH} ${height}`}
      role="group"
      aria-label={t("camera.canvas")}
      data-test="canvas"
      data-shape={shape}
      onPointerDown={press}
      onPointerMove={dragTo}
      onPointerUp={() => (drag.current = null)}
      onPointerCancel={() => (drag.current = null)}
    >
      <rect class="ground" width={WIDTH} height={height} />
      {still ? (
        <image
          data-test="still"
          href={`data:image/png;base64,${still.png}`}
          width={WIDTH}
          height={height}
          preserveAspectRatio="none"
          role="img"
          aria-label={t("camera.picture.alt")}
        />
      ) : (
        <>
          <Grid height={height} />
          <text class="empty" transform={`translate(${WIDTH / 2},${height * 0.15}) scale(${scale})`} aria-hidden="true">
            {t("camera.picture.none")}
          </text>
        </>
      )}
      {shape === "bays" &&
        geometry.bays?.map(({ id, polygon }, at) => <Place key={at} kind="bay" name={id} polygon={polygon} at={at} isOn={at === which} scale={scale} inPicture={inPicture} />)}
      {shape === "bays" ? null : geometry.polygon ? (
        <polygon class="outline" data-on={shape === "polygon"} points={geometry.polygon.map(inPicture).join(" ")} />
      ) : (
        <rect class="outline" data-on={shape === "polygon"} x={3} y={3} width={WIDTH - 6} height={height - 6} />
      )}
      {geometry.overlaps?.map(({ camera, polygon }, at) => (
        <Place key={at} kind="overlap" name={shape === "overlaps" ? camera : ""} polygon={polygon} at={at} isOn={shape === "overlaps" && at === which} scale={scale} inPicture={inPicture} />
      ))}
      {geometry.line && <Door line={geometry.line} height={height} isOn={shape === "line"} scale={scale} word={t("camera.in")} />}
      {shape === "heights" && geometry.person_heights.map((pair, at) => <Person key={at} pair={pair} x={stands[at] ?? 0.5} height={height} />)}
      {boxes?.people.map(({ place: [left, top, width, tall], is_counted }, at) => (
        <rect key={at} class="box" data-counted={is_counted} x={left * WIDTH} y={top * height} width={width * WIDTH} height={tall * height} />
      ))}
      {points.map((point, at) => (
        <g
          key={at}
          class="handle"
          data-at={at}
          data-test="handle"
          role="button"
          tabindex={0}
          aria-label={`${handleWord(t, shape, at)}: ${t("camera.at", { x: percent(point[0]), y: percent(point[1]) })}`}
          onKeyDown={(event) => key(event, at)}
          transform={`translate(${inPicture(point)}) scale(${scale})`}
        >
          <circle class="reach" r={34} />
          <circle class="knob" r={13} />
          <text aria-hidden="true" {...(shape === "heights" ? { x: 34, y: 10 } : besideOf(point, height, scale))}>
            {shape !== "heights" ? at + 1 : at % 2 === 0 ? at / 2 + 1 : ""}
          </text>
        </g>
      ))}
    </svg>
  );
}

/** Where a point's number stands from it: above, and inside the picture's edges. */
function besideOf([x, y]: Point, height: number, scale: number): { x: number; y: number } {
  const margin = 24 * scale;
  const fromEdge = x * WIDTH < margin ? 24 : x * WIDTH > WIDTH - margin ? -24 : 0;
  return { x: fromEdge, y: y * height < 2 * margin ? 44 : -22 };
}

function handleWord(t: Words, shape: Shape, at: number): string {
  if (shape === "polygon" || isSeveral(shape)) return t("camera.point", { n: at + 1 });
  if (shape === "line") return t("camera.end", { n: at + 1 });
  return t(at % 2 === 0 ? "camera.feet" : "camera.head", { n: Math.floor(at / 2) + 1 });
}

function Grid({ height }: { height: number }) {
  const steps = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((tenth) => tenth / 10);
  return (
    <g class="grid" aria-hidden="true">
      {steps.map((share) => (
        <path key={share} d={`M${share * WIDTH} 0V${height}M0 ${share * height}H${WIDTH}`} />
      ))}
    </g>
  );
}

interface PlaceProps {
  kind: "bay" | "overlap";
  name: string;
  polygon: readonly Point[];
  at: number;
  isOn: boolean;
  scale: number;
  inPicture(point: Point): string;
}

/** A bay or an overlap, with its name in its middle. */
function Place({ kind, name, polygon, at, isOn, scale, inPicture }: PlaceProps) {
  const middle: Point = [
    polygon.reduce((sum, [x]) => sum + x, 0) / Math.max(1, polygon.length),
    polygon.reduce((sum, [, y]) => sum + y, 0) / Math.max(1, polygon.length),
  ];
  return (
    <g class={kind} data-part={at} data-on={isOn} aria-hidden="true">
      <polygon points={polygon.map(inPicture).join(" ")} />
      <text transform={`translate(${inPicture(middle)}) scale(${scale})`}>{name}</text>
    </g>
  );
}

/** The line, with an arrow to its right: whoever goes there is in. */
function Door({ line: [[ax, ay], [bx, by]], height, isOn, scale, word }: { line: Pair; height: number; isOn: boolean; scale: number; word: string }) {
  const [x1, y1, x2, y2] = [ax * WIDTH, ay * height, bx * WIDTH, by * height];
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [rightX, rightY] = [-(y2 - y1) / length, (x2 - x1) / length];
  const [midX, midY] = [(x1 + x2) / 2, (y1 + y2) / 2];
  const [tipX, tipY] = [midX + rightX * 80, midY + rightY * 80];
  const wing = (side: number) => `${tipX - rightX * 24 + rightY * 16 * side},${tipY - rightY * 24 - rightX * 16 * side}`;
  return (
    <g class="door" data-on={isOn} aria-hidden="true">
      <path d={`M${x1} ${y1}L${x2} ${y2}`} />
      <path d={`M${midX} ${midY}L${tipX} ${tipY}M${wing(1)}L${tipX},${tipY}L${wing(-1)}`} />
      <text transform={`translate(${tipX + rightX * 26 * scale},${tipY + rightY * 26 * scale}) scale(${scale})`}>
        {word}
      </text>
    </g>
  );
}

/** Somebody who stands there: a head of a seventh and a half of the height, and a body. */
function Person({ pair: [feet, tall], x, height }: { pair: Point; x: number; height: number }) {
  const [bottom, size, middle] = [feet * height, tall * height, x * WIDTH];
  const head = size / 7.5 / 2;
  const shoulder = bottom - size + head * 2.2;
  return (
    <g class="person" aria-hidden="true">
      <circle cx={middle} cy={bottom - size + head} r={head} />
      <rect x={middle - size * 0.12} y={shoulder} width={size * 0.24} height={Math.max(0, bottom - shoulder)} rx={size * 0.06} />
      <path d={`M${middle - size * 0.3} ${bottom}H${middle + size * 0.3}`} />
    </g>
  );
}
