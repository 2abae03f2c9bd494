// The lock in a call's head: whether the call is encrypted from end to end, in plain words, and behind it the digits that
// both sides compare aloud.
import { useRef } from "preact/hooks";
import { Icon, useFacts } from "./components.tsx";
import type { Lock, Room } from "./room.ts";
import type { TextKey } from "./texts.ts";

const WORDS: Record<Lock, { short: TextKey; title: TextKey; text: TextKey }> = {
  encrypted: { short: "lock.on", title: "lock.on.title", text: "lock.on.text" },
  agreeing: { short: "lock.soon", title: "lock.soon.title", text: "lock.soon.text" },
  none: { short: "lock.soon", title: "lock.soon.title", text: "lock.soon.text" },
  refused: { short: "lock.refused", title: "lock.refused.title", text: "lock.refused.text" },
  off: { short: "lock.off", title: "lock.off.title", text: "lock.off.text" },
};

export function LockButton({ room }: { room: Room }) {
  const { t } = useFacts();
  const dialog = useRef<HTMLDialogElement>(null);
  const { lock } = room;
  const { short, title, text } = WORDS[lock];
  const code = lock === "encrypted" ? room.code : null;
  return (
    <>
      <button type="button" class="lock" data-test="lock" data-state={lock} aria-haspopup="dialog" onClick={() => dialog.current?.showModal()}>
        <Icon name={lock === "encrypted" ? "lock" : "unlock"} />
        <span role="status">{t(short)}</span>
      </button>
      <dialog ref={dialog} class="confirm" data-test="lock-panel" aria-labelledby="lock-title">
        <h2 id="lock-title">{t(title)}</h2>
        <p>{t(text)}</p>
        {code && <Code digits={code} />}
        <div class="buttons">
          <button type="button" class="button large" data-test="lock-close" onClick={() => dialog.current?.close()}>
            {t("lock.close")}
          </button>
        </div>
      </dialog>
    </>
  );
}

/** Two groups of four: as telephone numbers are read out. */
function Code({ digits }: { digits: string }) {
  const { t } = useFacts();
  const groups = [digits.slice(0, 4), digits.slice(4)];
  return (
    <>
      <p id="lock-code-title">{t("lock.code.title")}</p>
      <p class="lock-code" data-test="lock-code" aria-labelledby="lock-code-title">
        <span aria-hidden="true">{groups.join(" ")}</span>
        <span class="visually-hidden">{groups.map((group) => [...group].join(" ")).join("、")}</span>
      </p>
      <p>{t("lock.code.text")}</p>
    </>
  );
}

/** Says so in the middle of the page where a call was stopped, because somebody may be between the two ends. */
export function LockTrouble({ room }: { room: Room }) {
  const { t, telephone } = useFacts();
  if (room.lock !== "refused") return null;
  return (
    <div class="trouble" role="alert" data-test="lock-trouble">
      <p>
        {t("lock.refused.text")} <a href={`tel:${telephone}`}>{telephone}</a>
      </p>
    </div>
  );
}
