import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { AreaState } from "../shared/protocol.ts";
import { type Texts, translator } from "../shared/texts.ts";
import { cardOf, isNewer } from "./areas.ts";

const t = translator(JSON.parse(readFileSync(new URL("../../texts/ja.json", import.meta.url), "utf8")) as Texts);
const state = (more: Partial<AreaState> = {}): AreaState => ({
  area: "lobby",
  count: 7,
  capacity: 12,
  level: "moderate",
  trend: "rising",
  observed_at: 1,
  changed_at: 1,
  version: 3,
  ...more,
});

test("a card says it in words and signs", () => {
  const card = cardOf(t, state());
  assert.deepEqual([card.mark, card.levelText, card.countText], ["△", "やや混雑", "約7人"]);
  assert.equal(card.trend?.text, t("trend.rising"));
  assert.equal(cardOf(t, state({ count: 30 })).filled, 12, "the bar ends where the room ends");
});

test("what isn't known isn't shown as a number or a trend", () => {
  const card = cardOf(t, state({ count: null, level: "unknown" }));
  assert.deepEqual([card.mark, card.countText, card.trend, card.filled], ["？", t("home.count_unknown"), null, 0]);
});

test("a late message doesn't overwrite a newer one", () => {
  assert.ok(isNewer(undefined, state()) && isNewer(state(), state()) && isNewer(state(), state({ version: 4 })));
  assert.ok(!isNewer(state(), state({ version: 2 })));
});
