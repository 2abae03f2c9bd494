// The chat's model: each line once, links only where they are safe, and a transcript for who comes back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { history, type Line, NO_CHAT, opened, parts, tidy, withHistory, withLine, withState } from "./chat.ts";
import { MAX_CHAT, newId, writeMessage } from "./wire.ts";

const line = (text: string, from = "b", at = 0): Line => ({ id: newId(), from, at, text, state: "sent", isFirstHand: true });

test("a line comes once, others' lines are unread until the chat is open", () => {
  const [one, own] = [line("1"), line("2", "me")];
  let chat = withLine(withLine(withLine(NO_CHAT, one, "me"), one, "me"), own, "me");
  assert.deepEqual([chat.lines.length, chat.unread], [2, 1]);
  chat = opened(chat, true);
  assert.equal(withLine(chat, line("3"), "me").unread, 0);
  assert.equal(withState(chat, own.id, "waiting").lines[1]?.state, "waiting");
});

test("who comes back is told all lines, in messages that fit, and has each once", () => {
  let chat = NO_CHAT;
  for (let n = 0; n < 300; n++) chat = withLine(chat, line("相".repeat(200), n % 2 ? "me" : "b", n), "me");
  const told = history(chat);
  assert.ok(told.length > 5);
  for (const lines of told) writeMessage({ type: "history", lines });
  let back = withLine(NO_CHAT, { ...line("later", "me", 1000), state: "sent" }, "me");
  for (const lines of [...told, ...told].reverse()) back = withHistory(back, lines, "b", "me");
  assert.deepEqual(
    back.lines.map(({ at }) => at),
    [...Array.from({ length: 300 }, (_, n) => n), 1000],
  );
  assert.ok(back.lines.every(({ isFirstHand, from }, n) => n === 300 || isFirstHand === (from === "b")));
});

test("no more lines are kept than fit", () => {
  let chat = NO_CHAT;
  for (let n = 0; n < 600; n++) chat = withLine(chat, line(String(n)), "me");
  assert.deepEqual([chat.lines.length, chat.lines[0]?.text], [500, "100"]);
});

test("what is written is tidied, and no character is torn apart", () => {
  assert.equal(tidy("  \n "), null);
  assert.equal(tidy("a\r\nb\u0007\u202e"), "a\nb");
  const long = tidy("𠮷".repeat(MAX_CHAT)) ?? "";
  assert.ok(long.length <= MAX_CHAT && !/[\ud800-\udbff]$/.test(long));
  assert.equal(tidy("葛󠄀城"), "葛󠄀城", "a variation selector stays");
});

test("addresses are links only from staff, only https, and with the domain that is gone to", () => {
  const text = "こちらです。https://www.city.example.jp/a?b=1#c、または http://x.example。";
  assert.deepEqual(parts(text, false), [{ text }]);
  assert.deepEqual(parts(text, true), [
    { text: "こちらです。" },
    { text: "https://www.city.example.jp/a?b=1#c", link: { address: "https://www.city.example.jp/a?b=1#c", domain: "www.city.example.jp" } },
    { text: "、または http://x.example。" },
  ]);
  assert.equal(parts("https://city.example.jp@evil.example/", true)[0]?.link, undefined, "a name before the @ deceives");
  assert.equal(parts("(https://a.example/x).", true)[1]?.link?.address, "https://a.example/x");
  assert.equal(parts("javascript:alert(1) data:text/html,x", true).length, 1);
  assert.equal(parts("", true).length, 1);
});
