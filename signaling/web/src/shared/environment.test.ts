import assert from "node:assert/strict";
import { test } from "node:test";
import { type Environment, environmentProblem, isLine, platformOf, problemOf } from "./environment.ts";
import { barLength } from "./meter.ts";

const IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
const ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile";
const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15";
const of = (userAgent: string, more: Partial<Environment> = {}): Environment => ({
  userAgent,
  maxTouchPoints: 0,
  isSecure: true,
  hasDevices: true,
  hasConnections: true,
  lacksEncryption: false,
  ...more,
});

test("browsers inside apps are told from real ones", () => {
  assert.equal(environmentProblem(of(`${IPHONE} Safari Line/14.3.0`)), "in_app");
  assert.equal(environmentProblem(of(ANDROID.replace("Pixel 8", "Pixel 8; wv"))), "in_app");
  assert.equal(environmentProblem(of(`${IPHONE} Instagram 300.0`)), "in_app");
  assert.equal(environmentProblem(of(`${IPHONE} Version/17.4 Mobile/15E148 Safari/604.1`)), null);
  assert.equal(environmentProblem(of(`${ANDROID} Safari/537.36`)), null);
  assert.ok(isLine(of("x Line/1")) && !isLine(of("Online/1")));
});

test("what is missing is named, the most fundamental first", () => {
  assert.equal(environmentProblem(of(MAC, { isSecure: false, hasDevices: false })), "insecure");
  assert.equal(environmentProblem(of(MAC, { hasDevices: false })), "unsupported");
  assert.equal(environmentProblem(of(MAC, { hasConnections: false })), "unsupported");
  assert.equal(environmentProblem(of(MAC, { lacksEncryption: true })), "no_encryption");
});

test("an iPad that says it is a Mac is an iPad", () => {
  assert.equal(platformOf(of(MAC, { maxTouchPoints: 5 })), "ios");
  assert.equal(platformOf(of(MAC)), "desktop");
  assert.equal(platformOf(of(ANDROID)), "android");
});

test("every failure of getUserMedia has its words", () => {
  const kind = (name: string) => problemOf(new DOMException("", name));
  assert.equal(kind("NotAllowedError"), "denied");
  assert.equal(kind("NotFoundError"), "missing");
  assert.equal(kind("NotReadableError"), "busy");
  assert.equal(problemOf(new TypeError()), "unsupported");
  assert.equal(problemOf("?"), "unknown");
});

test("the level bar is empty in silence and full at a clear voice", () => {
  assert.equal(barLength(0), 0);
  assert.equal(barLength(0.0001), 0);
  assert.equal(barLength(0.5), 1);
  assert.ok(barLength(0.02) > 0.4 && barLength(0.02) < 0.7);
});
