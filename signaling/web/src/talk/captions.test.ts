// Captions: whatever is lost or overtaken, what is shown is what was typed last.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Captioner, lastLines, NO_CAPTIONS, readLook, USUAL_LOOK, withCaption } from "./captions.ts";
import { MAX_CAPTION, writeMessage } from "./wire.ts";

/** The same for every run, and different for every seed. */
function shuffled<T>(list: T[], seed: number): T[] {
  const copy = [...list];
  let random = seed;
  for (let at = copy.length - 1; at > 0; at--) {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
    const other = random % (at + 1);
    [copy[at], copy[other]] = [copy[other] as T, copy[at] as T];
  }
  return copy;
}

test("typed text is the same at the other end, in any order and with messages twice", () => {
  const captioner = new Captioner(100);
  const sent = ["こ", "こん", "こんにちは", "こんばんは"].flatMap((text) => captioner.typed(text));
  sent.push(...captioner.finish(), ...captioner.typed("次の"), ...captioner.typed("次の文"));
  for (let seed = 1; seed <= 50; seed++) {
    const captions = shuffled([...sent, ...sent], seed).reduce((all, message) => withCaption(all, "a", message), NO_CAPTIONS);
    const byNumber = [...captions.utterances].sort((a, b) => a.utterance - b.utterance);
    assert.deepEqual(byNumber.map(({ text, isDone }) => [text, isDone]), [["こんばんは", true], ["次の文", false]]);
  }
});

test("any one message that arrives shows its text whole", () => {
  const captioner = new Captioner(0);
  captioner.typed("最初の");
  const [last] = captioner.typed("最初の言葉は、届かなくても");
  assert.ok(last);
  assert.equal(lastLines(withCaption(NO_CAPTIONS, "a", last), 3)[0]?.text, "最初の言葉は、届かなくても");
});

test("long text is parted at ends of sentences, and always within a message", () => {
  const captioner = new Captioner(0);
  const messages = captioner.typed(`${"あ".repeat(70)}。${"い".repeat(10)}`);
  assert.deepEqual(messages.map(({ isDone }) => isDone), [true, false]);
  assert.equal(captioner.text, "い".repeat(10));
  const endless = captioner.typed("う".repeat(3 * MAX_CAPTION));
  for (const message of endless) writeMessage(message);
  assert.ok(endless.every(({ text }) => text.length <= MAX_CAPTION));
});

test("two captioners don't disturb each other, and only the newest lines are kept", () => {
  let captions = NO_CAPTIONS;
  for (let n = 0; n < 100; n++) {
    for (const from of ["a", "b"]) captions = withCaption(captions, from, { type: "caption", utterance: n, version: 1, text: `${from}${n}`, isDone: true });
  }
  assert.equal(captions.utterances.length, 60);
  assert.deepEqual(lastLines(captions, 2).map(({ text }) => text), ["a99", "b99"]);
  const late = withCaption(captions, "a", { type: "caption", utterance: 1, version: 9, text: "late", isDone: true });
  assert.equal(late, captions, "what was forgotten doesn't come back");
});

test("a look is read as far as it is one", () => {
  assert.deepEqual(readLook(null), USUAL_LOOK);
  assert.deepEqual(readLook("{"), USUAL_LOOK);
  assert.deepEqual(readLook('{"size":9,"colours":"pink","isOn":1}'), USUAL_LOOK);
  assert.deepEqual(readLook('{"size":3,"colours":"yellow","isOn":false}'), { size: 3, colours: "yellow", isOn: false });
});
