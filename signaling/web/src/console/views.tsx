// The console's views: links on the left, who is there on the right.
import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import { Confirm, Heading, Notice, useFacts, useTick } from "../shared/components.tsx";
import { duration, momentOf } from "../shared/format.ts";
import type { Consultation, Problem } from "../shared/protocol.ts";
import { problemKind } from "../shared/protocol.ts";
import { isTextKey, type TextKey } from "../shared/texts.ts";
import { type AppointmentFacts, readAppointment } from "./appointment.ts";
import type { Console, MadeLink } from "./console.ts";
import { ordered, waitingCount } from "./list.ts";

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
  useTick();
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
      {model.problem && <ProblemNotice problem={model.problem} desk={desk} />}
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

function ListPanel({ model, desk }: { model: Console; desk: Desk }) {
  const { t } = useFacts();
  const dialog = useRef<HTMLDialogElement>(null);
  const [withdrawn, setWithdrawn] = useState<Consultation | null>(null);
  const own = desk.sections.filter((one) => one.isOwn).map((one) => one.id);
  const rows = ordered(model.list, desk.staff, own);
  const arrivedIn = model.arrived && nameOf(desk, model.arrived.section, t("staff.section_unknown"));
  return (
    <section class="panel list" aria-labelledby="list">
      <h2 id="list">{t("staff.list.title")}</h2>
      <p class="visually-hidden" role="status">
        {arrivedIn && t("staff.news.waiting", { section: arrivedIn })}
      </p>
      {!model.isKnown ? (
        <p class="hint">{t("common.preparing")}</p>
      ) : rows.length === 0 ? (
        <p class="hint">{t("staff.list.empty")}</p>
      ) : (
        <ul class="rows">
          {rows.map((one) => (
            <Row
              key={one.id}
              one={one}
              model={model}
              desk={desk}
              onWithdraw={() => {
                setWithdrawn(one);
                dialog.current?.showModal();
              }}
            />
          ))}
        </ul>
      )}
      <Confirm
        dialog={dialog}
        texts={withdrawTexts(t, withdrawn)}
        onYes={() => withdrawn && model.end(withdrawn.id)}
      />
    </section>
  );
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
  onWithdraw(): void;
}

function Row({ one, model, desk, onWithdraw }: RowProps) {
  const { t } = useFacts();
  const isMine = one.staff === desk.staff;
  const isOthers = one.phase === "admitted" && !isMine;
  return (
    <li class="row" data-test="consultation" data-id={one.id} data-phase={one.phase} data-present={one.is_present}>
      <p class="row-phase">
        <span aria-hidden="true">{PHASE_MARKS[one.phase]}</span>{" "}
        {one.phase === "ended" ? "" : t(`staff.phase.${one.phase}`)}
      </p>
      <div class="row-section">
        <p>{nameOf(desk, one.section, t("staff.section_unknown"))}</p>
        {one.appointment && <AppointmentWords key={one.appointment} id={one.appointment} />}
      </div>
      <p class="row-time">
        <Time one={one} now={model.room.now()} />
      </p>
      <p class="row-present" data-present={one.is_present}>
        <span class="dot" aria-hidden="true" />
        {t(one.is_present ? "staff.present.yes" : "staff.present.no")}
      </p>
      <div class="row-actions">
        {one.phase === "waiting" && (
          <button
            type="button"
            class="button primary"
            data-test="admit"
            disabled={model.room.session.link !== "open"}
            onClick={() => void model.admit(one.id)}
          >
            {t("staff.admit")}
          </button>
        )}
        {one.phase === "admitted" && (
          <span class="row-who">
            {isMine ? t("staff.by_you") : t("staff.by_other", { staff: one.staff ?? "" })}
          </span>
        )}
        {!isOthers && (
          <button type="button" class="button quiet" data-test="withdraw" onClick={onWithdraw}>
            {t(one.phase === "admitted" ? "staff.end" : "staff.withdraw")}
          </button>
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

function Time({ one, now }: { one: Consultation; now: number }) {
  const { t, lang } = useFacts();
  if (one.phase === "waiting" && one.waiting_since !== undefined) {
    return <>{t("staff.time.waiting", { duration: duration(t, now - one.waiting_since) })}</>;
  }
  if (one.phase === "admitted" && one.admitted_at !== undefined) {
    return <>{t("staff.time.call", { duration: duration(t, now - one.admitted_at) })}</>;
  }
  return <>{t("staff.time.created", { time: momentOf(t, lang, one.created_at, now) })}</>;
}
