// Staff's part of a call: who is in it and who waits, calling others in, hold, transfer, notes. A row of buttons under the
// picture, and one panel at a time beside it.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon, useFacts } from "../shared/components.tsx";
import { isOver, partName, peopleOf, plateOf } from "../shared/people.ts";
import type { Colleague, Part, Person } from "../shared/protocol.ts";
import type { Console } from "./console.ts";
import type { Panel } from "./host.ts";
import { type Desk, nameOf, ProblemNotice } from "./views.tsx";

interface Props {
  model: Console;
  desk: Desk;
}

/** Everything of the staff's under the call. */
export function HostPanel({ model, desk }: Props) {
  const { t, sections } = useFacts();
  const { host, room } = model;
  const { consultation } = room.session;
  const isHost = consultation?.staff === desk.staff;
  const isHeld = consultation?.call?.is_held === true;
  const people = peopleOf(consultation);
  const waiting = people.filter((one) => one.state === "waiting" && one.part !== "resident").length;
  return (
    <div class="host" data-test="host" data-host={isHost}>
      {isHeld && (
        <p class="trouble host-held" role="status" data-test="is-held">
          {t("host.held")}
        </p>
      )}
      {isHost && <Calls people={people} model={model} />}
      {host.problem && <ProblemNotice problem={host.problem} desk={desk} />}
      <div class="host-bar" role="group" aria-label={t("host.title")}>
        <Opener model={model} panel="people" icon="people" badge={waiting} />
        {isHost && <Opener model={model} panel="invite" icon="invite" />}
        {isHost && (
          <button
            type="button"
            class="host-button"
            data-test="hold"
            aria-pressed={isHeld}
            onClick={() => void host.act({ do: "hold", is_held: !isHeld })}
          >
            <Icon name="hold" />
            {t(isHeld ? "host.unhold" : "host.hold")}
          </button>
        )}
        {isHost && <Opener model={model} panel="transfer" icon="transfer" />}
        <Opener model={model} panel="notes" icon="note" />
        <PictureButton model={model} desk={desk} />
        <BlurButton model={model} />
      </div>
      {host.panel && (
        <SidePanel model={model} title={t(host.panel === "transfer" ? "host.transfer_title" : `host.${host.panel}`)}>
          {host.panel === "people" && <People people={people} model={model} isHost={isHost} isHeld={isHeld} />}
          {host.panel === "invite" && <Invite model={model} desk={desk} />}
          {host.panel === "transfer" && <Transfer model={model} people={people} desk={desk} />}
          {host.panel === "notes" && <NotesPanel model={model} />}
        </SidePanel>
      )}
      <p class="visually-hidden" role="status">
        {people
          .filter((one) => one.state === "waiting" && one.part !== "resident")
          .map((one) => t("host.waits", { part: plateOf(t, sections, one) }))
          .join(" ")}
      </p>
    </div>
  );
}

const PANEL_WORDS = { people: "host.people", invite: "host.invite", transfer: "host.transfer", notes: "host.notes" } as const;

interface OpenerProps {
  model: Console;
  panel: Panel;
  icon: Parameters<typeof Icon>[0]["name"];
  badge?: number;
}

function Opener({ model, panel, icon, badge = 0 }: OpenerProps) {
  const { t } = useFacts();
  return (
    <button
      type="button"
      class="host-button"
      data-test={`open-${panel}`}
      aria-expanded={model.host.panel === panel}
      onClick={() => model.host.open(panel)}
    >
      <Icon name={icon} />
      {t(PANEL_WORDS[panel])}
      {badge > 0 && <span class="host-badge">{badge}</span>}
    </button>
  );
}

function SidePanel({ model, title, children }: { model: Console; title: string; children: preact.ComponentChildren }) {
  const { t } = useFacts();
  const head = useRef<HTMLHeadingElement>(null);
  const { panel } = model.host;
  useLayoutEffect(() => head.current?.focus(), [panel]);
  const close = () => {
    model.host.open(null);
    document.querySelector<HTMLElement>(`[data-test="open-${panel}"]`)?.focus();
  };
  return (
    <section
      class="host-panel"
      data-test={`panel-${panel}`}
      aria-labelledby="host-panel-title"
      onKeyDown={(event) => {
        if (event.key === "Escape") close();
      }}
    >
      <header>
        <h2 id="host-panel-title" ref={head} tabIndex={-1}>
          {title}
        </h2>
        <button type="button" class="button quiet" data-test="close-panel" onClick={close}>
          {t("host.close")}
        </button>
      </header>
      {children}
    </section>
  );
}

