// The people of the tests: residents and staff, each with a browser of their own.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { eventually, type Office, ROOT } from "./office.ts";

export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];

/** How a test's browser is to be. */
export interface BrowserOptions {
  executable?: string;
  /** For what it is to trust. */
  home?: string;
  /** Of the fake camera: fewer leave more of a small machine to what is tested. */
  framesPerSecond?: number;
  /** How many cameras there are. */
  cameras?: number;
}

/** Debian's Chromium with a fake camera and microphone, and a new empty profile. */
export function startBrowser(
  { executable = CHROMIUM, home, framesPerSecond = 20, cameras = 1 }: BrowserOptions = {},
): Promise<Browser> {
  return chromium.launch({
    executablePath: executable,
    headless: true,
    args: [
      ...FLAGS,
      "--use-fake-ui-for-media-stream",
      `--use-fake-device-for-media-stream=fps=${framesPerSecond},device-count=${cameras}`,
      // As if somebody chose the whole screen each time.
      "--auto-select-desktop-capture-source=Entire screen",
    ],
    env: { ...process.env, ...(home ? { HOME: home } : {}) } as Record<string, string>,
  });
}

/** Remembers every peer connection of a page, so that tests read the browser's own figures, not the page's. */
function rememberConnections(): void {
  const all: RTCPeerConnection[] = [];
  Object.assign(window, { connections: all });
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      all.push(this);
    }
  };
}

/** As behind a wall: what the page says of the way its connections take. */
function relayEverything(): void {
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(configuration?: RTCConfiguration) {
      super({ ...configuration, iceTransportPolicy: "relay" });
    }
  };
}

/** How a camera is sent in one stream with layers inside: the codec's name, and the scalability mode of WebRTC-SVC. */
export interface OneStream {
  codec: string;
  mode: string;
}

/** As a page that sends its camera so. */
function sendInOneStream({ codec, mode }: OneStream): void {
  const prototype = RTCPeerConnection.prototype;
  const original = prototype.addTransceiver;
  prototype.addTransceiver = function (this: RTCPeerConnection, what: MediaStreamTrack | string, init?: RTCRtpTransceiverInit) {
    const isPicture = (typeof what === "string" ? what : what.kind) === "video";
    if (!isPicture || init?.direction !== "sendonly") return original.call(this, what, init);
    const sendEncodings = [{ scalabilityMode: mode, maxBitrate: 1_500_000 } as RTCRtpEncodingParameters];
    const transceiver = original.call(this, what, { ...init, sendEncodings });
    const known = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
    transceiver.setCodecPreferences(known.filter(({ mimeType }) => [`video/${codec}`, "video/rtx"].includes(mimeType)));
    return transceiver;
  } as typeof original;
}

/** As if the media server were at this address, and could be reached by UDP only. */
function leadThrough(address: string): void {
  const colon = address.lastIndexOf(":");
  const lead = (line: string) => {
    if (!line.startsWith("a=candidate:")) return line;
    const words = line.split(" ");
    if (words[2] !== "udp") return null;
    return [...words.slice(0, 4), address.slice(0, colon), address.slice(colon + 1), ...words.slice(6)].join(" ");
  };
  const { prototype } = RTCPeerConnection;
  const original: (description: RTCSessionDescriptionInit) => Promise<void> = prototype.setRemoteDescription;
  prototype.setRemoteDescription = function (this: RTCPeerConnection, { type, sdp = "" }: RTCSessionDescriptionInit) {
    const lines = sdp.split("\r\n").map(lead).filter((line) => line !== null);
    return original.call(this, { type, sdp: lines.join("\r\n") });
  };
}

/** The way that each living connection of a page takes: kind of its own candidate, and protocol. */
export function ways(page: Page): Promise<{ kind: string; protocol: string; relayProtocol?: string }[]> {
  return page.evaluate(async () => {
    const all = (window as unknown as { connections: RTCPeerConnection[] }).connections;
    const found = [];
    for (const connection of all.filter((one) => one.connectionState === "connected")) {
      const report = await connection.getStats();
      for (const transport of report.values()) {
        if (transport.type !== "transport") continue;
        const own = report.get(report.get(transport.selectedCandidatePairId)?.localCandidateId);
        if (own) found.push({ kind: own.candidateType, protocol: own.protocol, relayProtocol: own.relayProtocol });
      }
    }
    return found;
  });
}

/** A person's page. Faults of its scripts are collected in `faults`. */
export interface Person {
  page: Page;
  faults: string[];
  context: BrowserContext;
}

