// console: with 300 residents waiting and 50 calls, from a change to the staff's console painted
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { rootCertificates, setDefaultCACertificates } from "node:tls";
import { eventually, Office } from "../browser/office.ts";
import { at, newStaff, startBrowser } from "../browser/people.ts";
import { finish, median, option, percentile, round, say, table } from "./lib/report.ts";

const WAITING = option("waiting", 300);
const CALLS = option("calls", 50);
const CHANGES = option("changes", 200);
const WARM_UP = 20;
/** Other changes meanwhile, as an office has them. */
const CHURN_EVERY_MS = 200;

interface Frame {
  id?: number;
  type: string;
  [key: string]: unknown;
}

/** A page's side of `/ws`, without a page. */
class Raw {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (frame: Frame) => void>();
  readonly #answers: Promise<void>;
  #next = 0;

  constructor(url: string, cookie = "") {
    // Node's own: it takes headers, which the standard's doesn't.
    const options = { headers: { origin: url, ...(cookie ? { cookie } : {}) } } as unknown as string[];
    this.#socket = new WebSocket(`${url.replace("https", "wss")}/ws`, options);
    this.#answers = new Promise((open, fail) => {
      this.#socket.onopen = () => open();
      this.#socket.onerror = () => fail(new Error("a socket did not open"));
    });
    this.#socket.onmessage = ({ data }) => {
      const frame = JSON.parse(String(data)) as Frame;
      if (frame.id === undefined) return;
      this.#waiting.get(frame.id)?.(frame);
      this.#waiting.delete(frame.id);
    };
  }

  async ask(body: object): Promise<Frame> {
    await this.#answers;
    this.#next += 1;
    const id = this.#next;
    const answer = new Promise<Frame>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, ...body }));
    const frame = await answer;
    if (frame.type === "error") throw new Error(`${JSON.stringify(body).slice(0, 80)}: ${JSON.stringify(frame.problem)}`);
    return frame;
  }

  /** Says hello, and goes on proving that it is there. */
  async enter(identity: object): Promise<this> {
    await this.ask({ type: "hello", version: 1, identity });
    setInterval(() => void this.ask({ type: "ping" }).catch(() => undefined), 8_000).unref();
    return this;
  }

  close(): void {
    this.#socket.close();
  }
}

/** One HTTPS request; gives status, cookies and body. */
function ask(url: string, method: string, headers: Record<string, string>, body = ""): Promise<{ status: number; cookies: string[]; body: string }> {
  return new Promise((resolve, fail) => {
    const asked = request(url, { method, headers: { ...headers, "content-length": String(Buffer.byteLength(body)) } }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, cookies: (answer.headers["set-cookie"] ?? []).map((one) => one.split(";")[0] ?? ""), body: text }));
    });
    asked.on("error", fail);
    asked.end(body);
  });
}

/** A login's cookie and its token for requests. */
async function logIn(office: Office, id: string): Promise<{ cookie: string; csrf: string }> {
  const page = await ask(`${office.url}/staff/login`, "GET", {});
  const csrf = /name="csrf" value="(\w+)"/.exec(page.body)?.[1] ?? "";
  const form = new URLSearchParams({ csrf, id, password: office.logins().get(id) ?? "" }).toString();
  const headers = { cookie: page.cookies.join("; "), "content-type": "application/x-www-form-urlencoded", origin: office.url };
  const answer = await ask(`${office.url}/staff/login`, "POST", headers, form);
  if (answer.status !== 303) throw new Error(`${id} could not log in: ${answer.status}`);
  const cookie = [...page.cookies, ...answer.cookies].join("; ");
  const console = await ask(`${office.url}/staff`, "GET", { cookie });
  return { cookie, csrf: /name="csrf" content="(\w+)"/.exec(console.body)?.[1] ?? "" };
}

async function newLink(office: Office, { cookie, csrf }: { cookie: string; csrf: string }): Promise<{ id: string; code: string }> {
  const headers = { cookie, "x-csrf-token": csrf, origin: office.url, "content-type": "application/json" };
  const answer = await ask(`${office.url}/api/consultations`, "POST", headers, JSON.stringify({ section: "kosodate" }));
  if (answer.status !== 201) throw new Error(`no link: ${answer.status} ${answer.body}`);
  const { id, url } = JSON.parse(answer.body) as { id: string; url: string };
  return { id, code: url.slice(url.lastIndexOf("/") + 1) };
}

