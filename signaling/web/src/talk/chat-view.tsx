// The chat beside the picture: large and plain. New lines are read out; what is typed stays while the panel is closed.
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon, useFacts } from "../shared/components.tsx";
import { timeOf } from "../shared/format.ts";
import type { Room } from "../shared/room.ts";
import type { TextKey } from "../shared/texts.ts";
import { type Line, parts } from "./chat.ts";
import { MAX_CHAT } from "./wire.ts";

const ROLES = { staff: "chat.by.staff", resident: "chat.by.resident", guest: "chat.by.guest" } as const satisfies Record<string, TextKey>;

export function ChatButton({ room }: { room: Room }) {
  const { t } = useFacts();
  const { isOpen, unread } = room.talk.chat;
  return (
    <button
      type="button"
      class="control"
      data-test="chat-open"
      data-pressed={isOpen}
      aria-expanded={isOpen}
      onClick={() => room.talk.openChat(!isOpen)}
    >
      <span class="control-mark">
        <Icon name="chat" />
        {unread > 0 && (
          <span class="badge" data-test="chat-unread" aria-hidden="true">
            {unread > 99 ? "99+" : unread}
          </span>
        )}
      </span>
      <span>{t("chat.title")}</span>
      {unread > 0 && <span class="visually-hidden">{t("chat.unread", { n: unread })}</span>}
    </button>
  );
}

/** Says once that somebody has written, while nobody sees it. */
export function ChatNews({ room }: { room: Room }) {
  const { t } = useFacts();
  const { unread, isOpen, lines } = room.talk.chat;
  const last = lines.at(-1);
  const isNews = !isOpen && unread > 0 && last !== undefined && last.from !== room.session.me;
  return (
    <p class="visually-hidden" role="status">
      {isNews && t("chat.news", { text: last.text })}
    </p>
  );
}

export function ChatPanel({ room }: { room: Room }) {
  const { t } = useFacts();
  const { talk } = room;
  const field = useRef<HTMLTextAreaElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const count = talk.chat.lines.length;
  useLayoutEffect(() => field.current?.focus(), []);
  useLayoutEffect(() => list.current?.scrollTo(0, list.current.scrollHeight), [count]);
  const close = () => {
    talk.openChat(false);
    document.querySelector<HTMLElement>('[data-test="chat-open"]')?.focus();
  };
  const send = () => {
    if (!field.current || !talk.say(field.current.value)) return;
    field.current.value = "";
    talk.draft = "";
    field.current.focus();
  };
  return (
    <aside
      class="chat"
      data-test="chat"
      aria-labelledby="chat-title"
      onKeyDown={(event) => event.key === "Escape" && !event.isComposing && close()}
    >
      <header class="chat-head">
        <h2 id="chat-title">{t("chat.title")}</h2>
        <button type="button" class="button small" data-test="chat-close" onClick={close}>
          {t("chat.close")}
        </button>
      </header>
      <div class="chat-scroll" ref={list} role="log" aria-live="polite" aria-label={t("chat.lines")} tabIndex={0}>
        {count === 0 && <p class="chat-empty">{t("chat.empty")}</p>}
        <ol class="chat-lines">
          {talk.chat.lines.map((line) => (
            <LineView key={line.id} line={line} room={room} />
          ))}
        </ol>
      </div>
      <form
        class="chat-form"
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <label for="chat-text">{t("chat.label")}</label>
        <textarea
          id="chat-text"
          ref={field}
          rows={2}
          maxLength={MAX_CHAT}
          data-test="chat-text"
          onInput={(event) => {
            talk.draft = event.currentTarget.value;
          }}
          onKeyDown={(event) => {
            // Enter that chooses a conversion (kana to kanji) isn't meant for sending.
            if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
            event.preventDefault();
            send();
          }}
        >
          {talk.draft}
        </textarea>
        <button type="submit" class="button primary" data-test="chat-send">
          {t("chat.send")}
        </button>
      </form>
    </aside>
  );
}

function LineView({ line, room }: { line: Line; room: Room }) {
  const { t, lang } = useFacts();
  const { me } = room.session;
  const isMine = line.from === me;
  const role = isMine ? null : room.talk.roleOf(line.from);
  const who = isMine ? t("chat.by.me") : t(role ? ROLES[role] : "chat.by.guest");
  const isTrusted = line.isFirstHand && room.talk.isTrusted(line.from);
  return (
    <li class="chat-line" data-mine={isMine} data-test="chat-line" data-state={line.state}>
      <p class="chat-who">
        {who} <span class="chat-time">{timeOf(t, lang, line.at)}</span>
      </p>
      <p class="chat-words">
        {parts(line.text, isTrusted).map(({ text, link }, at) =>
          link ? (
            <a key={at} href={link.address} target="_blank" rel="noopener noreferrer" data-test="chat-link">
              {text}
              <span class="chat-domain">{t("chat.leads_to", { domain: link.domain })}</span>
            </a>
          ) : (
            <span key={at}>{text}</span>
          ),
        )}
      </p>
      {isMine && line.state === "waiting" && <p class="chat-state">{t("chat.waiting")}</p>}
    </li>
  );
}
