// Setting a camera up: the blurred picture, what is drawn over it, the same in numbers, saving, boxes, trying on a film.
import { useEffect, useRef, useState } from "preact/hooks";
import { type Asking, type Boxes, Failure, type Still } from "./asking.ts";
import { Canvas } from "./canvas.tsx";
import { type Geometry, type Shape, type Wrong, wrongs } from "./geometry.ts";
import { begun, changed, redone, undone } from "./history.ts";
import type { CameraFacts } from "./main.tsx";
import { Numbers } from "./numbers.tsx";
import { Trial } from "./trial.tsx";
import { lasting, toolWord, type Words, wrongWord } from "./words.ts";

interface Props {
  facts: CameraFacts;
  asking: Asking;
  t: Words;
}

/** Something that was said. */
interface Said {
  text: string;
  isError?: boolean;
}

export function Editor({ facts, asking, t }: Props) {
  const [history, setHistory] = useState(begun(facts.geometry));
  const [saved, setSaved] = useState({ version: facts.version, geometry: facts.geometry });
  const [shape, setShape] = useState<Shape>(facts.needs_line ? "line" : (facts.shapes[0] ?? "polygon"));
  const [stands, setStands] = useState<[number, number]>([0.32, 0.68]);
  const [which, setWhich] = useState(0);
  const [isSaving, setSaving] = useState(false);
  const [told, setTold] = useState<Wrong[] | null>(null);
  const [said, setSaid] = useState<Said | null>(null);
  const { still, boxes, ...looking } = useLooking(asking, facts.shown_for_s, t);
  const geometry = history.now;
  const isLot = facts.shapes.includes("bays");
  const found = wrongs(geometry, {
    line: facts.needs_line,
    bays: isLot ? facts.capacity : null,
    camera: facts.id,
    neighbours: facts.neighbours,
    mostOverlaps: facts.most_overlaps,
  });
  const names = isLot ? (geometry.bays ?? []).map(({ id }) => id) : (geometry.overlaps ?? []).map(({ camera }) => camera);
  // The last one may have been taken back.
  const chosen = Math.min(which, Math.max(0, names.length - 1));
  const isChanged = geometry !== saved.geometry;

  const change = (next: Geometry, isSameStep = false) => {
    setHistory((old) => changed(old, next, isSameStep));
    setTold(null);
    setSaid(null);
  };

  async function save() {
    if (found.length > 0) return setTold(found);
    setSaving(true);
    try {
      const answer = await asking.save(saved.version, geometry);
      if (answer.saved === "done") {
        setSaved({ version: answer.version, geometry });
        setSaid({ text: t("camera.saved") });
      } else if (answer.saved === "wrong") setTold(answer.wrongs);
      else setSaid({ text: t("camera.stale"), isError: true });
    } catch (error) {
      setSaid({ text: failureWord(t, error), isError: true });
    }
    setSaving(false);
  }

  return (
    <div class="setup">
      <Looking t={t} still={still} boxes={boxes} {...looking} />
      {facts.shapes.length > 1 && (
        <fieldset class="choices tools">
          <legend>{t("camera.draw")}</legend>
          {facts.shapes.map((one) => (
            <label key={one} data-shape={one}>
              <input type="radio" name="shape" value={one} checked={shape === one} onChange={() => setShape(one)} />
              <span>{toolWord(t, one)}</span>
            </label>
          ))}
        </fieldset>
      )}
      <p class="hint">{t(`camera.tool.${shape}.hint`)}</p>
      {shape === "overlaps" && !facts.counts_overlaps && <p class="aside" data-test="idle-overlaps">{t("camera.overlap.idle")}</p>}
      <div class="drawing">
        <Canvas t={t} geometry={geometry} shape={shape} still={still} boxes={boxes} stands={stands} which={chosen} onWhich={setWhich} onStand={setStands} onChange={change} />
        <Numbers t={t} geometry={geometry} shape={shape} which={chosen} neighbours={Object.keys(facts.neighbours)} onWhich={setWhich} onChange={change} />
      </div>
      <div class="buttons">
        <button type="button" class="button" data-test="undo" disabled={history.past.length === 0} onClick={() => setHistory(undone)}>
          {t("camera.undo")}
        </button>
        <button type="button" class="button" disabled={history.future.length === 0} onClick={() => setHistory(redone)}>
          {t("camera.redo")}
        </button>
        <button type="button" class="button primary" data-test="save" disabled={isSaving} onClick={() => void save()}>
          {t(isSaving ? "camera.saving" : "camera.save")}
        </button>
        {isChanged && found.length === 0 && !said && <span class="hint">{t("camera.unsaved")}</span>}
      </div>
      <div role="alert">
        {(told ?? found).map((wrong) => (
          <p class="wrong" key={`${wrong.shape} ${wrong.which}`} data-test="wrong" data-fault={wrong.fault}>
            {wrongWord(t, wrong, names)}
          </p>
        ))}
        {said?.isError && <p class="wrong">{said.text}</p>}
      </div>
      <p class="said" role="status" data-test="said">{said && !said.isError ? said.text : ""}</p>
      <ul class="notes hint">
        <li>{t("camera.keys")}</li>
        <li>{t("camera.picture.hint")}</li>
        <li>{t("camera.watch.hint", { n: t("camera.in_time", { n: lasting(t, facts.shown_for_s) }) })}</li>
      </ul>
      <Trial t={t} asking={asking} geometry={geometry} films={facts.films} largest={facts.largest_film} heldForS={facts.film_held_for_s} isSound={found.length === 0} />
    </div>
  );
}