/** Who waits to come in, whom it rings at, and who couldn't come: one line each, until it is dealt with. */
function Calls({ people, model }: { people: Person[]; model: Console }) {
  const { t, sections } = useFacts();
  const { host } = model;
  const isShown = (one: Person) =>
    one.seat !== undefined &&
    (one.state === "waiting" || one.state === "ringing" || ((one.state === "declined" || one.state === "missed") && !host.dismissed.has(one.seat)));
  const shown = people.filter(isShown);
  if (shown.length === 0) return null;
  return (
    <ul class="host-calls">
      {shown.map((one) => {
        const seat = one.seat ?? "";
        const who = whoOf(model, one, plateOf(t, sections, one));
        const button = (words: string, hook: string, onClick: () => void, isPrimary = false) => (
          <button type="button" class={isPrimary ? "button primary" : "button"} data-test={hook} onClick={onClick}>
            {words}
          </button>
        );
        return (
          <li key={seat} data-test="host-call" data-state={one.state}>
            {one.state === "waiting" && (
              <>
                <p>{t("host.waits", { part: who })}</p>
                {button(t("host.let_in"), "let-in", () => void host.act({ do: "let_in", seat }), true)}
                {button(t("host.refuse"), "refuse", () => void host.act({ do: "remove", seat }))}
              </>
            )}
            {one.state === "ringing" && (
              <>
                <p>{t("host.rings", { who })}</p>
                {button(t("host.stop_ring"), "stop-ring", () => void host.act({ do: "remove", seat }))}
              </>
            )}
            {(one.state === "declined" || one.state === "missed") && (
              <>
                <p>{t(one.state === "declined" ? "host.declined" : "host.missed", { who })}</p>
                {button(t("host.dismiss"), "dismiss", () => model.dismissSeat(seat))}
              </>
            )}
          </li>
        );
      })}
    </ul>
  );
}

/** A colleague by name, as far as it is known here; others by what they are. */
function whoOf(model: Console, one: Person, plate: string): string {
  const name = one.staff === undefined ? undefined : model.host.names.get(one.staff);
  return name ?? plate;
}

interface PeopleProps {
  people: Person[];
  model: Console;
  isHost: boolean;
  isHeld: boolean;
}

function People({ people, model, isHost, isHeld }: PeopleProps) {
  const { t, sections } = useFacts();
  const { host, room } = model;
  const isLocked = room.session.consultation?.call?.is_locked === true;
  return (
    <>
      <ul class="host-people">
        {people
          .filter((one) => !isOver(one.state))
          .map((one) => (
            <Participant key={one.participant} one={one} model={model} isHost={isHost} isHeld={isHeld} plate={whoOf(model, one, plateOf(t, sections, one))} />
          ))}
      </ul>
      {isHost && (
        <>
          <label class="host-check">
            <input
              type="checkbox"
              data-test="lock-room"
              checked={isLocked}
              onChange={(event) => void host.act({ do: "lock", is_locked: event.currentTarget.checked })}
            />
            {t("host.lock")}
          </label>
          <div class="host-more">
            <button type="button" class="button wide" data-test="call-back" onClick={() => void host.act({ do: "call_back" })}>
              {t("host.call_back")}
            </button>
            <p class="hint">{t("host.call_back_hint")}</p>
          </div>
        </>
      )}
    </>
  );
}

interface ParticipantProps {
  one: Person;
  model: Console;
  isHost: boolean;
  isHeld: boolean;
  plate: string;
}

