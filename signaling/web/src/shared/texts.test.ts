// The catalogues: complete in every language, and nothing in them that nobody shows.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fill } from "./texts.ts";

const WEB = join(import.meta.dirname, "../..");
const read = (lang: string) => JSON.parse(readFileSync(join(WEB, `texts/${lang}.json`), "utf8")) as Record<string, string>;
const [ja, en] = [read("ja"), read("en")];
const placeholders = (text = "") => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

test("all languages have the same keys with the same placeholders", () => {
  assert.deepEqual(Object.keys(en), Object.keys(ja), "also in the same order, so that they are read side by side");
  for (const [key, text] of Object.entries(ja)) assert.deepEqual(placeholders(en[key]), placeholders(text), key);
});

/** Keys that are put together when they are used; the server's tests prove those of `problem.`. */
const FAMILIES = ["problem.", "level.", "trend.", "staff.phase.", "check.denied.steps_", "login.error.", "rating.", "host.state.", "today.channel.", "today.state."];

test("every text is used somewhere", () => {
  const files = ["src", "../templates", "../src"].flatMap((folder) =>
    readdirSync(join(WEB, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(tsx?|html|rs)$/.test(entry.name) && !entry.name.includes(".test."))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8")),
  );
  const all = files.join("\n");
  const unused = Object.keys(ja).filter(
    (key) => !all.includes(`"${key}"`) && !FAMILIES.some((family) => key.startsWith(family)),
  );
  assert.deepEqual(unused, []);
});

test("placeholders are filled, and a forgotten one is seen", () => {
  assert.equal(fill("約{n}人", { n: 7 }), "約7人");
  assert.equal(fill("{a}と{b}", { a: "x" }), "xと{b}");
});
