// `madoguchi doctor` on a running office: all well, and then each fault that a running office can have.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BIN, eventually, Office } from "./office.ts";

interface Finding {
  check: string;
  state: "good" | "bad" | "unknown";
  found: string;
  todo?: string;
}

let office: Office;

before(async () => {
  office = await Office.open({ turn: true });
});
after(async () => {
  await office?.close();
});

/** What the doctor finds; it must end with 0 exactly when nothing is bad. */
function examine(config = office.config): Finding[] {
  const { status, stdout, stderr } = spawnSync(join(BIN, "madoguchi"), ["doctor", "--config", config, "--json"], {
    encoding: "utf8",
    timeout: 120_000,
  });
  const findings = JSON.parse(stdout || `"${stderr}"`) as Finding[];
  assert.equal(status, findings.some(({ state }) => state === "bad") ? 1 : 0, stdout);
  for (const { state, todo } of findings) assert.equal(state === "bad", todo !== undefined, "each fault says what to do");
  return findings;
}

const bad = (findings: Finding[]) => findings.filter(({ state }) => state === "bad");

/** Examines while a part doesn't move. */
function whileStopped(part: string): Finding[] {
  const pid = office.running()?.parts[part];
  assert.ok(pid, `${part} runs`);
  process.kill(pid, "SIGSTOP");
  try {
    return examine();
  } finally {
    process.kill(pid, "SIGCONT");
  }
}

test("a sound office: calls connect by UDP, by TCP and by TURN", () => {
  const findings = examine();
  assert.deepEqual(bad(findings), []);
  const good = findings.filter(({ state }) => state === "good").map(({ check }) => check);
  for (const check of ["pages", "certificate", "redis (ledger)", "redis (live)", "media by UDP", "media by TCP", "TURN"]) {
    assert.ok(good.includes(check), `${check} in ${good}`);
  }
  assert.equal(good.filter((check) => check === "TURN").length, 2, "by UDP and by TCP");
});

test("a TURN server that does not answer, or has another secret", () => {
  const silent = bad(whileStopped("turn"));
  assert.deepEqual([...new Set(silent.map(({ check }) => check))], ["TURN"]);
  assert.match(silent[0]?.todo ?? "", /firewall/);

  const key = join(office.run, "secrets/turn.key");
  const before = readFileSync(key);
  writeFileSync(key, "another");
  try {
    const refused = bad(examine());
    assert.deepEqual(refused.map(({ check }) => check), ["TURN", "TURN"]);
    assert.match(refused[0]?.found ?? "", /401/);
    assert.match(refused[0]?.todo ?? "", /same secret/);
  } finally {
    writeFileSync(key, before);
  }
});

test("a media node, pages or a Redis that do not answer", async () => {
  assert.ok(bad(whileStopped("media-server")).some(({ check }) => check.startsWith("media")));
  await eventually("the node is back", () => bad(examine()).length === 0, 60_000);
  assert.ok(bad(whileStopped("signaling")).some(({ check }) => check === "pages"));
  assert.ok(bad(whileStopped("redis-ledger")).some(({ check }) => check === "redis (ledger)"));
});

test("pages under a name that the certificate does not have", () => {
  const config = join(office.run, "another-name.toml");
  // Names below "localhost" lead to this machine wherever they are known at all.
  writeFileSync(config, readFileSync(office.config, "utf8").replace("https://localhost:", "https://pages.localhost:"));
  const pages = bad(examine(config)).find(({ check }) => check === "pages");
  assert.match(pages?.todo ?? "", /certificate made for pages\.localhost|DNS/);
});
