// What is drawn, as a list of numbers: percent of the picture. Whoever uses no mouse has all that others have.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { FIRST_LINE, FIRST_POLYGON, type Geometry, kept, middleOfLongest, moved, type Pair, type Point, type Shape, withBay, withChanged, withCorner, without } from "./geometry.ts";
import { percent, type Words } from "./words.ts";

interface Props {
  t: Words;
  geometry: Geometry;
  shape: Shape;
  bay: number;
  onBay(bay: number): void;
  onChange(geometry: Geometry): void;
}

export function Numbers(props: Props) {
  const { t, shape } = props;
  return (
    <div class="numbers" role="group" aria-label={t("camera.numbers")}>
      <p class="numbers-title">{t("camera.numbers")}</p>
      {shape === "polygon" && <Corners {...props} />}
      {shape === "line" && <Ends {...props} />}
      {shape === "heights" && <Heights {...props} />}
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
      <ol>
        {polygon.map((point, at) => (
          <PointRow key={at} t={t} name={t("camera.point", { n: at + 1 })} point={point} onMove={(to) => onChange(moved(geometry, "polygon", at, to))}>
            <button type="button" class="button small" aria-label={`${t("camera.remove")}: ${t("camera.point", { n: at + 1 })}`} onClick={() => onChange(without(geometry, at))}>
              {t("camera.remove")}
            </button>
          </PointRow>
        ))}
      </ol>
      <div class="buttons">
        <button
          type="button"
          class="button small"
          data-test="add-corner"
          onClick={() => onChange({ ...geometry, polygon: withCorner(polygon, polygon.length < 3 ? [0.5, 0.5] : middleOfLongest(polygon)) })}
        >
          {t("camera.add")}
        </button>
        <button type="button" class="button small" onClick={() => onChange({ ...geometry, polygon: null })}>
          {t("camera.clear.polygon")}
        </button>
      </div>
    </>
  );
}

function Bays({ t, geometry, bay, onBay, onChange }: Props) {
  const bays = geometry.bays ?? [];
  const chosen = bays[bay];
  const add = () => {
    onChange({ ...geometry, bays: withBay(bays) });
    onBay(bays.length);
  };
  const remove = () => onChange({ ...geometry, bays: bays.filter((_, at) => at !== bay) });
  return (
    <>
      {chosen ? (
        <>
          <div class="field">
            <label for="bay">{t("camera.bay.choose")}</label>
            <select id="bay" value={bay} onChange={(event) => onBay(Number(event.currentTarget.value))}>
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
              onChange={(event) => onChange(withChanged(geometry, bay, (old) => ({ ...old, id: event.currentTarget.value.trim() })))}
            />
          </div>
          <ol>
            {chosen.polygon.map((point, at) => (
              <PointRow key={at} t={t} name={t("camera.point", { n: at + 1 })} point={point} onMove={(to) => onChange(moved(geometry, "bays", at, to, bay))}>
                <button type="button" class="button small" aria-label={`${t("camera.remove")}: ${t("camera.point", { n: at + 1 })}`} onClick={() => onChange(without(geometry, at, bay))}>
                  {t("camera.remove")}
                </button>
              </PointRow>
            ))}
          </ol>
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
