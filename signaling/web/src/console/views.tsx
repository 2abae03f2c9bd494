// The console's views: links on the left, who is there on the right.
import type { RefObject, VNode } from "preact";
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { Confirm, Heading, Notice, useFacts } from "../shared/components.tsx";
import { duration, momentOf } from "../shared/format.ts";
import type { Consultation, Problem } from "../shared/protocol.ts";
import { problemKind } from "../shared/protocol.ts";
import { isTextKey, type TextKey } from "../shared/texts.ts";
import { type AppointmentFacts, readAppointment } from "./appointment.ts";
import type { Console, MadeLink } from "./console.ts";
import { ordered, waitingCount } from "./list.ts";
import { Rings } from "./ring.tsx";

export interface Section {
  id: string;
  name: string;
  isOwn: boolean;
}

/** What the console's views know beside the state. */
export interface Desk {
  sections: Section[];
  staff: string;
  texts: object;
}

export function useConsole(model: Console): Console {
  const [, redraw] = useReducer((count: number, _: undefined) => count + 1, 0);
  useEffect(() => model.subscribe(() => redraw(undefined)), [model]);
  return model;
}

export function ConsoleView({ model, desk }: { model: Console; desk: Desk }) {
  const { t } = useFacts();
  const waiting = waitingCount(model.list);
  const isLost = model.room.session.link === "lost";
  return (
    <section class="console" data-test="console">
      <header class="console-head">
        <Heading>{t("staff.title")}</Heading>
        <p class="summary" data-some={waiting > 0}>
          {waiting > 0 ? t("staff.list.summary", { n: waiting }) : t("staff.list.nobody")}
        </p>
        <p class="live" data-state={isLost ? "lost" : "on"} role="status">
          <span class="live-dot" aria-hidden="true" />
          {t(isLost ? "staff.live.lost" : "staff.live.on")}
        </p>
        <label class="sound">
          <input
            type="checkbox"
            checked={model.isSoundOn}
            onChange={(event) => model.setSound(event.currentTarget.checked)}
          />
          {t("staff.sound")}
        </label>
      </header>
      <Rings model={model} desk={desk} />
      {model.problem && <ProblemNotice problem={model.problem} desk={desk} />}
      {model.host.problem && <ProblemNotice problem={model.host.problem} desk={desk} />}
      <div class="console-body">
        <LinkPanel model={model} desk={desk} />
        <ListPanel model={model} desk={desk} />
      </div>
    </section>
  );
}

export function ProblemNotice({ problem, desk }: { problem: Problem; desk: Desk }) {
  const { t } = useFacts();
  const kind = problemKind(problem).replaceAll("-", "_");
  const key = (part: string) => `problem.${kind}.${part}`;
  const isKnown = isTextKey(desk.texts, key("title"));
  const words = (part: string) => t((isKnown ? key(part) : `problem.internal.${part}`) as TextKey);
  return (
    <div role="alert">
      <Notice kind="error">
        <p>
          <strong>{words("title")}</strong>
        </p>
        <p>
          {words("message")} {words("advice")}
        </p>
      </Notice>
    </div>
  );
}

function LinkPanel({ model, desk }: { model: Console; desk: Desk }) {
  const { t } = useFacts();
  const own = desk.sections.filter((one) => one.isOwn);
  const others = desk.sections.filter((one) => !one.isOwn);
  const button = (section: Section, isPrimary: boolean) => (
    <button
      key={section.id}
      type="button"
      class={isPrimary ? "button primary wide" : "button wide"}
      data-test="create-link"
      data-section={section.id}
      disabled={model.making !== null}
      onClick={() => void model.makeLink(section.id)}
    >
      {model.making === section.id
        ? t("staff.create.making")
        : t("staff.create.button", { section: section.name })}
    </button>
  );
  return (
    <section class="panel" aria-labelledby="links">
      <h2 id="links">{t("staff.create.title")}</h2>
      <p class="hint">{t("staff.create.hint")}</p>
      {own.map((section) => button(section, true))}
      {model.link && <LinkCard key={model.link.id} link={model.link} desk={desk} now={model.room.now()} />}
      {others.length > 0 && (
        <details class="others" open={own.length === 0}>
          <summary>{t("staff.create.other")}</summary>
          {others.map((section) => button(section, false))}
        </details>
      )}
    </section>
  );
}

