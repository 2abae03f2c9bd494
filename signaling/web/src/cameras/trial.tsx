// What is drawn, tried on a film: one of the office's, or one that is sent for this one trial.
import { useEffect, useRef, useState } from "preact/hooks";
import { type Asking, type Counted, Failure } from "./asking.ts";
import type { Geometry } from "./geometry.ts";
import { Outcome } from "./outcome.tsx";
import { lasting, megabytes, type Words } from "./words.ts";

interface Props {
  t: Words;
  asking: Asking;
  geometry: Geometry;
  films: readonly string[];
  /** The largest film that may be sent, in bytes; null: none may. */
  largest: number | null;
  heldForS: number;
  isSound: boolean;
}

export function Trial({ t, asking, geometry, films, largest, heldForS, isSound }: Props) {
  const [isRunning, setRunning] = useState(false);
  const [counted, setCounted] = useState<Counted | null>(null);
  const [words, setWords] = useState<{ text: string; isError?: boolean }>({ text: "" });

  async function run(count: () => Promise<Counted>) {
    setRunning(true);
    setCounted(null);
    setWords({ text: t("camera.trial.running") });
    try {
      setCounted(await count());
      setWords({ text: "" });
    } catch (error) {
      setWords({ text: t(`camera.why.${error instanceof Failure ? error.reason : "failed"}`), isError: true });
    }
    setRunning(false);
  }

  const mayRun = !isRunning && isSound;
  return (
    <section class="trial" aria-labelledby="trial">
      <h3 id="trial">{t("camera.trial")}</h3>
      <p class="hint">{t("camera.trial.hint")}</p>
      <Folder t={t} films={films} mayRun={mayRun} onRun={(film) => void run(() => asking.trial(geometry, film))} />
      {largest === null ? (
        <p class="hint" data-test="no-bringing">{t("camera.bring.off")}</p>
      ) : (
        <Bring
          t={t}
          largest={largest}
          heldForS={heldForS}
          mayRun={mayRun}
          onRun={(film, sent, signal) => run(() => asking.bring(geometry, film, sent, signal))}
        />
      )}
      <p class={words.isError ? "wrong" : "said"} role="status" data-test="trial-words">{words.text}</p>
      {counted && <Outcome t={t} counted={counted} />}
    </section>
  );
}

function Folder({ t, films, mayRun, onRun }: { t: Words; films: readonly string[]; mayRun: boolean; onRun(film: string): void }) {
  const [film, setFilm] = useState(films[0] ?? "");
  return (
    <div class="way">
      <h4>{t("camera.trial.folder")}</h4>
      {films.length === 0 ? (
        <p class="hint">{t("camera.trial.none")}</p>
      ) : (
        <div class="filter">
          <div class="field grow">
            <label for="film">{t("camera.trial.film")}</label>
            <select id="film" value={film} onChange={(event) => setFilm(event.currentTarget.value)}>
              {films.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </div>
          <button type="button" class="button" data-test="trial" disabled={!mayRun} onClick={() => onRun(film)}>
            {t("camera.trial.start")}
          </button>
        </div>
      )}
    </div>
  );
}

interface BringProps {
  t: Words;
  largest: number;
  heldForS: number;
  mayRun: boolean;
  onRun(film: File, sent: (share: number) => void, signal: AbortSignal): Promise<void>;
}

function Bring({ t, largest, heldForS, mayRun, onRun }: BringProps) {
  const [film, setFilm] = useState<File | null>(null);
  const [share, setShare] = useState<number | null>(null);
  const stop = useRef<AbortController | null>(null);
  // Who leaves the page takes the film along.
  useEffect(() => () => stop.current?.abort(), []);
  const most = megabytes(largest);
  const isTooLarge = film !== null && film.size > largest;

  async function send() {
    if (!film) return;
    stop.current = new AbortController();
    setShare(0);
    await onRun(film, setShare, stop.current.signal);
    setShare(null);
    stop.current = null;
  }

  return (
    <div class="way">
      <h4>{t("camera.bring")}</h4>
      <p class="hint" id="bring-hint">{t("camera.bring.hint", { n: t("camera.in_time", { n: lasting(t, heldForS) }) })}</p>
      <div class="filter">
        <div class="field grow">
          <label for="own-film">{t("camera.bring.file", { n: most })}</label>
          <input
            id="own-film"
            type="file"
            accept="video/*,.avi,.mkv"
            aria-describedby="bring-hint"
            aria-invalid={isTooLarge}
            disabled={share !== null}
            onChange={(event) => setFilm(event.currentTarget.files?.[0] ?? null)}
          />
        </div>
        {share === null ? (
          <button type="button" class="button" data-test="bring" disabled={!mayRun || !film || isTooLarge} onClick={() => void send()}>
            {t("camera.bring.start")}
          </button>
        ) : (
          <button type="button" class="button" data-test="stop-bringing" onClick={() => stop.current?.abort()}>
            {t("camera.bring.stop")}
          </button>
        )}
      </div>
      {isTooLarge && (
        <p class="wrong" role="alert" data-test="too-large">
          {t("camera.bring.too_large", { size: megabytes(film.size, Math.ceil), n: most })}
        </p>
      )}
      {share !== null && share < 1 && (
        <div class="sending">
          <label for="sending">{t("camera.bring.sending", { n: Math.floor(share * 100) })}</label>
          <progress id="sending" max={1} value={share} />
        </div>
      )}
    </div>
  );
}
