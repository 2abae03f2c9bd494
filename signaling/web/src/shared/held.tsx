// On hold: a picture, music, and plain words. Nothing of this page's camera and microphone goes anywhere meanwhile.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Confirm, type ConfirmTexts, Heading, Icon, Telephone, useFacts, useWakeLock } from "./components.tsx";
import { Music } from "./music.ts";
import type { Room } from "./room.ts";

export function HeldView({ room, confirm }: { room: Room; confirm: ConfirmTexts }) {
  const { t } = useFacts();
  const dialog = useRef<HTMLDialogElement>(null);
  const [isOn, setOn] = useState(true);
  const music = useRef<Music | null>(null);
  useWakeLock();
  useLayoutEffect(() => {
    document.body.classList.add("on-hold");
    return () => document.body.classList.remove("on-hold");
  }, []);
  useEffect(() => {
    if (!isOn) return;
    music.current = new Music();
    return () => music.current?.stop();
  }, [isOn]);
  return (
    <section class="narrow held" data-test="held">
      <HoldPicture />
      <Heading>{t("held.title")}</Heading>
      <p class="lead" role="status">
        {room.session.link === "lost" ? t("talk.reconnecting") : t("held.text")}
      </p>
      <p class="private">{t("held.private")}</p>
      <button type="button" class="button wide" data-test="hold-music" aria-pressed={isOn} onClick={() => setOn(!isOn)}>
        <Icon name="sound" isCrossed={isOn} />
        {t(isOn ? "held.music_off" : "held.music_on")}
      </button>
      <button type="button" class="button quiet wide" data-test="hang-up" onClick={() => dialog.current?.showModal()}>
        {confirm.yes}
      </button>
      <p class="hint">
        {t("check.help")} <Telephone />
      </p>
      <Confirm dialog={dialog} texts={confirm} onYes={() => room.dispatch({ type: "hang_up" })} />
    </section>
  );
}

/** Hills and a sun that breathes: something quiet to look at. */
function HoldPicture() {
  return (
    <svg class="hold-picture" viewBox="0 0 320 160" aria-hidden="true">
      <rect width="320" height="160" rx="16" class="hold-sky" />
      <circle cx="236" cy="58" r="26" class="hold-sun" />
      <path d="M0 118c46-34 92-40 144-12s110 22 176-14v68H0z" class="hold-far" />
      <path d="M0 136c60-26 112-18 168-4s104 10 152-8v36H0z" class="hold-near" />
    </svg>
  );
}
