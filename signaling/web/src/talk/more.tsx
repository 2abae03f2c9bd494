// What is used now and then in a call, behind one button: a sheet of large buttons, each with words.
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { Icon, useFacts } from "../shared/components.tsx";
import type { Room } from "../shared/room.ts";
import { CaptionChoices } from "./captions-view.tsx";
import { canShareScreen } from "./screen.ts";
import { sharer } from "./screen-view.tsx";

const FILES = "application/pdf,.pdf,image/jpeg,image/png,image/webp,image/heic,.heic";

interface MoreProps {
  room: Room;
  isCaptioning: boolean;
  onCaption(isOn: boolean): void;
}

export function MoreButton({ room, isCaptioning, onCaption }: MoreProps) {
  const { t } = useFacts();
  const dialog = useRef<HTMLDialogElement>(null);
  const file = useRef<HTMLInputElement>(null);
  const [isChoosing, setChoosing] = useState(false);
  const { talk, devices, screen, saving, session } = room;
  const close = () => dialog.current?.close();
  const then = (act: () => void) => () => {
    close();
    act();
  };
  return (
    <>
      <button type="button" class="control" data-test="more" aria-haspopup="dialog" onClick={() => dialog.current?.showModal()}>
        <Icon name="more" />
        <span>{t("more.title")}</span>
      </button>
      <input
        ref={file}
        type="file"
        accept={FILES}
        hidden
        data-test="paper-file"
        aria-label={t("more.paper")}
        onChange={(event) => {
          const [chosen] = event.currentTarget.files ?? [];
          // The same file can be chosen again.
          if (chosen) void talk.papers.bring(chosen);
          event.currentTarget.value = "";
        }}
      />
      <dialog ref={dialog} class="confirm sheet" data-test="more-sheet" aria-labelledby="more-title" onClose={() => setChoosing(false)}>
        <h2 id="more-title">{t(isChoosing ? "captions.look" : "more.title")}</h2>
        {isChoosing ? (
          <CaptionChoices room={room} />
        ) : (
          <ul class="sheet-list">
            <Item icon="paper" hook="more-paper" hint={t("more.paper_hint")} onClick={then(() => file.current?.click())}>
              {t("more.paper")}
            </Item>
            {devices.state.cameras > 1 && devices.state.camera === "on" && (
              <Item icon="turn" hook="more-turn" hint={t("more.turn_hint")} onClick={then(() => void devices.turn())}>
                {t("more.turn")}
              </Item>
            )}
            {talk.hands === null && [...talk.booths.values()].some((booth) => booth.camera) && (
              <Item icon="paper" hook="more-document-camera" hint={t("booth.camera_hint")} onClick={then(() => talk.askForDocumentCamera(!sharer(room)))}>
                {t(sharer(room) ? "booth.camera_stop" : "booth.camera")}
              </Item>
            )}
            {talk.hands === null && canShareScreen() && (
              <Item icon="screen" hook="more-screen" onClick={then(() => (screen ? room.stopScreen() : void room.shareScreen()))}>
                {t(screen ? "more.screen_stop" : "more.screen")}
              </Item>
            )}
            <Item icon="sound" hook="more-sound" hint={t("more.sound_hint")} onClick={then(() => room.setSoundOnly(saving.mode === "none"))}>
              {t(saving.mode === "none" ? "more.sound_only" : "more.pictures")}
            </Item>
            <Item icon="hand" hook="more-sign" hint={t("more.sign_hint")} onClick={then(() => talk.setSigning(!talk.isSigning))}>
              {t(talk.isSigning ? "more.sign_stop" : "more.sign")}
            </Item>
            <Item icon="captions" hook="more-look" onClick={() => setChoosing(true)}>
              {t("captions.look")}
            </Item>
            {session.role !== "resident" && (
              <Item icon="captions" hook="more-caption" onClick={then(() => onCaption(!isCaptioning))}>
                {t(isCaptioning ? "captions.stop" : "captions.type")}
              </Item>
            )}
          </ul>
        )}
        <div class="buttons">
          <button type="button" class="button large" data-test="more-close" onClick={() => (isChoosing ? setChoosing(false) : close())}>
            {t(isChoosing ? "more.back" : "more.close")}
          </button>
        </div>
      </dialog>
    </>
  );
}

interface ItemProps {
  icon: Parameters<typeof Icon>[0]["name"];
  hook: string;
  hint?: string;
  onClick(): void;
  children: ComponentChildren;
}

function Item({ icon, hook, hint, onClick, children }: ItemProps) {
  return (
    <li>
      <button type="button" class="sheet-item" data-test={hook} onClick={onClick}>
        <Icon name={icon} />
        <span>
          <strong>{children}</strong>
          {hint && <small>{hint}</small>}
        </span>
      </button>
    </li>
  );
}

/** What goes on that somebody may want to end, in words. */
export function TalkNews({ room }: { room: Room }) {
  const { t } = useFacts();
  const { screen, saving } = room;
  return (
    <>
      {screen && (
        <div class="trouble plain" role="status" data-test="sharing">
          <p>{t(room.talk.hands ? "booth.sharing" : "screen.sharing")}</p>
          <button type="button" class="button" data-test="screen-stop" onClick={() => room.stopScreen()}>
            {t(room.talk.hands ? "booth.camera_stop" : "more.screen_stop")}
          </button>
        </div>
      )}
      {saving.mode !== "none" && (
        <div class="trouble plain" role="status" data-test="sound-only" data-mode={saving.mode} data-offered={saving.isOffered}>
          <p>{t(saving.isOffered ? "saving.offer" : saving.mode === "by_itself" ? "saving.by_itself" : "saving.by_hand")}</p>
          <button type="button" class="button" data-test="pictures" onClick={() => room.setSoundOnly(false)}>
            {t("more.pictures")}
          </button>
          {saving.isOffered && (
            <button type="button" class="button" onClick={() => room.declinePictures()}>
              {t("saving.decline")}
            </button>
          )}
        </div>
      )}
    </>
  );
}
