// The screen: it plays, shows the board, greets when touched, and goes on without the server.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { eventually, Office, ROOT } from "./office.ts";
import { differs, type Picture, readPng, share, spread } from "./picture.ts";

const run = promisify(execFile);
const DISPLAY = `:${90 + (process.pid % 400)}`;

let office: Office;
let display: ReturnType<typeof spawn>;

before(async () => {
  // Without -noreset the display takes no client for a moment whenever its last one has left.
  const settings = ["-screen", "0", "1280x720x24", "-nolisten", "tcp", "-noreset"];
  display = spawn("Xvfb", [DISPLAY, ...settings], { stdio: "ignore" });
  process.env.MADOGUCHI_DISPLAY = DISPLAY;
  await eventually("the display is there", () =>
    run("xdotool", ["getdisplaygeometry"], { env: { ...process.env, DISPLAY } }).then(() => true),
  );
  office = await Office.open();
});
after(async () => {
  await office?.close();
  display?.kill();
  delete process.env.MADOGUCHI_DISPLAY;
});

async function snapshot(name: string) {
  const file = join(process.env.MADOGUCHI_SHOTS ?? office.run, `${name}.png`);
  await office.player("--snapshot", file);
  return readPng(file);
}

interface Zone {
  rect: { x: number; y: number; width: number; height: number };
  widget: { type: string };
}

/** A zone of the demo layout, by its widget. */
function zone(widget: string): Zone["rect"] {
  const layout = JSON.parse(readFileSync(join(ROOT, "configs/content/layouts/lobby.json"), "utf8")) as {
    pages: { zones: Zone[] }[];
  };
  const found = layout.pages.flatMap((page) => page.zones).find((one) => one.widget.type === widget);
  if (!found) throw new Error(`the demo layout has no ${widget}`);
  return found.rect;
}

const BLUE = [0x00, 0x17, 0xc1] as const;

/** The board's colour for each level, as the player's palette has them. */
const LEVELS: Record<string, readonly number[]> = {
  free: BLUE,
  moderate: [0xff, 0xc7, 0x00],
  busy: [0xa9, 0x00, 0x00],
  full: [0x00, 0x00, 0x00],
};

test("what the screen shows is not black, moves, and contains the live congestion board", async () => {
  await eventually("the board shows the area's level of now, as the API tells it", async () => {
    const before = (await office.areas())[0]?.level ?? "unknown";
    const picture = await snapshot("screen");
    const after = (await office.areas())[0]?.level;
    const colour = LEVELS[before];
    return before === after && colour && share(picture, zone("congestion_board"), colour) > 0.1;
  });
  const first = await snapshot("screen-home");
  assert.deepEqual([first.width, first.height], [1280, 720]);
  assert.ok(spread(first) > 20, "not one colour");
  assert.ok(spread(first, zone("clock")) > 5, "the clock is drawn");
  assert.ok(spread(first, zone("ticker")) > 5, "the ticker is drawn");
  for (const widget of ["playlist", "ticker"]) {
    const where = zone(widget);
    await eventually(`the ${widget} moves`, async () => differs(first, await snapshot("screen-later"), where));
  }
});

/** Whether the first page's blue button is where it is on that page. */
const isHome = (picture: Picture) => share(picture, zone("button"), BLUE) > 0.5;

test("a real click opens the reception page, the avatar moves, and the page goes back by itself", async () => {
  await eventually("the first page is shown", async () => isHome(await snapshot("screen-before")));
  const env = { ...process.env, DISPLAY };
  const button = zone("button");
  const [x, y] = [button.x + button.width / 2, button.y + button.height / 2];
  await run("xdotool", ["mousemove", `${x}`, `${y}`, "click", "1"], { env });
  const avatar = zone("avatar");
  const reception = await eventually("the reception page is shown", async () => {
    const now = await snapshot("screen-reception");
    return !isHome(now) && spread(now, avatar) > 20 ? now : undefined;
  });
  await eventually("the avatar moves", async () => differs(reception, await snapshot("screen-reception-later"), avatar));
  await eventually("back at the first page", async () => isHome(await snapshot("screen-back")), 90_000);
});

test("it goes on when the server is gone, and takes up the live board when it is back", async () => {
  const board = zone("congestion_board");
  const server = office.running()?.parts.signaling ?? 0;
  process.kill(server, "SIGSTOP");
  try {
    const first = await snapshot("screen-alone");
    await eventually("the playlist moves without a server", async () =>
      differs(first, await snapshot("screen-alone-later"), zone("playlist")),
    );
    assert.ok(spread(first, board) > 5);
  } finally {
    process.kill(server, "SIGCONT");
  }
  await office.kill("signaling");
  await office.kill("signage-player lobby");
  await eventually("a new player plays from its own disk", async () => spread(await snapshot("screen-again")) > 20);
});
