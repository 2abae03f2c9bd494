// From another machine: a resident's browser on a host of its own (a network namespace) that trusts the
// office's authority, over HTTPS, with media over the network.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { Office } from "./office.ts";
import { admit, CHROMIUM, enterWaiting, newLink, newPerson, newStaff, seesAndHears, startBrowser, ways } from "./people.ts";

const NUMBER = process.pid % 250;
const HOST = `mg${process.pid}`;
const [OURS, THEIRS] = [`10.77.${NUMBER}.1`, `10.77.${NUMBER}.2`];

let skipped: string | undefined;
let office: Office;
let here: Browser;
let there: Browser;
let home: string;

const ip = (words: string) => execFileSync("ip", words.split(" "), { stdio: ["ignore", "ignore", "pipe"] });

before(async () => {
  try {
    ip(`netns add ${HOST}`);
    ip(`link add ${HOST} type veth peer name eth0 netns ${HOST}`);
    ip(`addr add ${OURS}/24 dev ${HOST}`);
    ip(`link set ${HOST} up`);
    ip(`-n ${HOST} addr add ${THEIRS}/24 dev eth0`);
    ip(`-n ${HOST} link set eth0 up`);
    ip(`-n ${HOST} link set lo up`);
  } catch (error) {
    skipped = `SKIPPED: no network namespaces on this machine (${String(error).split("\n")[0]})`;
    console.log(skipped);
    return;
  }
  office = await Office.open({ lan: OURS });
  home = mkdtempSync(join(tmpdir(), "mg-home-"));
  // What the README tells people to do in the browser's settings: import the office's authority.
  const nss = join(home, ".pki/nssdb");
  mkdirSync(nss, { recursive: true });
  execFileSync("certutil", ["-d", `sql:${nss}`, "-N", "--empty-password"]);
  const ca = join(office.run, "secrets/ca.pem");
  execFileSync("certutil", ["-d", `sql:${nss}`, "-A", "-n", "office", "-t", "C,,", "-i", ca]);
  const wrapper = join(home, "chromium");
  writeFileSync(wrapper, `#!/bin/sh\nexec ip netns exec ${HOST} ${CHROMIUM} "$@"\n`);
  chmodSync(wrapper, 0o755);
  [here, there] = await Promise.all([startBrowser(), startBrowser({ executable: wrapper, home })]);
});
after(async () => {
  await here?.close();
  await there?.close();
  await office?.close();
  if (home) rmSync(home, { recursive: true, force: true });
  if (!skipped) ip(`netns del ${HOST}`);
});

test("a resident on another machine talks with staff on this one", async (context) => {
  if (skipped) return context.skip(skipped);
  const staff = await newStaff(here, office);
  const { url, id } = await newLink(staff);
  assert.match(url, new RegExp(`^https://${OURS.replaceAll(".", "\\.")}:`));
  const resident = await newPerson(there, { trustsAnybody: false });
  await enterWaiting(resident, url);
  await admit(staff, id);
  await Promise.all([seesAndHears(resident), seesAndHears(staff)]);
});

test("a resident whose network lets no UDP out talks by TCP", async (context) => {
  if (skipped) return context.skip(skipped);
  const rules = "table inet wall { chain out { type filter hook output priority 0; meta l4proto udp drop; }; }";
  execFileSync("ip", ["netns", "exec", HOST, "nft", rules]);
  try {
    const staff = await newStaff(here, office, "taro");
    const { url, id } = await newLink(staff);
    const resident = await newPerson(there, { trustsAnybody: false });
    await enterWaiting(resident, url);
    await admit(staff, id);
    await Promise.all([seesAndHears(resident), seesAndHears(staff)]);
    const taken = await ways(resident.page);
    assert.deepEqual(taken.map((way) => way.protocol), ["tcp", "tcp"], "both connections, one up and one down");
  } finally {
    execFileSync("ip", ["netns", "exec", HOST, "nft", "delete table inet wall"]);
  }
});

test("a browser that does not trust the authority is warned", async (context) => {
  if (skipped) return context.skip(skipped);
  const stranger = await newPerson(here, { trustsAnybody: false });
  await assert.rejects(stranger.page.goto(office.url), /ERR_CERT_AUTHORITY_INVALID/);
});
