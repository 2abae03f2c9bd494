// A colleague calls: a card at the top of the console, a sound that comes again, and a word in the title.
import { useEffect } from "preact/hooks";
import { useFacts, useTick } from "../shared/components.tsx";
import { chime } from "../shared/meter.ts";
import { partName, peopleOf } from "../shared/people.ts";
import type { Consultation, Person } from "../shared/protocol.ts";
import type { Console } from "./console.ts";
import type { Consultations } from "./list.ts";
import { type Desk, nameOf } from "./views.tsx";

/** As `protocol::seats::RING_LASTS`. */
export const RING_LASTS_MS = 30_000;
const SOUND_EVERY_MS = 2_500;

/** The calls that ring at somebody's. */
export function ringsFor(list: Consultations, staff: string, now: number): { one: Consultation; person: Person }[] {
  return list.flatMap((one) =>
    peopleOf(one)
      .filter((person) => person.staff === staff && person.state === "ringing" && now < person.since + RING_LASTS_MS)
      .map((person) => ({ one, person })),
  );
}

export function Rings({ model, desk }: { model: Console; desk: Desk }) {
  useTick();
  const rings = ringsFor(model.list, desk.staff, model.room.now());
  const isRinging = rings.length > 0;
  useEffect(() => {
    if (!isRinging) return;
    // A ring is for one person: it sounds even where the console is silent about new arrivals.
    chime();
    const timer = setInterval(chime, SOUND_EVERY_MS);
    return () => clearInterval(timer);
  }, [isRinging]);
  return (
    <>
      {rings.map(({ one, person }) => (
        <Ring key={person.seat} one={one} person={person} model={model} desk={desk} />
      ))}
    </>
  );
}

interface RingProps {
  one: Consultation;
  person: Person;
  model: Console;
  desk: Desk;
}

function Ring({ one, person, model, desk }: RingProps) {
  const { t } = useFacts();
  const left = Math.max(0, Math.ceil((person.since + RING_LASTS_MS - model.room.now()) / 1000));
  const seat = person.seat ?? "";
  const section = nameOf(desk, one.section, t("staff.section_unknown"));
  return (
    <section class="ring" data-test="ringing" aria-labelledby={`ring-${seat}`}>
      <div>
        <div role="alert">
          <h2 id={`ring-${seat}`}>{t("ring.title", { part: partName(t, person.part) })}</h2>
        </div>
        <p>{t("ring.text", { section, n: left })}</p>
      </div>
      <div class="ring-acts">
        <button type="button" class="button primary large" data-test="ring-accept" onClick={() => void model.host.answer(one.id, seat, true)}>
          {t("ring.accept")}
        </button>
        <button type="button" class="button large" data-test="ring-decline" onClick={() => void model.host.answer(one.id, seat, false)}>
          {t("ring.decline")}
        </button>
      </div>
    </section>
  );
}
