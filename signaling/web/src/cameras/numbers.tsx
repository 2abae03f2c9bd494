// What is drawn, as a list of numbers: percent of the picture. Whoever uses no mouse has all that others have.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { FIRST_LINE, FIRST_POLYGON, type Geometry, kept, middleOfLongest, moved, type Pair, type Point, type Shape, type Several, withBay, withBayChanged, withCorner, without, withOutline } from "./geometry.ts";
import { Overlaps } from "./overlaps.tsx";
import { percent, type Words } from "./words.ts";

interface Props {
  t: Words;
  geometry: Geometry;
  shape: Shape;
  /** The bay or overlap that is drawn at. */
  which: number;
  /** This camera's neighbours. */
  neighbours: readonly string[];
  onWhich(which: number): void;
  onChange(geometry: Geometry): void;
}

export type NumbersProps = Props;

export function Numbers(props: Props) {
  const { t, shape } = props;
  return (
    <div class="numbers" role="group" aria-label={t("camera.numbers")}>
      <p class="numbers-title">{t("camera.numbers")}</p>
      {shape === "polygon" && <Corners {...props} />}
      {shape === "line" && <Ends {...props} />}
      {shape === "heights" && <Heights {...props} />}
      {shape === "overlaps" && <Overlaps {...props} />}
      {shape === "bays" && <Bays {...props} />}
    </div>
  );
}

function Corners({ t, geometry, onChange }: Props) {
  const { polygon } = geometry;
  if (!polygon) {
    return (
      <>
        <p>{t("camera.whole")}</p>
        <button type="button" class="button small" data-test="start-polygon" onClick={() => onChange({ ...geometry, polygon: FIRST_POLYGON })}>
          {t("camera.start.polygon")}
        </button>
      </>
    );
  }
  return (
    <>
      <CornerRows t={t} geometry={geometry} shape="polygon" polygon={polygon} onChange={onChange} />
      <div class="buttons">
        <button type="button" class="button small" data-test="add-corner" onClick={() => onChange({ ...geometry, polygon: withMiddle(polygon) })}>
          {t("camera.add")}
        </button>
        <button type="button" class="button small" onClick={() => onChange({ ...geometry, polygon: null })}>
          {t("camera.clear.polygon")}
        </button>
      </div>
    </>
  );
}

/** One more corner, where nobody has pointed. */
const withMiddle = (polygon: readonly Point[]): Point[] => withCorner(polygon, polygon.length < 3 ? [0.5, 0.5] : middleOfLongest(polygon));

interface CornerProps extends Pick<Props, "t" | "geometry" | "onChange"> {
  shape: Several | "polygon";
  which?: number;
  polygon: readonly Point[];
}

function CornerRows({ t, geometry, shape, which = 0, polygon, onChange }: CornerProps) {
  return (
    <ol>
      {polygon.map((point, at) => (
        <PointRow key={at} t={t} name={t("camera.point", { n: at + 1 })} point={point} onMove={(to) => onChange(moved(geometry, shape, at, to, which))}>
          <button
            type="button"
            class="button small"
            aria-label={`${t("camera.remove")}: ${t("camera.point", { n: at + 1 })}`}
            onClick={() => onChange(without(geometry, shape, at, which))}
          >
            {t("camera.remove")}
          </button>
        </PointRow>
      ))}
    </ol>
  );
}

/** The corners of one of several, and one more. */
export function PartCorners({ shape, which, ...props }: CornerProps & { shape: Several; which: number }) {
  const { t, geometry, onChange } = props;
  return (
    <>
      <CornerRows {...props} shape={shape} which={which} />
      <div class="buttons">
        <button type="button" class="button small" data-test="add-corner" onClick={() => onChange(withOutline(geometry, shape, which, withMiddle))}>
          {t("camera.add")}
        </button>
      </div>
    </>
  );
}

