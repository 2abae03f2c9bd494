// What is shown of the people in a call: what each is, whose picture is large, and who has taken over.
import { useState } from "preact/hooks";
import { Icon, useFacts } from "./components.tsx";
import { personOf, plateOf } from "./people.ts";
import type { Room } from "./room.ts";
import type { Session } from "./session.ts";

/** What somebody is, in the corner of their picture. */
export function Plate({ session, participant }: { session: Session; participant: string }) {
  const { t, sections } = useFacts();
  const person = personOf(session.consultation, participant);
  if (!person) return null;
  return (
    <p class="remote-badge plate" data-test="plate" data-part={person.part}>
      {plateOf(t, sections, person)}
    </p>
  );
}

export function PinButton({ isPinned, onPin }: { isPinned: boolean; onPin(isPinned: boolean): void }) {
  const { t } = useFacts();
  const words = t(isPinned ? "seats.unpin" : "seats.pin");
  return (
    <button type="button" class="pin" data-test="pin" aria-pressed={isPinned} aria-label={words} title={words} onClick={() => onPin(!isPinned)}>
      <Icon name="pin" />
    </button>
  );
}

/** Says plainly that somebody else serves now, until the person has read it. */
export function HandedOver({ room }: { room: Room }) {
  const { t, sections } = useFacts();
  const [read, setRead] = useState(0);
  const { consultation, role } = room.session;
  const at = consultation?.call?.handed_over_at;
  if (role === "staff" || !consultation || at === undefined || at === read) return null;
  return (
    <div class="handed-over" role="status" data-test="handed-over">
      <p>{t("seats.handed_over", { section: sections.get(consultation.section) ?? "" })}</p>
      <button type="button" class="button" onClick={() => setRead(at)}>
        {t("seats.handed_over_close")}
      </button>
    </div>
  );
}