function LinkCard({ link, desk, now }: { link: MadeLink; desk: Desk; now: number }) {
  const { t, lang } = useFacts();
  const field = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState<"no" | "yes" | "failed">("no");
  useEffect(() => field.current?.select(), []);
  const copy = () => {
    field.current?.select();
    const done = navigator.clipboard?.writeText(link.url) ?? Promise.reject(new Error("no clipboard"));
    done.then(
      () => setCopied("yes"),
      () => setCopied("failed"),
    );
  };
  return (
    <div class="link-card">
      <p class="link-title" role="status">
        <span aria-hidden="true">✓ </span>
        {t("staff.link.title")}
      </p>
      <label for="link-url">{t("staff.link.label", { section: nameOf(desk, link.section, t("staff.section_unknown")) })}</label>
      <input id="link-url" ref={field} class="link-url" data-test="link-url" type="text" readOnly value={link.url} />
      <button type="button" class="button wide" data-test="copy-link" onClick={copy}>
        {copied === "yes" ? `✓ ${t("staff.link.copied")}` : t("staff.link.copy")}
      </button>
      <p class="hint" role="status">
        {copied === "failed" ? t("staff.link.copy_failed") : t("staff.link.hint", { time: momentOf(t, lang, link.expiresAt, now) })}
      </p>
    </div>
  );
}

export function nameOf(desk: Desk, section: string, unknown: string): string {
  return desk.sections.find((one) => one.id === section)?.name ?? unknown;
}

type Question = { about: "withdraw" | "no_show" | "move"; one: Consultation };

function ListPanel({ model, desk }: { model: Console; desk: Desk }) {
  const { t } = useFacts();
  const dialog = useRef<HTMLDialogElement>(null);
  const moving = useRef<HTMLDialogElement>(null);
  const [question, setQuestion] = useState<Question | null>(null);
  const [filter, setFilter] = useState<string | null>(null);
  const own = desk.sections.filter((one) => one.isOwn).map((one) => one.id);
  const shown = filter === null ? model.list : model.list.filter((one) => one.section === filter);
  const rows = ordered(shown, desk.staff, own);
  const arrivedIn = model.arrived && nameOf(desk, model.arrived.section, t("staff.section_unknown"));
  const ask = (asked: Question) => {
    setQuestion(asked);
    (asked.about === "move" ? moving : dialog).current?.showModal();
  };
  const asking = useRef(ask);
  asking.current = ask;
  const isOpen = model.room.session.link === "open";
  // Of 300 rows one has changed: the others are given to the page as the very same objects, which it passes over.
  const drawn = useRef(new Map<string, { one: Consultation; isOpen: boolean; row: VNode }>());
  const before = drawn.current;
  drawn.current = new Map();
  const rowOf = (one: Consultation): VNode => {
    const known = before.get(one.id);
    const isSame = known && known.one === one && known.isOpen === isOpen;
    const row = isSame ? known.row : <Row key={one.id} one={one} model={model} desk={desk} isOpen={isOpen} onAsk={(asked) => asking.current(asked)} />;
    drawn.current.set(one.id, { one, isOpen, row });
    return row;
  };
  const focus = useKeptFocus();
  return (
    <section class="panel list" aria-labelledby="list" ref={focus}>
      <h2 id="list" tabIndex={-1}>
        {t("staff.list.title")}
      </h2>
      {desk.sections.length > 1 && <Filter model={model} desk={desk} filter={filter} onFilter={setFilter} />}
      <p class="visually-hidden" role="status">
        {arrivedIn && t("staff.news.waiting", { section: arrivedIn })}
      </p>
      {!model.isKnown ? (
        <p class="hint">{t("common.preparing")}</p>
      ) : rows.length === 0 ? (
        <p class="hint">{t("staff.list.empty")}</p>
      ) : (
        <ul class="rows">{rows.map(rowOf)}</ul>
      )}
      <Confirm
        dialog={dialog}
        texts={question?.about === "no_show" ? noShowTexts(t) : withdrawTexts(t, question?.one ?? null)}
        onYes={() => {
          if (question?.about === "no_show") void model.act(question.one.id, { do: "no_show" });
          else if (question) model.end(question.one.id);
        }}
      />
      <MoveDialog dialog={moving} model={model} desk={desk} one={question?.one ?? null} />
    </section>
  );
}

/**
 * Who works by keyboard keeps the focus when the list changes: on the very button, though its row has moved, and on the
 * list's head when the button is gone.
 */