function Participant({ one, model, isHost, isHeld, plate }: ParticipantProps) {
  const { t } = useFacts();
  const { host, room } = model;
  const isMe = one.staff !== undefined && one.staff === room.session.staff;
  const isOnHold = isHeld && one.state === "admitted" && one.staff === undefined;
  const state = one.state === "waiting" || one.state === "ringing" || one.state === "invited" ? one.state : isOnHold ? "held" : "admitted";
  const { seat } = one;
  return (
    <li data-test="person" data-part={one.part} data-state={one.state}>
      <p>
        <strong>{isMe ? t("part.you") : plate}</strong>
        <span class="host-state">{t(`host.state.${state}`)}</span>
      </p>
      {isHost && !isMe && (
        <div class="host-acts">
          {one.state === "admitted" && !isOnHold && (
            <button
              type="button"
              class="button"
              data-test="silence"
              disabled={room.session.othersMuted.includes(`${one.participant}/microphone`)}
              onClick={() => void host.act({ do: "silence", participant: one.participant })}
            >
              {t("host.silence")}
            </button>
          )}
          {one.state === "waiting" && seat && (
            <button type="button" class="button primary" data-test="person-let-in" onClick={() => void host.act({ do: "let_in", seat })}>
              {t("host.let_in")}
            </button>
          )}
          {seat && (
            <button type="button" class="button quiet" data-test="remove" onClick={() => void host.act({ do: "remove", seat })}>
              {t(one.state === "admitted" ? "host.remove" : one.state === "ringing" ? "host.stop_ring" : "host.withdraw")}
            </button>
          )}
        </div>
      )}
    </li>
  );
}

const LINK_PARTS: Part[] = ["interpreter", "head_office", "family"];
const RING_PARTS: Part[] = ["colleague", "head_office", "interpreter"];

function Invite({ model, desk }: Props) {
  const { t } = useFacts();
  const { host } = model;
  const [part, setPart] = useState<Part>("interpreter");
  const [isLetIn, setLetIn] = useState(false);
  const [ringPart, setRingPart] = useState<Part>("colleague");
  return (
    <>
      <h3>{t("host.by_staff")}</h3>
      <PartChoice id="ring-part" parts={RING_PARTS} part={ringPart} onChoose={setRingPart} />
      <Colleagues model={model} desk={desk} words={t("host.call")} onCall={(staff) => void host.call(staff, ringPart, false)} />
      <h3>{t("host.by_link")}</h3>
      <PartChoice id="link-part" parts={LINK_PARTS} part={part} onChoose={setPart} />
      <label class="host-check">
        <input type="checkbox" data-test="let-in-ahead" checked={isLetIn} onChange={(event) => setLetIn(event.currentTarget.checked)} />
        {t("host.let_in_ahead")}
      </label>
      <button type="button" class="button primary wide" data-test="make-guest-link" onClick={() => void host.makeLink(part, isLetIn)}>
        {t("host.make_link")}
      </button>
      {host.link && <GuestLinkCard key={host.link.seat} model={model} />}
    </>
  );
}

function PartChoice({ id, parts, part, onChoose }: { id: string; parts: Part[]; part: Part; onChoose(part: Part): void }) {
  const { t } = useFacts();
  return (
    <div class="field">
      <label for={id}>{t("host.as")}</label>
      <select id={id} data-test={id} value={part} onChange={(event) => onChoose(event.currentTarget.value as Part)}>
        {parts.map((one) => (
          <option key={one} value={one}>
            {partName(t, one)}
          </option>
        ))}
      </select>
    </div>
  );
}

function GuestLinkCard({ model }: { model: Console }) {
  const { t } = useFacts();
  const { link } = model.host;
  const field = useRef<HTMLInputElement>(null);
  const [isCopied, setCopied] = useState(false);
  useLayoutEffect(() => field.current?.select(), []);
  if (!link) return null;
  const copy = () => {
    field.current?.select();
    void navigator.clipboard?.writeText(link.url).then(
      () => setCopied(true),
      () => undefined,
    );
  };
  return (
    <div class="link-card">
      <label for="guest-url">{t("host.link_label", { part: partName(t, link.part) })}</label>
      <input id="guest-url" ref={field} class="link-url" data-test="guest-url" type="text" readOnly value={link.url} />
      <button type="button" class="button wide" onClick={copy}>
        {isCopied ? `✓ ${t("staff.link.copied")}` : t("staff.link.copy")}
      </button>
      <p class="hint">{t("host.by_link_hint")}</p>
    </div>
  );
}

interface ColleaguesProps extends Props {
  words: string;
  onCall(staff: string): void;
}

