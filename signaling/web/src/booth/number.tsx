// The pad on which somebody types the number that they were told on the telephone: by touch, by Tab and Enter, or on a keyboard.
import { useEffect, useRef, useState } from "preact/hooks";
import { Heading, Telephone, useFacts } from "../shared/components.tsx";
import { momentOf } from "../shared/format.ts";
import { groups, LENGTH, typed } from "./digits.ts";

/** What became of a number. */
export type NumberAnswer = { is: "call" } | { is: "early"; opensAt: number } | { is: "refused"; words: string };

/** Who is gone has left no digits for the next. */
const PATIENCE_MS = 60_000;

interface PadProps {
  /** Asks for a number; on `call` the page goes on elsewhere. */
  onNumber(digits: string): Promise<NumberAnswer>;
  onBack(): void;
}

export function NumberPad({ onNumber, onBack }: PadProps) {
  const { t, lang } = useFacts();
  const [digits, setDigits] = useState("");
  const [answer, setAnswer] = useState<NumberAnswer | null>(null);
  const [isAsking, setAsking] = useState(false);
  const isWhole = digits.length === LENGTH;
  const press = (key: string) => {
    if (isAsking) return;
    setAnswer(null);
    setDigits((before) => typed(before, key));
  };
  const send = async () => {
    if (!isWhole || isAsking) return;
    setAsking(true);
    const said = await onNumber(digits);
    if (said.is === "call") return;
    setAnswer(said);
    setAsking(false);
    if (said.is === "refused") setDigits("");
  };
  useKeys({ onKey: press, onEnter: () => void send(), onEscape: onBack });
  useEffect(() => {
    const timer = setTimeout(() => !isAsking && onBack(), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [digits, answer, isAsking]);
  return (
    <section class="booth-number" data-test="booth-pad">
      <div class="booth-number-words">
        <Heading>{t("booth.number.title")}</Heading>
        <p class="lead">{t("booth.number.lead")}</p>
        <Digits digits={digits} />
        <div class="booth-number-answer" role="alert">
          {answer?.is === "refused" && <p data-test="booth-number-wrong">{answer.words}</p>}
          {answer?.is === "early" && <p data-test="booth-number-early">{t("booth.number.early", { time: momentOf(t, lang, answer.opensAt, Date.now()) })}</p>}
        </div>
        <p class="hint">
          {t("check.help")} <Telephone />
        </p>
      </div>
      <div class="booth-pad">
        {[..."123456789"].map((digit) => (
          <Key key={digit} name={digit} onPress={() => press(digit)} />
        ))}
        <button type="button" class="booth-key words" data-test="booth-key-erase" disabled={digits === ""} onClick={() => press("Backspace")}>
          {t("booth.number.erase")}
        </button>
        <Key name="0" onPress={() => press("0")} />
        <button type="button" class="booth-key words" data-test="booth-number-back" onClick={onBack}>
          {t("booth.number.back")}
        </button>
        <button type="button" class="button primary booth-key words send" data-test="booth-number-send" disabled={!isWhole || isAsking} onClick={() => void send()}>
          {t(isAsking ? "common.preparing" : "booth.number.send")}
        </button>
      </div>
    </section>
  );
}

function Key({ name, onPress }: { name: string; onPress(): void }) {
  return (
    <button type="button" class="booth-key" data-test={`booth-key-${name}`} onClick={onPress}>
      {name}
    </button>
  );
}

/** The digits so far, large; read out as how many there are, not one by one for everybody to hear. */
function Digits({ digits }: { digits: string }) {
  const { t } = useFacts();
  return (
    <p class="booth-digits" data-test="booth-digits" data-digits={digits}>
      {groups(digits).map((group, at) => (
        <span key={at} class="booth-digit-group" aria-hidden="true">
          {[...group].map((digit, place) => (
            <span key={place} class="booth-digit" data-empty={digit === "_"}>
              {digit === "_" ? "" : digit}
            </span>
          ))}
        </span>
      ))}
      <span class="visually-hidden" role="status">
        {t("booth.number.count", { n: digits.length })}
      </span>
    </p>
  );
}

/** A keyboard's keys, wherever the focus is. */
function useKeys(to: { onKey(key: string): void; onEnter(): void; onEscape(): void }): void {
  const latest = useRef(to);
  latest.current = to;
  useEffect(() => {
    const down = (event: KeyboardEvent) => {
      const { onKey, onEnter, onEscape } = latest.current;
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      // Enter on a button presses that button.
      const isOnButton = event.target instanceof HTMLButtonElement || event.target instanceof HTMLAnchorElement;
      if (event.key === "Enter" && !isOnButton) onEnter();
      else if (event.key === "Escape") onEscape();
      else onKey(event.key);
    };
    addEventListener("keydown", down);
    return () => removeEventListener("keydown", down);
  }, []);
}
