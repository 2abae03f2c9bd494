// Who is in a call and what they are, and whose picture is the large one. Pure.
import type { Consultation, Part, Person, SeatState } from "./protocol.ts";
import type { TextKey, Translate } from "./texts.ts";

export function peopleOf(consultation: Consultation | null): Person[] {
  return consultation?.call?.people ?? [];
}

/** A participant of the call's room, as the server tells of them. */
export function personOf(consultation: Consultation | null, participant: string): Person | undefined {
  return peopleOf(consultation).find((one) => one.participant === participant && !isOver(one.state));
}

/** Whoever looks at the page: by the server's word, or of staff by their id. */
export function ownPerson(consultation: Consultation, staff: string): Person | undefined {
  const you = consultation.call?.you;
  return peopleOf(consultation).find((one) => (you === undefined ? staff !== "" && one.staff === staff && !isOver(one.state) : one.participant === you));
}

export function isOver(state: SeatState): boolean {
  return state === "declined" || state === "missed" || state === "left" || state === "removed";
}

const PARTS: Record<Part, TextKey> = {
  resident: "part.resident",
  staff: "part.staff",
  colleague: "part.colleague",
  head_office: "part.head_office",
  interpreter: "part.interpreter",
  family: "part.family",
};

/** What somebody is: 通訳; of staff also of which section; a name only where the office shows names. */
export function plateOf(t: Translate, sections: Map<string, string>, person: Person): string {
  const part = t(PARTS[person.part]);
  const section = person.section === undefined ? undefined : sections.get(person.section);
  const what = section && person.part !== "interpreter" ? t("part.of_section", { section, part }) : part;
  return person.name ? t("part.named", { what, name: person.name }) : what;
}

export function partName(t: Translate, part: Part): string {
  return t(PARTS[part]);
}

/** Whose picture is large: who was pinned, else who spoke last, else whoever is still there of before, else the first. */
export function mainOf(there: string[], pinned: string | null, speakers: string[], before: string | null): string | null {
  if (pinned !== null && there.includes(pinned)) return pinned;
  const [loudest] = speakers.filter((one) => there.includes(one));
  if (loudest !== undefined) return loudest;
  return before !== null && there.includes(before) ? before : (there[0] ?? null);
}
