// Logging in by another server: a real OpenID provider (oidc-provider, certified) on this machine.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { eventually, freePorts, Office } from "./office.ts";
import { at, newPerson, startBrowser, type Person } from "./people.ts";

const CLIENT = "madoguchi";
const SECRET = "a-secret-of-the-test-that-is-long-enough";
const LIMIT = { timeout: 60_000 };

let office: Office;
let browser: Browser;
let provider: ChildProcess;
let issuer: string;

before(async () => {
  const [port = 0] = await freePorts(1);
  issuer = `http://127.0.0.1:${port}`;
  const more = `
[oidc]
issuer = "${issuer}"
client_id = "${CLIENT}"
name = "庁内認証でログインする"

[[oidc.group]]
name = "kosodate-leads"
role = "lead"
sections = ["kosodate"]
`;
  office = await Office.open({ isBare: true, more });
  writeFileSync(join(office.run, "secrets/oidc.secret"), `${SECRET}\n`, { mode: 0o600 });
  provider = spawn(process.execPath, [join(import.meta.dirname, "provider.ts")], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, PROVIDER_PORT: String(port), PROVIDER_CLIENT: CLIENT, PROVIDER_SECRET: SECRET, OFFICE_URL: office.url },
  });
  await eventually("the provider answers", async () => (await fetch(`${issuer}/.well-known/openid-configuration`)).ok, 60_000);
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  provider?.kill();
  await office?.close();
});

/** Presses the button, and says at the provider who it is. */
async function logInAs(person: Person, id: string): Promise<void> {
  await person.page.goto(`${office.url}/staff/login`);
  await at(person.page, "provider").click();
  await person.page.locator("input[name=login]").fill(id, LIMIT);
  await person.page.locator("input[name=password]").fill("anything");
  await person.page.locator("button[type=submit]").click();
  // It asks once whether this office may know who it is.
  await person.page.getByRole("button", { name: "Continue" }).click(LIMIT);
}

test("who has an account is in, and out at both ends", async () => {
  const person = await newPerson(browser, { width: 1280, height: 800 });
  await logInAs(person, "hanako");
  await at(person.page, "create-link").first().waitFor(LIMIT);
  // Followed by hand: a browser asks before a form's answer leads from HTTPS to HTTP, which only this test's provider speaks.
  const csrf = (await person.page.locator("meta[name=csrf]").getAttribute("content")) ?? "";
  // An open console goes to the login by itself when its session ends: that would cross the way to the provider.
  await person.page.goto("about:blank");
  const out = await person.page.request.post(`${office.url}/staff/logout`, { form: { csrf }, maxRedirects: 0 });
  const to = out.headers().location ?? "";
  assert.ok(to.startsWith(`${issuer}/session/end?`), to);
  await person.page.goto(to);
  await person.page.locator("button[name=logout]").click();
  await person.page.waitForURL("**/staff/login", LIMIT);
  await at(person.page, "provider").click();
  await person.page.locator("input[name=login]").waitFor(LIMIT);
});

test("who has none is told so, unless a group gives them one", async () => {
  const stranger = await newPerson(browser, { width: 1280, height: 800 });
  await logInAs(stranger, "stranger");
  await stranger.page.locator("#login-error").waitFor(LIMIT);
  assert.match(await stranger.page.locator("#login-error").innerText(), /職員アカウントがありません/);
  const lead = await newPerson(browser, { width: 1280, height: 800 });
  await logInAs(lead, "new-lead");
  await at(lead.page, "create-link").first().waitFor(LIMIT);
  await lead.page.goto(`${office.url}/staff/me`);
  assert.match(await lead.page.locator(".facts").innerText(), /課長・係長/);
});

test("an answer that nobody here asked for opens nothing", async () => {
  const person = await newPerson(browser, { width: 1280, height: 800 });
  await person.page.goto(`${office.url}/staff/oidc/back?code=abc&state=xyz`);
  await person.page.locator("#login-error").waitFor(LIMIT);
});