/** Tells of each news of a consultation when its row was really painted as the news say. */
function watchPaints(): void {
  type Done = { id: string; heardAt: number; paintedAt: number };
  const done: Done[] = [];
  Object.assign(window, { painted: done });
  const Original = window.WebSocket;
  window.WebSocket = class extends Original {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener("message", ({ data }: MessageEvent<string>) => {
        const frame = JSON.parse(data) as { type: string; consultation?: { id: string; version: number; section: string } };
        if (frame.type !== "consultation" || !frame.consultation) return;
        const { id, section } = frame.consultation;
        const heardAt = performance.timeOrigin + performance.now();
        const wanted = document.querySelector(`#sections [data-id="${section}"]`)?.textContent ?? "";
        const look = () => {
          const row = document.querySelector(`[data-test="consultation"][data-id="${id}"] .row-section`);
          if (!row?.textContent?.startsWith(wanted)) return void requestAnimationFrame(look);
          // The frame that holds it has been given to the compositor when the next task runs.
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => void done.push({ id, heardAt, paintedAt: performance.timeOrigin + performance.now() });
          port2.postMessage(null);
        };
        requestAnimationFrame(look);
      });
    }
  };
}

async function inParts<T, R>(all: T[], atOnce: number, work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < all.length; i += atOnce) results.push(...(await Promise.all(all.slice(i, i + atOnce).map(work))));
  return results;
}

const office = await Office.open({ isBare: true, moreStaff: CALLS });
setDefaultCACertificates([...rootCertificates, readFileSync(join(office.run, "secrets/ca.pem"), "utf8")]);
const browser = await startBrowser();
const raws: Raw[] = [];
const [changeToPaint, updateToPaint]: [number[], number[]] = [[], []];
try {
  // Accounts are made in the background, one after the other, and tries at what isn't there yet are slowed: so not often.
  await eventually("all accounts are there", () => logIn(office, `staff-${CALLS}`).catch(() => new Promise<null>((give) => setTimeout(give, 4_000, null))), 60_000);
  say(`${CALLS} members of staff log in`);
  const logins = await inParts(Array.from({ length: CALLS }, (_, n) => `staff-${n + 1}`), 2, (id) => logIn(office, id));
  const staff = await inParts(logins, 10, ({ cookie }) => new Raw(office.url, cookie).enter({ kind: "staff" }));
  raws.push(...staff);
  say(`${WAITING + CALLS} residents come`);
  const first = logins[0];
  if (!first) throw new Error("nobody is logged in");
  const links = await inParts(Array.from({ length: WAITING + CALLS }, (_, n) => n), 10, () => newLink(office, first));
  const residents = await inParts(links, 10, async ({ code }) => {
    const resident = await new Raw(office.url).enter({ kind: "resident", code });
    await resident.ask({ type: "ready", can_encrypt: true });
    return resident;
  });
  raws.push(...residents);
  say(`${CALLS} calls`);
  await inParts(staff, 10, (one) => one.ask({ type: "admit", consultation: links[staff.indexOf(one)]?.id, can_encrypt: true }));

  const hanako = await newStaff(browser, office);
  await hanako.context.addInitScript(watchPaints);
  await hanako.page.reload();
  await hanako.page.waitForFunction((count) => document.querySelectorAll('[data-test="consultation"][data-phase="waiting"]').length === count, WAITING);
  await hanako.page.waitForFunction((count) => document.querySelectorAll('[data-test="consultation"][data-phase="admitted"]').length === count, CALLS);
  await at(hanako.page, "console").waitFor();

  let turn = 0;
  const churn = setInterval(() => {
    turn += 1;
    const n = turn % CALLS;
    void staff[n]?.ask({ type: "act", consultation: links[n]?.id, act: { do: "lock", is_locked: turn % (2 * CALLS) < CALLS } }).catch(() => undefined);
  }, CHURN_EVERY_MS);
  const mover = staff[0];
  for (let n = -WARM_UP; n < CHANGES; n++) {
    const { id = "" } = links[CALLS + ((n + WARM_UP) * 37) % WAITING] ?? {};
    const known = await hanako.page.evaluate((one) => (window as unknown as { painted: { id: string }[] }).painted.filter(({ id }) => id === one).length, id);
    const section = known % 2 === 0 ? "kaigo" : "kosodate";
    const startedAt = performance.timeOrigin + performance.now();
    await mover?.ask({ type: "act", consultation: id, act: { do: "move", section } });
    const painted = await hanako.page.waitForFunction(
      ({ one, before }) => {
        const all = (window as unknown as { painted: { id: string; heardAt: number; paintedAt: number }[] }).painted.filter(({ id }) => id === one);
        return all.length > before ? all[before] : null;
      },
      { one: id, before: known },
    );
    const at = await painted.jsonValue();
    if (n < 0 || !at) continue;
    changeToPaint.push(at.paintedAt - startedAt);
    updateToPaint.push(at.paintedAt - at.heardAt);
  }
  clearInterval(churn);
} finally {
  for (const raw of raws) raw.close();
  await browser.close();
  await office.close();
}

table([
  ["news to paint", "ms", updateToPaint],
  ["change to paint", "ms", changeToPaint],
]);
const figures = (values: number[]) => ({ p50: round(median(values)), p95: round(percentile(values, 0.95)) });
finish({ waiting: WAITING, calls: CALLS, changes: CHANGES, update_to_paint_ms: figures(updateToPaint), change_to_paint_ms: figures(changeToPaint) });