function useKeptFocus(): RefObject<HTMLElement | null> {
  const list = useRef<HTMLElement>(null);
  const focused = useRef<HTMLElement | null>(null);
  useEffect(() => {
    const element = list.current;
    if (!element) return;
    const came = ({ target }: FocusEvent) => {
      focused.current = target as HTMLElement;
    };
    const went = ({ target }: FocusEvent) => {
      // A row that is moved loses the focus too, and gets it back in the same task.
      setTimeout(() => {
        if (focused.current === target && document.activeElement !== target) focused.current = null;
      });
    };
    element.addEventListener("focusin", came);
    element.addEventListener("focusout", went);
    return () => {
      element.removeEventListener("focusin", came);
      element.removeEventListener("focusout", went);
    };
  }, []);
  useLayoutEffect(() => {
    const before = focused.current;
    if (!before || document.activeElement !== document.body) return;
    if (before.isConnected) before.focus({ preventScroll: true });
    else list.current?.querySelector<HTMLElement>("h2")?.focus({ preventScroll: true });
  });
  return list;
}

/** One section's line, or all; each says how many wait there. */
function Filter({ model, desk, filter, onFilter }: { model: Console; desk: Desk; filter: string | null; onFilter(section: string | null): void }) {
  const { t } = useFacts();
  const counts = new Map<string, number>();
  for (const one of model.list) if (one.phase === "waiting") counts.set(one.section, (counts.get(one.section) ?? 0) + 1);
  const button = (id: string | null, words: string) => (
    <button key={id} type="button" class="filter" data-test="filter" data-section={id ?? ""} aria-pressed={filter === id} onClick={() => onFilter(id)}>
      {words}
    </button>
  );
  return (
    <div class="filters" role="group" aria-label={t("staff.filter.label")}>
      {button(null, t("staff.filter.all"))}
      {desk.sections.map(({ id, name }) => {
        const n = counts.get(id) ?? 0;
        return button(id, n > 0 ? t("staff.filter.waiting", { section: name, n }) : name);
      })}
    </div>
  );
}