export async function newPerson(
  browser: Browser,
  options: {
    language?: string;
    width?: number;
    height?: number;
    /** Of the screen's own points to one of the page's. */
    scale?: number;
    /** What the page need not ask for. */
    permissions?: string[];
    trustsAnybody?: boolean;
    onlyRelayed?: boolean;
    cores?: number;
    oneStream?: OneStream;
    /** Where it reaches the media server, if not by itself. */
    through?: string;
  } = {},
): Promise<Person> {
  const context = await browser.newContext({
    ignoreHTTPSErrors: options.trustsAnybody ?? true,
    locale: options.language ?? "ja-JP",
    timezoneId: "Asia/Tokyo",
    viewport: { width: options.width ?? 390, height: options.height ?? 844 },
    deviceScaleFactor: options.scale ?? 1,
    permissions: options.permissions ?? ["camera", "microphone", "clipboard-write"],
  });
  if (options.onlyRelayed) await context.addInitScript(relayEverything);
  if (options.oneStream) await context.addInitScript(sendInOneStream, options.oneStream);
  if (options.through) await context.addInitScript(leadThrough, options.through);
  await context.addInitScript(rememberConnections);
  if (options.cores !== undefined) {
    await context.addInitScript((value) => {
      Object.defineProperty(Navigator.prototype, "hardwareConcurrency", { get: () => value });
    }, options.cores);
  }
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) faults.push(message.text());
  });
  return { page, faults, context };
}

export const at = (page: Page, name: string) => page.locator(`[data-test="${name}"]`);

/** Staff, logged in, with the console open. */
export async function newStaff(
  browser: Browser,
  office: Office,
  id = "hanako",
  options: { cores?: number; through?: string } = {},
): Promise<Person> {
  const person = await newPerson(browser, { width: 1280, height: 800, ...options });
  const password = office.logins().get(id);
  if (!password) throw new Error(`no login for ${id}`);
  await person.page.goto(`${office.url}/staff`);
  await person.page.locator("input[name=id]").fill(id);
  await person.page.locator("input[name=password]").fill(password);
  await person.page.locator("form button[type=submit]").first().click();
  await at(person.page, "create-link").first().waitFor();
  return person;
}

/** A new consultation's link, made at the console. */
export async function newLink(staff: Person): Promise<{ url: string; id: string }> {
  const { page } = staff;
  const answer = page.waitForResponse((one) => one.url().endsWith("/api/consultations") && one.request().method() === "POST");
  await at(page, "create-link").first().click();
  const { url, id } = (await (await answer).json()) as { url: string; id: string };
  await eventually("the link is shown", async () => (await at(page, "link-url").first().inputValue()) === url);
  await page.locator(`[data-test="consultation"][data-id="${id}"]`).waitFor();
  return { url, id };
}

/** The row of a consultation at the console. */
export const row = (staff: Person, id: string) => staff.page.locator(`[data-test="consultation"][data-id="${id}"]`);

/** A resident opens a link, passes the device check and waits. */
export async function enterWaiting(resident: Person, url: string): Promise<void> {
  await resident.page.goto(url);
  await at(resident.page, "device-check").waitFor();
  await at(resident.page, "enter-waiting").click();
  await at(resident.page, "waiting").waitFor();
}

/** Staff see the resident wait, and ask them in. */
export async function admit(staff: Person, id: string): Promise<void> {
  await staff.page.locator(`[data-test="consultation"][data-id="${id}"][data-phase="waiting"]`).waitFor();
  await row(staff, id).locator('[data-test="admit"]').click();
}

/** Either side ends the call, and says so again where it is asked. */
export async function hangUp(person: Person): Promise<void> {
  await at(person.page, "hang-up").click();
  const confirm = person.page.locator("dialog[open] [data-test=confirm]");
  await Promise.race([confirm.waitFor(), at(person.page, "call").waitFor({ state: "hidden" })]);
  if (await confirm.isVisible()) await confirm.click();
}

export interface Received {
  framesDecoded: number;
  audioEnergy: number;
  audioLevel: number;
  connections: number;
}

/** What a page's browser has received over all its connections that still live. */
export function received(page: Page): Promise<Received> {
  return page.evaluate(async () => {
    const all = (window as unknown as { connections: RTCPeerConnection[] }).connections;
    const alive = all.filter((one) => one.connectionState === "connected");
    const sum = { framesDecoded: 0, audioEnergy: 0, audioLevel: 0, connections: alive.length };
    for (const connection of alive) {
      for (const report of (await connection.getStats()).values()) {
        if (report.type !== "inbound-rtp") continue;
        if (report.kind === "video") sum.framesDecoded += report.framesDecoded ?? 0;
        if (report.kind === "audio") {
          sum.audioEnergy += report.totalAudioEnergy ?? 0;
          sum.audioLevel = Math.max(sum.audioLevel, report.audioLevel ?? 0);
        }
      }
    }
    return sum;
  });
}

