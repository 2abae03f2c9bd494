// Members of staff: an invitation, a password, a second factor, a login; disabled by the admin, out at once. Each page is
// looked at by axe-core, and at 320 pixels.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { eventually, Office } from "./office.ts";
import { at, look, newPerson, type Person, startBrowser } from "./people.ts";

let office: Office;
let browser: Browser;

before(async () => {
  office = await Office.open({ isBare: true, more: '\n[oidc]\nissuer = "http://localhost:1"\nclient_id = "nobody"\n' });
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await office?.close();
});

const PASSWORD = "kasa-mori-zupe-buta";
const LIMIT = { timeout: 60_000 };

/** The code of a secret in base32 (RFC 6238), so many steps from now. */
function codeOf(secret: string, steps = 0): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replace(/ /g, "")].map((c) => alphabet.indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const hash = createHmac("sha1", key).update(counter).digest();
  const offset = (hash[19] ?? 0) & 0xf;
  return String((hash.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

async function logIn(person: Person, id: string, password: string): Promise<void> {
  await person.page.goto(`${office.url}/staff/login`);
  await person.page.locator("input[name=id]").fill(id);
  await person.page.locator("input[name=password]").fill(password);
  await person.page.locator("form button[type=submit]").first().click();
}

test("from an invitation to a login with a second factor, and out at once when disabled", async () => {
  const admin = await newPerson(browser, { width: 1280, height: 900 });
  await admin.page.goto(`${office.url}/staff/login`);
  await look(admin.page, "staff-login");
  await logIn(admin, "kanri", office.logins().get("kanri") ?? "");
  await at(admin.page, "create-link").first().waitFor(LIMIT);
  await admin.page.goto(`${office.url}/staff/accounts`);
  await look(admin.page, "staff-accounts");
  await admin.page.locator("#id").fill("saburo");
  await admin.page.locator("#name").fill("葛\u{e0100}城 三郎");
  await admin.page.locator("input[name=role][value=lead]").check();
  await admin.page.locator("input[name=section][value=kosodate]").check();
  await at(admin.page, "invite").click();
  const link = await at(admin.page, "invitation").inputValue(LIMIT);
  await look(admin.page, "staff-invited");

  const guest = await newPerson(browser, { width: 390, height: 844 });
  await guest.page.goto(link);
  await look(guest.page, "staff-choose-password");
  await guest.page.locator("#password").fill(PASSWORD);
  await guest.page.locator("#again").fill(PASSWORD);
  await guest.page.keyboard.press("Enter");
  await at(guest.page, "totp-begin").click(LIMIT);
  const secret = await at(guest.page, "totp-secret").innerText(LIMIT);
  await look(guest.page, "staff-totp");
  await guest.page.locator("#code").fill(codeOf(secret));
  await guest.page.keyboard.press("Enter");
  await at(guest.page, "recovery-codes").waitFor(LIMIT);
  assert.equal(await at(guest.page, "recovery-codes").locator("li").count(), 10);
  await look(guest.page, "staff-recovery");
  await guest.page.goto(`${office.url}/staff/me`);
  await look(guest.page, "staff-me");
  await guest.page.getByRole("button", { name: "ログアウトする" }).click();

  await logIn(guest, "saburo", PASSWORD);
  await guest.page.waitForURL("**/staff/login/code", LIMIT);
  await look(guest.page, "staff-code");
  // The step that it was set up with is used up: the next one counts a step early.
  await guest.page.locator("#code").fill(codeOf(secret, 1));
  await guest.page.keyboard.press("Enter");
  await at(guest.page, "create-link").first().waitFor(LIMIT);

  await admin.page.goto(`${office.url}/staff/accounts/one/saburo`);
  await look(admin.page, "staff-account");
  await at(admin.page, "disable").click();
  await eventually("the console says that the login is over", () => guest.page.url().endsWith("/staff/login"), 60_000);
  await logIn(guest, "saburo", PASSWORD);
  await guest.page.locator("#login-error").waitFor(LIMIT);
  await look(guest.page, "staff-login-wrong");

  await admin.page.goto(`${office.url}/staff/audit`);
  await admin.page.locator('tr[data-what="account.disabled"]').waitFor(LIMIT);
  await look(admin.page, "staff-audit");
});

test("a file of accounts is looked at before it changes anything", async () => {
  const admin = await newPerson(browser, { width: 1280, height: 900 });
  await logIn(admin, "kanri", office.logins().get("kanri") ?? "");
  await at(admin.page, "create-link").first().waitFor(LIMIT);
  await admin.page.goto(`${office.url}/staff/accounts/import`);
  await look(admin.page, "staff-import");
  const send = async (text: string) => {
    await admin.page.goto(`${office.url}/staff/accounts/import`);
    const file = { name: "異動.csv", mimeType: "text/csv", buffer: Buffer.from(text) };
    await admin.page.locator("#file").setInputFiles(file);
    await admin.page.locator("form[enctype] button").click();
  };
  await send("職員ID,氏名,役割,所属\nx,名前,社長,どこか\n");
  await at(admin.page, "mistakes").waitFor(LIMIT);
  await look(admin.page, "staff-import-mistakes");
  await send("職員ID,氏名,役割,所属,状態\ntaro,相談 太郎,係長,介護保険課,有効\nshiro,𠮷田 四郎,職員,税務課,\n");
  await at(admin.page, "counts").waitFor(LIMIT);
  await look(admin.page, "staff-import-plan");
  await at(admin.page, "apply").click();
  await admin.page.locator("#link-1").waitFor(LIMIT);
  await look(admin.page, "staff-import-done");
  assert.match(await admin.page.locator("#link-1").inputValue(), /\/staff\/invited\/shiro\//);
});
