// A camera at a screen, by both real programs: the player holds it and shares its pictures, the worker counts in them. A film
// stands for the camera.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Area, eventually, Office, ROOT } from "./office.ts";

let office: Office;

before(async () => {
  const tables = `
[player.camera]
source = "${join(ROOT, ".cache/films/vtest.avi")}"
[[area]]
id = "before-screen"
name = { ja = "画面の前", en = "Before the Screen" }
capacity = 60
moderate_from = 20
busy_from = 40
[[camera]]
id = "lobby-screen"
area = "before-screen"
source = "screen:lobby"
watchdog = "5s"
person_heights = [[0.30, 0.105], [0.65, 0.180]]
polygon = [[0.0, 0.26], [1.0, 0.26], [1.0, 1.0], [0.0, 1.0]]
`;
  office = await Office.open({ tables });
});
after(async () => {
  await office?.close();
});

const area = async (): Promise<Area | undefined> => (await office.areas()).find(({ area }) => area === "before-screen");

/** The player's own processes, by their names. */
function processes(): Record<string, number> {
  const pid = office.running()?.parts["signage-player lobby"];
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  return Object.fromEntries(children.map((child) => [readFileSync(`/proc/${child}/comm`, "utf8").trim(), Number(child)]));
}

test("who stands before a screen is counted, by the camera that its player holds", async () => {
  await eventually("people are counted", async () => ((await area())?.count ?? 0) > 0, 120_000);
  const { stdout } = spawnSync(office.program("madoguchi"), ["doctor", "--config", office.config, "--json"], { encoding: "utf8" });
  const findings = JSON.parse(stdout) as { check: string; state: string; found: string }[];
  const finding = findings.find(({ check }) => check === "camera lobby-screen");
  assert.equal(finding?.found, "the player of screen lobby shares it");
});

test("a camera's process that is killed is started again, the count is unknown meanwhile, and the picture plays on", async () => {
  const before = processes();
  const camera = before["signage-camera"];
  assert.ok(camera, JSON.stringify(before));
  process.kill(camera, "SIGSTOP");
  await eventually("the count is unknown", async () => (await area())?.level === "unknown", 60_000);
  process.kill(camera, "SIGKILL");
  await eventually("another process", () => (processes()["signage-camera"] ?? camera) !== camera);
  await eventually("people are counted again", async () => ((await area())?.count ?? 0) > 0, 120_000);
  const now = processes();
  for (const part of ["signage-picture", "signage-agent"]) assert.equal(now[part], before[part], part);
});