function MoveDialog({ dialog, model, desk, one }: { dialog: RefObject<HTMLDialogElement | null>; model: Console; desk: Desk; one: Consultation | null }) {
  const { t } = useFacts();
  const others = desk.sections.filter(({ id }) => id !== one?.section);
  const [section, setSection] = useState("");
  const chosen = others.some(({ id }) => id === section) ? section : (others[0]?.id ?? "");
  const close = () => dialog.current?.close();
  return (
    <dialog ref={dialog} class="confirm" aria-labelledby="move-title">
      <h2 id="move-title">{t("staff.move.title")}</h2>
      <p>{t("staff.move.text")}</p>
      <select class="move-choice" aria-labelledby="move-title" data-test="move-section" value={chosen} onChange={(event) => setSection(event.currentTarget.value)}>
        {others.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
      <div class="buttons">
        <button type="button" class="button large" onClick={close}>
          {t("staff.no_show_confirm.no")}
        </button>
        <button
          type="button"
          class="button primary large"
          data-test="move-confirm"
          onClick={() => {
            close();
            if (one && chosen) void model.act(one.id, { do: "move", section: chosen });
          }}
        >
          {t("staff.move.yes")}
        </button>
      </div>
    </dialog>
  );
}

function noShowTexts(t: ReturnType<typeof useFacts>["t"]) {
  return {
    title: t("staff.no_show_confirm.title"),
    text: t("staff.no_show_confirm.text"),
    yes: t("staff.no_show"),
    no: t("staff.no_show_confirm.no"),
  };
}

function withdrawTexts(t: ReturnType<typeof useFacts>["t"], one: Consultation | null) {
  const isCall = one?.phase === "admitted";
  return isCall
    ? {
        title: t("staff.end_confirm.title"),
        text: t("staff.end_confirm.text"),
        yes: t("staff.end"),
        no: t("staff.end_confirm.no"),
      }
    : {
        title: t("staff.withdraw_confirm.title"),
        text: t("staff.withdraw_confirm.text"),
        yes: t("staff.withdraw"),
        no: t("staff.withdraw_confirm.no"),
      };
}

const PHASE_MARKS: Record<Consultation["phase"], string> = { booked: "○", waiting: "●", admitted: "▶", ended: "■" };

interface RowProps {
  one: Consultation;
  model: Console;
  desk: Desk;
  isOpen: boolean;
  onAsk(question: Question): void;
}

function Row({ one, model, desk, isOpen, onAsk }: RowProps) {
  const { t } = useFacts();
  const isMine = one.staff === desk.staff;
  const isOthers = one.phase === "admitted" && !isMine;
  const { wanted } = one.call ?? {};
  const hasMore = desk.sections.length > 1 || !one.is_present;
  const withdraw = (
    <button type="button" class={one.phase === "waiting" ? "button" : "button quiet"} data-test="withdraw" onClick={() => onAsk({ about: "withdraw", one })}>
      {t(one.phase === "admitted" ? "staff.end" : "staff.withdraw")}
    </button>
  );
  return (
    <li class="row" data-test="consultation" data-id={one.id} data-phase={one.phase} data-present={one.is_present}>
      <p class="row-phase">
        <span aria-hidden="true">{PHASE_MARKS[one.phase]}</span>{" "}
        {one.phase === "ended" ? "" : t(`staff.phase.${one.phase}`)}
      </p>
      <div class="row-section">
        <p>
          {nameOf(desk, one.section, t("staff.section_unknown"))}
          {wanted !== undefined && one.phase !== "admitted" && <span class="row-wanted">{t("staff.wanted", { staff: wanted })}</span>}
        </p>
        {one.appointment && <AppointmentWords key={one.appointment} id={one.appointment} />}
      </div>
      <p class="row-time">
        <Time one={one} model={model} />
      </p>
      <p class="row-present" data-present={one.is_present}>
        <span class="dot" aria-hidden="true" />
        {t(one.is_present ? "staff.present.yes" : "staff.present.no")}
      </p>
      <div class="row-actions">
        {one.phase === "waiting" && (
          <button type="button" class="button primary" data-test="admit" disabled={!isOpen} onClick={() => void model.admit(one.id)}>
            {t("staff.admit")}
          </button>
        )}
        {one.phase === "admitted" && (
          <span class="row-who">
            {isMine ? t("staff.by_you") : t("staff.by_other", { staff: one.staff ?? "" })}
          </span>
        )}
        {!isOthers && one.phase !== "waiting" && withdraw}
        {(one.phase === "waiting" || (one.phase === "booked" && hasMore)) && (
          <details class="row-more">
            <summary data-test="more">{t("staff.more")}</summary>
            <div class="row-more-acts">
              {one.phase === "waiting" && withdraw}
              {desk.sections.length > 1 && (
                <button type="button" class="button" data-test="move" onClick={() => onAsk({ about: "move", one })}>
                  {t("staff.move")}
                </button>
              )}
              {!one.is_present && (
                <button type="button" class="button" data-test="no-show" onClick={() => onAsk({ about: "no_show", one })}>
                  {t("staff.no_show")}
                </button>
              )}
            </div>
          </details>
        )}
      </div>
    </li>
  );
}

/** Who comes to an appointment, and what about; read only where it is shown, and kept nowhere. */
function AppointmentWords({ id }: { id: string }) {
  const { t } = useFacts();
  const [words, setWords] = useState<AppointmentFacts | null>(null);
  useEffect(() => {
    const reading = new AbortController();
    readAppointment(id, reading.signal).then(setWords, () => undefined);
    return () => reading.abort();
  }, [id]);
  if (!words) return null;
  return (
    <p class="row-appointment" data-test="appointment">
      {words.name && <strong>{t("staff.appointment.name", { name: words.name })}</strong>} {words.when} {words.topic ?? words.service}
    </p>
  );
}

/** One clock for all rows; a row is drawn again only when its own words change. */
const ticks = new Set<() => void>();
setInterval(() => {
  for (const tick of ticks) tick();
}, 1000);

function Time({ one, model }: { one: Consultation; model: Console }) {
  const { t, lang } = useFacts();
  const [, redraw] = useReducer((count: number, _: undefined) => count + 1, 0);
  const words = () => timeWords(t, lang, one, model.room.now());
  const shown = words();
  const latest = useRef({ words, shown });
  latest.current = { words, shown };
  useEffect(() => {
    const tick = () => {
      if (latest.current.words() !== latest.current.shown) redraw(undefined);
    };
    ticks.add(tick);
    return () => {
      ticks.delete(tick);
    };
  }, []);
  return <>{shown}</>;
}

function timeWords(t: ReturnType<typeof useFacts>["t"], lang: string, one: Consultation, now: number): string {
  if (one.phase === "waiting" && one.waiting_since !== undefined) {
    return t("staff.time.waiting", { duration: duration(t, now - one.waiting_since) });
  }
  if (one.phase === "admitted" && one.admitted_at !== undefined) {
    return t("staff.time.call", { duration: duration(t, now - one.admitted_at) });
  }
  return t("staff.time.created", { time: momentOf(t, lang, one.created_at, now) });
}
