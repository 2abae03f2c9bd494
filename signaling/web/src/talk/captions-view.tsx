// Captions under the picture, as large and in the colours that the person likes; and the field of who types them.
import { useLayoutEffect, useRef } from "preact/hooks";
import { useFacts } from "../shared/components.tsx";
import type { Room } from "../shared/room.ts";
import type { TextKey } from "../shared/texts.ts";
import { COLOURS, lastLines, SIZES } from "./captions.ts";
import { MAX_CAPTION } from "./wire.ts";

const SHOWN = 3;

export function CaptionStrip({ room }: { room: Room }) {
  const { t } = useFacts();
  const { captions, look } = room.talk;
  const lines = lastLines(captions, SHOWN);
  if (!look.isOn || lines.length === 0) return null;
  const done = lines.filter((one) => one.isDone);
  return (
    <section class="captions" data-test="captions" data-size={look.size} data-colours={look.colours} aria-label={t("captions.title")}>
      {/* What is still being typed would be read out letter by letter. */}
      <div aria-hidden="true">
        {lines.map(({ from, utterance, text, isDone }) => (
          <p key={`${from}/${utterance}`} data-done={isDone}>
            {text}
          </p>
        ))}
      </div>
      <div class="visually-hidden" role="log" aria-live="polite" aria-label={t("captions.title")}>
        {done.map(({ from, utterance, text }) => (
          <p key={`${from}/${utterance}`}>{text}</p>
        ))}
      </div>
    </section>
  );
}

/** Where captions are typed while somebody speaks. */
export function CaptionField({ room, onClose }: { room: Room; onClose(): void }) {
  const { t } = useFacts();
  const field = useRef<HTMLInputElement>(null);
  const isComposing = useRef(false);
  useLayoutEffect(() => field.current?.focus(), []);
  const typed = () => {
    const input = field.current;
    if (!input) return;
    // A conversion that is going on mustn't be cut: its text is shown, and parted later.
    const rest = room.talk.caption(input.value);
    if (!isComposing.current && rest !== input.value) input.value = rest;
  };
  const finish = () => {
    room.talk.finishCaption();
    if (field.current) field.current.value = "";
  };
  return (
    <form
      class="caption-form"
      data-test="caption-form"
      onSubmit={(event) => {
        event.preventDefault();
        finish();
      }}
    >
      <label for="caption-text">{t("captions.label")}</label>
      <input
        id="caption-text"
        ref={field}
        type="text"
        autocomplete="off"
        maxLength={MAX_CAPTION}
        data-test="caption-text"
        onInput={typed}
        onCompositionStart={() => {
          isComposing.current = true;
        }}
        onCompositionEnd={() => {
          isComposing.current = false;
          typed();
        }}
      />
      <button type="submit" class="button">
        {t("captions.finish")}
      </button>
      <button type="button" class="button" data-test="caption-close" onClick={onClose}>
        {t("captions.stop")}
      </button>
    </form>
  );
}

const SIZE_TEXTS: TextKey[] = ["captions.size.0", "captions.size.1", "captions.size.2", "captions.size.3"];
const COLOUR_TEXTS = { dark: "captions.colours.dark", light: "captions.colours.light", yellow: "captions.colours.yellow" } as const satisfies Record<string, TextKey>;

/** How captions look to this person. */
export function CaptionChoices({ room }: { room: Room }) {
  const { t } = useFacts();
  const { look } = room.talk;
  return (
    <div class="caption-choices">
      <label class="tick">
        <input type="checkbox" data-test="captions-on" checked={look.isOn} onChange={(event) => room.talk.setLook({ isOn: event.currentTarget.checked })} />
        {t("captions.show")}
      </label>
      <fieldset>
        <legend>{t("captions.size")}</legend>
        {Array.from({ length: SIZES }, (_, size) => (
          <label key={size} class="tick">
            <input type="radio" name="caption-size" data-test={`captions-size-${size}`} checked={look.size === size} onChange={() => room.talk.setLook({ size })} />
            {t(SIZE_TEXTS[size] ?? "captions.size.1")}
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>{t("captions.colours")}</legend>
        {COLOURS.map((colours) => (
          <label key={colours} class="tick">
            <input type="radio" name="caption-colours" data-test={`captions-${colours}`} checked={look.colours === colours} onChange={() => room.talk.setLook({ colours })} />
            {t(COLOUR_TEXTS[colours])}
          </label>
        ))}
      </fieldset>
      <p class="captions sample" data-size={look.size} data-colours={look.colours} aria-hidden="true">
        {t("captions.sample")}
      </p>
    </div>
  );
}