function Colleagues({ model, desk, words, onCall }: ColleaguesProps) {
  const { t } = useFacts();
  const { colleagues } = model.host;
  const people = peopleOf(model.room.session.consultation);
  if (!colleagues) return <p class="hint">{t("common.preparing")}</p>;
  if (colleagues.length === 0) return <p class="hint">{t("host.nobody")}</p>;
  const isHere = ({ staff }: Colleague) => people.some((one) => one.staff === staff && !isOver(one.state));
  return (
    <ul class="host-people">
      {colleagues.map((one) => (
        <li key={one.staff} data-test="colleague" data-staff={one.staff}>
          <p>
            <strong>{one.name}</strong>
            <span class="host-state">{nameOf(desk, one.section ?? "", t("staff.section_unknown"))}</span>
          </p>
          <button type="button" class="button" data-test="ring" disabled={one.is_busy || isHere(one)} onClick={() => onCall(one.staff)}>
            {one.is_busy ? t("host.busy") : words}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** First a word among colleagues, while the resident waits with music; then the call is the colleague's. */
function Transfer({ model, people, desk }: { model: Console; people: Person[]; desk: Desk }) {
  const { t, sections } = useFacts();
  const { host, room } = model;
  const there = people.filter((one) => one.staff !== undefined && one.seat !== undefined && one.state === "admitted");
  const handOver = async (seat: string) => {
    await host.flush();
    await host.act({ do: "hand_over", seat });
  };
  return (
    <>
      <p class="hint">{t("host.transfer_steps")}</p>
      {there.map((one) => (
        <button
          key={one.seat}
          type="button"
          class="button primary wide"
          data-test="hand-over"
          disabled={room.session.link !== "open"}
          onClick={() => void handOver(one.seat ?? "")}
        >
          {t("host.hand_over", { who: whoOf(model, one, plateOf(t, sections, one)) })}
        </button>
      ))}
      <Colleagues model={model} desk={desk} words={t("host.transfer_call")} onCall={(staff) => void host.call(staff, "colleague", true)} />
    </>
  );
}

const SAVING = { saved: "host.notes_saved", saving: "host.notes_saving", failed: "host.notes_failed" } as const;

function NotesPanel({ model }: { model: Console }) {
  const { t } = useFacts();
  const { host } = model;
  const { notes } = host;
  if (!notes) return <p class="hint">{t("common.preparing")}</p>;
  return (
    <>
      <div class="field">
        <label for="note-inside">{t("host.notes_inside")}</label>
        <textarea
          id="note-inside"
          data-test="note-inside"
          rows={6}
          maxLength={2000}
          value={notes.inside}
          onInput={(event) => host.write({ ...notes, inside: event.currentTarget.value })}
        />
      </div>
      <div class="field">
        <label for="note-resident">{t("host.notes_resident")}</label>
        <textarea
          id="note-resident"
          data-test="note-resident"
          rows={6}
          maxLength={2000}
          value={notes.for_resident}
          onInput={(event) => host.write({ ...notes, for_resident: event.currentTarget.value })}
        />
      </div>
      <p role="status" data-test="notes-state" data-state={host.saving}>
        {host.saving !== "no" && t(SAVING[host.saving])}
      </p>
      <p class="hint">{t("host.notes_keep")}</p>
    </>
  );
}

function PictureButton({ model, desk }: Props) {
  const { t, office } = useFacts();
  const { hasPicture } = model.room.devices;
  const own = desk.sections.find((one) => one.isOwn);
  return (
    <button
      type="button"
      class="host-button"
      data-test="office-picture"
      aria-pressed={hasPicture}
      onClick={() => void model.host.showPicture(hasPicture ? null : { office, section: own?.name ?? "" })}
    >
      <Icon name={hasPicture ? "camera" : "office"} />
      {t(hasPicture ? "host.picture_off" : "host.picture_on")}
    </button>
  );
}

/** Only where the browser and the camera offer it. */
function BlurButton({ model }: { model: Console }) {
  const { t } = useFacts();
  const { isBlurred } = model.room.devices;
  if (isBlurred === null) return null;
  return (
    <button type="button" class="host-button" data-test="blur" aria-pressed={isBlurred} onClick={() => void model.room.devices.blur(!isBlurred)}>
      <Icon name="blur" />
      {t(isBlurred ? "host.blur_off" : "host.blur_on")}
    </button>
  );
}
