import assert from "node:assert/strict";
import { test } from "node:test";
import { readMessage, writeMessage } from "../talk/wire.ts";
import { camerasOf } from "./hands.ts";

const device = (kind: MediaDeviceKind, label: string) => ({ kind, label, deviceId: label.toLowerCase() });
const ALL = [device("audioinput", "Mic"), device("videoinput", "DOC CAM 4K"), device("videoinput", "Eye")];

test("one camera looks at the person, the named one at papers", () => {
  assert.deepEqual(camerasOf(ALL, "DOC CAM"), { face: "eye", document: "doc cam 4k" });
  assert.deepEqual(camerasOf(ALL, ""), { face: "doc cam 4k", document: undefined });
  assert.deepEqual(camerasOf(ALL, "Other"), { face: "doc cam 4k", document: undefined });
  assert.deepEqual(camerasOf([device("videoinput", "Eye")], "Eye"), { face: undefined, document: "eye" });
  assert.deepEqual(camerasOf([], "Eye"), { face: undefined, document: undefined });
});

test("what a booth and staff say to each other is read as it was written, and nothing else", () => {
  const paper = "abcdefghijklmnop";
  for (const message of [
    { type: "booth", camera: true, printer: false },
    { type: "document_camera", isOn: true },
    { type: "print", paper },
    { type: "printing", paper, state: "no_paper" },
  ] as const) {
    assert.deepEqual(readMessage(writeMessage(message)), message);
  }
  const json = (value: object) => {
    const body = new TextEncoder().encode(JSON.stringify(value));
    return Uint8Array.of(1, 0, ...body);
  };
  for (const wrong of [
    { type: "booth", camera: 1, printer: true },
    { type: "print", paper: "../../etc" },
    { type: "printing", paper, state: "on_fire" },
    { type: "document_camera" },
  ]) {
    assert.equal(readMessage(json(wrong)), null);
  }
});