function failureWord(t: Words, error: unknown): string {
  return t(`camera.why.${error instanceof Failure ? error.reason : "failed"}`);
}

interface View {
  still: Still | null;
  boxes: Boxes | null;
  /** What is going on, in words. */
  words: Said | null;
  isTaking: boolean;
  isWatching: boolean;
  take(): void;
  drop(): void;
  watch(): void;
  unwatch(): void;
}

/** The still and the boxes, each gone when its time is up. */
function useLooking(asking: Asking, shownFor: number, t: Words): View {
  const [still, setStill] = useState<Still | null>(null);
  const [boxes, setBoxes] = useState<Boxes | null>(null);
  const [words, setWords] = useState<Said | null>(null);
  const [isTaking, setTaking] = useState(false);
  const [watching, setWatching] = useState<AbortController | null>(null);
  const gone = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => watching?.abort(), [watching]);
  // Its own: the picture goes at its time, whoever begins or ends to watch boxes meanwhile.
  useEffect(() => () => clearTimeout(gone.current), []);

  async function take() {
    setTaking(true);
    setWords({ text: t("camera.picture.waiting") });
    try {
      setStill(await asking.still());
      setWords({ text: t("camera.picture.until", { n: t("camera.in_time", { n: lasting(t, shownFor) }) }) });
      clearTimeout(gone.current);
      gone.current = setTimeout(() => {
        setStill(null);
        setWords({ text: t("camera.picture.gone") });
      }, shownFor * 1000);
    } catch (error) {
      setWords({ text: failureWord(t, error), isError: true });
    }
    setTaking(false);
  }

  async function watch() {
    const control = new AbortController();
    setWatching(control);
    // The server ends it too; this page doesn't rely on that.
    const over = setTimeout(() => control.abort(), shownFor * 1000);
    try {
      await asking.watch(setBoxes, control.signal);
      setWords({ text: t("camera.watch.over") });
    } catch (error) {
      setWords(control.signal.aborted ? { text: t("camera.watch.over") } : { text: failureWord(t, error), isError: true });
    }
    clearTimeout(over);
    setBoxes(null);
    setWatching(null);
  }

  return {
    still,
    boxes,
    words,
    isTaking,
    isWatching: watching !== null,
    take: () => void take(),
    drop() {
      clearTimeout(gone.current);
      setStill(null);
      setWords(null);
    },
    watch: () => void watch(),
    unwatch: () => watching?.abort(),
  };
}

function Looking({ t, still, boxes, words, isTaking, isWatching, ...act }: View & { t: Words }) {
  return (
    <div class="looking">
      <div class="buttons">
        <button type="button" class="button" data-test="picture" disabled={isTaking} onClick={act.take}>
          {t(still ? "camera.picture.again" : "camera.picture.show")}
        </button>
        {still && (
          <button type="button" class="button quiet" onClick={act.drop}>
            {t("camera.picture.hide")}
          </button>
        )}
        <button type="button" class="button" data-test="watch" aria-pressed={isWatching} onClick={isWatching ? act.unwatch : act.watch}>
          {t(isWatching ? "camera.watch.stop" : "camera.watch")}
        </button>
      </div>
      {isWatching && (
        <p class="counted" data-test="watched-count">
          {t("camera.watch.count")}: <strong>{boxes?.count == null ? t("camera.watch.unknown") : t("camera.people", { n: boxes.count })}</strong>
        </p>
      )}
      <p class={words?.isError ? "wrong" : "said"} role="status" data-test="looking">{words?.text ?? ""}</p>
    </div>
  );
}