/** A coarse picture of what the remote video shows now: 64 grey values. */
function pictureNow(page: Page): Promise<number[] | undefined> {
  return page.evaluate(() => {
    const video = document.querySelector<HTMLVideoElement>('video[data-test="remote-video"]');
    if (!video || video.videoWidth === 0) return undefined;
    const canvas = new OffscreenCanvas(8, 8);
    const context = canvas.getContext("2d");
    if (!context) return undefined;
    context.drawImage(video, 0, 0, 8, 8);
    const { data } = context.getImageData(0, 0, 8, 8);
    return Array.from({ length: 64 }, (_, i) => (data[4 * i] ?? 0) + (data[4 * i + 1] ?? 0) + (data[4 * i + 2] ?? 0));
  });
}

/** The other person is seen and heard: frames arrive, the picture changes, the sound is above silence. */
export async function seesAndHears(person: Person, limitMs = 30_000): Promise<void> {
  try {
    await seesAndHearsNow(person, limitMs);
  } catch (error) {
    throw new Error(`${error}\n${await whatIsThere(person)}`);
  }
}

/** What a page shows and has, for the words of a failed test. */
async function whatIsThere({ page, faults }: Person): Promise<string> {
  const look = page.evaluate(() => {
    const all = (window as unknown as { connections: RTCPeerConnection[] }).connections;
    const states = all.map((one) => `${one.connectionState}/${one.signalingState}`);
    return `connections ${states.join(", ")}; the page says: ${document.body.innerText.slice(0, 400)}`;
  });
  const patience = new Promise<string>((give) => setTimeout(give, 5000, "the page does not answer"));
  return `${page.url().replace(/\/c\/.*/, "/c/…")}; faults: ${faults.join("; ") || "none"}; ${await Promise.race([look, patience])}`;
}

async function seesAndHearsNow(person: Person, limitMs: number): Promise<void> {
  const first = await eventually(
    "a picture of the other person that is not black",
    async () => {
      const now = await pictureNow(person.page);
      return now && Math.max(...now) > 30 ? now : undefined;
    },
    limitMs,
  );
  const before = await received(person.page);
  await eventually(
    "the picture changes",
    async () => {
      const now = await pictureNow(person.page);
      return now?.some((value, i) => Math.abs(value - (first[i] ?? 0)) > 12);
    },
    limitMs,
  );
  await eventually(
    "frames and sound go on",
    async () => {
      const now = await received(person.page);
      return now.framesDecoded > before.framesDecoded + 10 && now.audioEnergy > before.audioEnergy && now.audioEnergy > 1e-5;
    },
    limitMs,
  );
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  id: string;
  impact: string;
  nodes: { target: string[]; failureSummary: string }[];
}

/** Fails with every WCAG 2.2 A and AA violation that axe-core finds. */
export async function isAccessible(page: Page, what: string): Promise<void> {
  // Evaluated by the browser's tooling, so the page's own content security policy stays as strict as it is.
  await page.evaluate(axeSource);
  const violations = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(d: Document, o: object): Promise<{ violations: Violation[] }> } };
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
    return (await axe.run(document, { runOnly: tags })).violations;
  });
  const words = violations.map(
    ({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map((node) => node.target.join(" ")).join(", ")}`,
  );
  if (words.length > 0) throw new Error(`${what}: ${words.join("; ")}`);
}

/** Keeps a picture of the page for people to look at, where MADOGUCHI_SHOTS names a folder. */
export async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env.MADOGUCHI_SHOTS;
  if (!folder) return;
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** Nothing has to be moved sideways to be read (WCAG 1.4.10). */
export async function fits(page: Page, what: string): Promise<void> {
  const [wide, room] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return [scrollWidth, clientWidth] as const;
  });
  if (wide > room) throw new Error(`${what}: ${wide} points wide on ${room}`);
}

/** Looks at a page as it is, on a phone and on the narrowest one: nothing sticks out, axe-core finds nothing, pictures are kept. */
export async function look(page: Page, name: string): Promise<void> {
  const size = page.viewportSize();
  await isAccessible(page, name);
  await shot(page, name);
  for (const width of [390, 320]) {
    await page.setViewportSize({ width, height: 720 });
    await fits(page, `${name} at ${width} points`);
    await isAccessible(page, `${name} at ${width} points`);
    await shot(page, `${name}-${width}`);
  }
  if (size) await page.setViewportSize(size);
}

export { ROOT };
