// Simulcast as it is asked of the browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { activate, cameraEncodings } from "./encodings.ts";

test("layers go from small to large in every respect, as the server reads them", () => {
  for (const cores of [1, 2, 4, 16]) {
    const all = cameraEncodings(cores);
    for (const [lower, higher] of all.slice(1).map((higher, n) => [all[n], higher] as const)) {
      assert.ok((lower?.scaleResolutionDownBy ?? 0) > (higher.scaleResolutionDownBy ?? 0));
      assert.ok((lower?.maxBitrate ?? 0) < (higher.maxBitrate ?? 0));
    }
    assert.equal(all.at(-1)?.scaleResolutionDownBy, 1, "the largest is the camera's own size");
  }
});

test("a slow device has less to encode", () => {
  assert.deepEqual(cameraEncodings(8).map(({ rid }) => rid), ["q", "h", "f"]);
  assert.deepEqual(cameraEncodings(2).map(({ rid }) => rid), ["q", "f"]);
});

test("what is watched is sent, the rest rests, and everything else stays as it is", () => {
  const encodings = cameraEncodings(8);
  assert.equal(activate(encodings, ["q", "f"]), true);
  assert.deepEqual(encodings.map(({ active }) => active), [true, false, true]);
  assert.deepEqual(encodings.map(({ maxBitrate }) => maxBitrate), cameraEncodings(8).map(({ maxBitrate }) => maxBitrate));
  assert.equal(activate(encodings, ["q", "f"]), false, "nothing to tell the browser");
  assert.equal(activate(encodings, []), true);
  assert.deepEqual(encodings.map(({ active }) => active), [false, false, false]);
});

test("without simulcast the only encoding is never switched off", () => {
  const encodings: RTCRtpEncodingParameters[] = [{ maxBitrate: 1 }];
  assert.equal(activate(encodings, ["f"]), false);
  assert.equal(activate(encodings, []), false);
  assert.deepEqual(encodings, [{ maxBitrate: 1 }]);
});
