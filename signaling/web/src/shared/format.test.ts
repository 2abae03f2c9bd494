import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { age, duration, stopwatch, timeOfDay } from "./format.ts";
import { type Texts, translator } from "./texts.ts";

const load = (lang: string) =>
  translator(JSON.parse(readFileSync(new URL(`../../texts/${lang}.json`, import.meta.url), "utf8")) as Texts);
const [ja, en] = [load("ja"), load("en")];

test("times of the day read as people say them", () => {
  const japanese = (h: number, m: number) => timeOfDay(ja, "ja", h, m);
  assert.equal(japanese(14, 30), "午後2時30分");
  assert.equal(japanese(9, 5), "午前9時5分");
  assert.equal(japanese(12, 0), "午後0時");
  assert.equal(japanese(0, 1), "午前0時1分");
  const english = (h: number, m: number) => timeOfDay(en, "en", h, m);
  assert.equal(english(14, 5), "2:05 p.m.");
  assert.equal(english(12, 0), "12:00 p.m.");
  assert.equal(english(0, 30), "12:30 a.m.");
});

test("durations take the unit that fits, and are never negative", () => {
  assert.equal(duration(ja, 59_999), "59秒");
  assert.equal(duration(ja, 60_000), "1分");
  assert.equal(duration(ja, 3_900_000), "1時間5分");
  assert.equal(duration(ja, -5), "0秒");
  assert.equal(stopwatch(187_000), "3:07");
  assert.equal(stopwatch(3_729_000), "1:02:09");
});

test("ages step as the server's page does", () => {
  assert.equal(age(ja, 9_999), "たった今");
  assert.equal(age(ja, 10_000), "10秒前");
  assert.equal(age(ja, 3_599_000), "59分前");
  assert.equal(age(ja, 7_200_000), "2時間前");
  assert.equal(age(ja, null), "まだ確認できていません");
  assert.equal(age(ja, -3_000), "たった今", "a clock that is behind");
});
