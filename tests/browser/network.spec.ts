// From another machine: a resident's browser on a host of its own (a network namespace) that trusts the office's authority,
// over HTTPS, with media over the network.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { OtherHost } from "./host.ts";
import { Office } from "./office.ts";
import { admit, enterWaiting, newLink, newPerson, newStaff, seesAndHears, startBrowser, ways } from "./people.ts";

let host: OtherHost | string;
let office: Office;
let here: Browser;
let there: Browser;

before(async () => {
  host = OtherHost.open();
  if (typeof host === "string") return;
  office = await Office.open({ lan: host.here });
  // What the README tells people to do in the browser's settings: import the office's authority.
  const nss = join(host.home, ".pki/nssdb");
  mkdirSync(nss, { recursive: true });
  execFileSync("certutil", ["-d", `sql:${nss}`, "-N", "--empty-password"]);
  execFileSync("certutil", ["-d", `sql:${nss}`, "-A", "-n", "office", "-t", "C,,", "-i", office.authority]);
  [here, there] = await Promise.all([startBrowser(), host.startBrowser()]);
});
after(async () => {
  await here?.close();
  await there?.close();
  await office?.close();
  if (host instanceof OtherHost) host.close();
});

test("a resident on another machine talks with staff on this one", async (context) => {
  if (typeof host === "string") return context.skip(host);
  const staff = await newStaff(here, office);
  const { url, id } = await newLink(staff);
  assert.match(url, new RegExp(`^https://${host.here.replaceAll(".", "\\.")}:`));
  const resident = await newPerson(there, { trustsAnybody: false });
  await enterWaiting(resident, url);
  await admit(staff, id);
  await Promise.all([seesAndHears(resident), seesAndHears(staff)]);
});

test("a resident whose network lets no UDP out talks by TCP", async (context) => {
  if (typeof host === "string") return context.skip(host);
  host.setWall(true);
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
    host.setWall(false);
  }
});

test("a browser that does not trust the authority is warned", async (context) => {
  if (typeof host === "string") return context.skip(host);
  const stranger = await newPerson(here, { trustsAnybody: false });
  await assert.rejects(stranger.page.goto(office.url), /ERR_CERT_AUTHORITY_INVALID/);
});
