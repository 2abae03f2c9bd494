import assert from "node:assert/strict";
import { test } from "node:test";
import { mainOf, ownPerson, personOf, plateOf } from "./people.ts";
import type { Consultation, Person } from "./protocol.ts";
import type { TextKey } from "./texts.ts";
import { fill } from "./texts.ts";

const WORDS: Record<string, string> = {
  "part.staff": "区職員",
  "part.interpreter": "通訳",
  "part.of_section": "{section} {part}",
  "part.named": "{what} {name}",
};
const t = (key: TextKey, values?: Record<string, string | number>) => fill(WORDS[key] ?? key, values);
const person = (participant: string, more: Partial<Person> = {}): Person => ({
  participant,
  part: "staff",
  state: "admitted",
  since: 0,
  ...more,
});
const consultation = (people: Person[], you?: string): Consultation => ({
  id: "c",
  section: "kosodate",
  phase: "admitted",
  version: 1,
  is_present: true,
  created_at: 0,
  expires_at: 1,
  call: { people, ...(you === undefined ? {} : { you }) },
});

test("a name plate says what somebody is, and who only where the office says so", () => {
  const sections = new Map([["kosodate", "子育て支援課"]]);
  assert.equal(plateOf(t, sections, person("a", { section: "kosodate" })), "子育て支援課 区職員");
  assert.equal(plateOf(t, sections, person("a", { part: "interpreter", section: "kosodate" })), "通訳");
  assert.equal(plateOf(t, sections, person("a", { name: "窓口 花子" })), "区職員 窓口 花子");
});

test("the page knows itself by the server's word, staff by their id", () => {
  const all = [person("r", { part: "resident" }), person("a", { staff: "hanako" }), person("b", { staff: "taro", state: "declined" })];
  assert.equal(ownPerson(consultation(all, "r"), "")?.part, "resident");
  assert.equal(ownPerson(consultation(all), "hanako")?.participant, "a");
  assert.equal(ownPerson(consultation(all), "taro"), undefined);
  assert.equal(ownPerson(consultation(all), ""), undefined);
  assert.equal(personOf(consultation(all), "b"), undefined, "who isn't there any more");
});

test("the large picture follows the voice, stays in silence, and obeys a pin", () => {
  const there = ["a", "b", "c"];
  assert.equal(mainOf(there, null, [], null), "a");
  assert.equal(mainOf(there, null, ["me", "c"], "a"), "c");
  assert.equal(mainOf(there, null, [], "c"), "c");
  assert.equal(mainOf(there, "b", ["c"], "c"), "b");
  assert.equal(mainOf(["a"], "b", [], "b"), "a", "who is pinned has gone");
  assert.equal(mainOf([], null, [], "a"), null);
});
