// What is asked and told at the end: how it was, by one of five faces, and what staff wrote for the resident.
import { useEffect, useState } from "preact/hooks";
import { useFacts } from "../shared/components.tsx";

export interface Goodbye {
  note: string;
  score: number | null;
}

/** open: it may be said, or changed. */
export type RatingState = "open" | "sending" | "done" | "failed";

const TRY_AGAIN_MS = 1_500;
const TRIES = 5;

async function ask(path: string, body: object): Promise<Response> {
  return fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

export function useGoodbye(code: string, hadCall: boolean) {
  const [goodbye, setGoodbye] = useState<Goodbye | null>(null);
  const [choice, setChoice] = useState<number | null>(null);
  const [said, setSaid] = useState(0);
  const [state, setState] = useState<RatingState>("open");
  useEffect(() => {
    let isGone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    // The server may not know yet that it is over.
    const load = async (left: number) => {
      const answer = await ask("/api/consultations/goodbye", { code }).catch(() => null);
      if (isGone) return;
      if (answer?.ok) {
        const known = (await answer.json()) as Goodbye;
        setGoodbye(known);
        setChoice(known.score);
      } else if (left > 0) timer = setTimeout(() => void load(left - 1), TRY_AGAIN_MS);
    };
    if (hadCall) void load(TRIES);
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, [hadCall]);
  const rate = async (score: number) => {
    setState("sending");
    const answer = await ask("/api/consultations/rating", { code, score }).catch(() => null);
    // Too late, or changed already: what was said stands.
    if (answer && answer.status >= 400 && answer.status < 500 && answer.status !== 429) return setState("done");
    if (!answer?.ok) return setState("failed");
    if (score !== choice) setSaid(said + 1);
    setState(score !== choice && said > 0 ? "done" : "open");
    setChoice(score);
  };
  return { goodbye, choice, state, rate };
}

const MOUTHS: Record<number, string> = {
  5: "M14 28c3 6 17 6 20 0z",
  4: "M14 29c4 5 16 5 20 0",
  3: "M15 31h18",
  2: "M15 33c4-4 14-4 18 0",
  1: "M14 35c4-7 16-7 20 0",
};

interface FacesProps {
  choice: number | null;
  state: RatingState;
  onRate(score: number): void;
}

export function Faces({ choice, state, onRate }: FacesProps) {
  const { t } = useFacts();
  return (
    <section class="panel" aria-labelledby="rating" data-test="rating">
      <h2 id="rating">{t("rating.title")}</h2>
      <p class="hint">{t("rating.hint")}</p>
      <div class="faces" role="group" aria-labelledby="rating">
        {([5, 4, 3, 2, 1] as const).map((score) => (
          <button
            key={score}
            type="button"
            class="face"
            data-test="face"
            data-score={score}
            aria-pressed={choice === score}
            disabled={state === "done" || state === "sending"}
            onClick={() => onRate(score)}
          >
            <svg viewBox="0 0 48 48" aria-hidden="true">
              <circle cx="24" cy="24" r="20" />
              <path d="M17 18v2M31 18v2" />
              <path d={MOUTHS[score]} />
            </svg>
            {t(`rating.${score}`)}
          </button>
        ))}
      </div>
      <p role="status" data-test="rating-state" data-state={state}>
        {state === "failed" ? t("rating.failed") : choice !== null && t(state === "done" ? "rating.done" : "rating.thanks")}
      </p>
    </section>
  );
}
