// Who else waits, for somebody who is in a call: a line under the picture that says so without a sound.
import { useEffect, useState } from "preact/hooks";
import { useFacts } from "../shared/components.tsx";
import type { Consultation } from "../shared/protocol.ts";
import { type AppointmentFacts, readAppointment } from "./appointment.ts";
import type { Console } from "./console.ts";
import { lastToWait } from "./list.ts";
import { type Desk, nameOf } from "./views.tsx";

export function AlsoWaiting({ model, desk }: { model: Console; desk: Desk }) {
  const { t } = useFacts();
  const waiting = model.list.filter((one) => one.phase === "waiting");
  const last = lastToWait(model.list, desk.staff);
  const name = useName(last);
  if (!last) return null;
  const section = nameOf(desk, last.section, t("staff.section_unknown"));
  const who = name ? t("staff.also.named", { name, section }) : t("staff.also.unnamed", { section });
  const isWanted = last.call?.wanted === desk.staff;
  return (
    <p class="also-waiting" role="status" data-test="also-waiting" data-new={model.arrived?.id === last.id} data-wanted={isWanted}>
      <span class="badge" aria-hidden="true">
        {waiting.length}
      </span>
      <span>
        {isWanted && <strong>{t("staff.also.wanted")} </strong>}
        {who} {waiting.length > 1 && t("staff.also.more", { n: waiting.length - 1 })}
      </span>
    </p>
  );
}

/** What somebody who has an appointment is called; read when they come, and kept nowhere. */
function useName(one: Consultation | undefined): string | undefined {
  const [facts, setFacts] = useState<{ id: string; facts: AppointmentFacts } | null>(null);
  const id = one?.appointment;
  useEffect(() => {
    if (!id) return;
    const reading = new AbortController();
    readAppointment(id, reading.signal).then((facts) => setFacts({ id, facts }), () => undefined);
    return () => reading.abort();
  }, [id]);
  return facts !== null && facts.id === id ? facts.facts.name : undefined;
}
