import assert from "node:assert/strict";
import { test } from "node:test";
import { groups, typed } from "./digits.ts";

const after = (...keys: string[]) => keys.reduce(typed, "");

test("digits are taken, however they are written, up to eight; everything else changes nothing", () => {
  assert.equal(after("1", "２", "a", "Tab", "-", "3"), "123");
  assert.equal(after(..."1234567890"), "12345678");
  assert.equal(after("1", "2", "Backspace", "Backspace", "Backspace", "9"), "9");
});

test("a number is shown as it was read out, with places for what is missing", () => {
  assert.deepEqual(groups("12345"), ["1234", "5___"]);
  assert.deepEqual(groups(""), ["____", "____"]);
});