function Bays({ t, geometry, which, onWhich, onChange }: Props) {
  const bays = geometry.bays ?? [];
  const chosen = bays[which];
  const add = () => {
    onChange({ ...geometry, bays: withBay(bays) });
    onWhich(bays.length);
  };
  const remove = () => onChange({ ...geometry, bays: bays.filter((_, at) => at !== which) });
  return (
    <>
      {chosen ? (
        <>
          <div class="field">
            <label for="bay">{t("camera.bay.choose")}</label>
            <select id="bay" value={which} onChange={(event) => onWhich(Number(event.currentTarget.value))}>
              {bays.map(({ id }, at) => (
                <option key={at} value={at}>
                  {id || at + 1}
                </option>
              ))}
            </select>
          </div>
          <div class="field">
            <label for="bay-name">{t("camera.bay.name")}</label>
            <input
              id="bay-name"
              type="text"
              maxLength={32}
              autocomplete="off"
              value={chosen.id}
              onChange={(event) => onChange(withBayChanged(geometry, which, (old) => ({ ...old, id: event.currentTarget.value.trim() })))}
            />
          </div>
          <PartCorners t={t} geometry={geometry} shape="bays" which={which} polygon={chosen.polygon} onChange={onChange} />
        </>
      ) : (
        <p>{t("camera.bay.none")}</p>
      )}
      <div class="buttons">
        <button type="button" class="button small" data-test="add-bay" onClick={add}>
          {t("camera.bay.add")}
        </button>
        {chosen && (
          <button type="button" class="button small" data-test="remove-bay" onClick={remove}>
            {t("camera.bay.remove")}
          </button>
        )}
      </div>
    </>
  );
}

function Ends({ t, geometry, onChange }: Props) {
  const { line } = geometry;
  if (!line) {
    return (
      <button type="button" class="button small" data-test="start-line" onClick={() => onChange({ ...geometry, line: FIRST_LINE })}>
        {t("camera.start.line")}
      </button>
    );
  }
  return (
    <>
      <ol>
        {line.map((point, at) => (
          <PointRow key={at} t={t} name={t("camera.end", { n: at + 1 })} point={point} onMove={(to) => onChange(moved(geometry, "line", at, to))} />
        ))}
      </ol>
      <div class="buttons">
        <button type="button" class="button small" data-test="swap" onClick={() => onChange({ ...geometry, line: [line[1], line[0]] })}>
          {t("camera.swap")}
        </button>
        <button type="button" class="button small" onClick={() => onChange({ ...geometry, line: null })}>
          {t("camera.clear.line")}
        </button>
      </div>
    </>
  );
}

function Heights({ t, geometry, onChange }: Props) {
  const set = (which: number, pair: Point) => {
    const [first, second] = geometry.person_heights;
    const pairs: Pair = which === 0 ? [pair, second] : [first, pair];
    onChange({ ...geometry, person_heights: pairs });
  };
  return (
    <ol>
      {geometry.person_heights.map(([feet, tall], which) => (
        <li key={which}>
          <span class="numbers-name short">{which + 1}</span>
          <Share name={t("camera.feet", { n: which + 1 })} word={t("camera.feet_y")} value={feet} onSet={(value) => set(which, [value, tall])} />
          <Share name={t("camera.head", { n: which + 1 })} word={t("camera.height")} value={tall} onSet={(value) => set(which, [feet, value])} />
        </li>
      ))}
    </ol>
  );
}

interface RowProps {
  t: Words;
  name: string;
  point: Point;
  onMove(to: Point): void;
  children?: ComponentChildren;
}

function PointRow({ t, name, point: [x, y], onMove, children }: RowProps) {
  return (
    <li>
      <span class="numbers-name">{name}</span>
      <Share name={name} word={t("camera.x")} value={x} onSet={(value) => onMove([value, y])} />
      <Share name={name} word={t("camera.y")} value={y} onSet={(value) => onMove([x, value])} />
      {children}
    </li>
  );
}

function Share({ name, word, value, onSet }: { name: string; word: string; value: number; onSet(value: number): void }) {
  // What is being typed: the page is drawn anew while somebody watches boxes, and must not put it back.
  const [draft, setDraft] = useState<string | null>(null);
  return (
    <label class="share">
      <span>{word}</span>
      <input
        type="number"
        min={0}
        max={100}
        step={0.1}
        inputMode="decimal"
        aria-label={`${name} ${word}`}
        value={draft ?? percent(value)}
        onInput={(event) => setDraft(event.currentTarget.value)}
        onBlur={() => setDraft(null)}
        onChange={(event) => {
          const number = event.currentTarget.valueAsNumber;
          // What is no number is put back by what is drawn.
          if (Number.isFinite(number)) onSet(kept(number / 100));
          event.currentTarget.value = percent(Number.isFinite(number) ? kept(number / 100) : value);
          setDraft(null);
        }}
      />
    </label>
  );
}
