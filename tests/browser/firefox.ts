// Debian's Firefox, driven by WebDriver BiDi: a resident with a browser that isn't Chromium.
import { existsSync } from "node:fs";
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { eventually } from "./office.ts";

export const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

/** `null`, and says so: there is none here. */
export async function startFirefox(): Promise<Browser | null> {
  if (!existsSync(FIREFOX)) {
    console.log(`# SKIPPED: no Firefox at ${FIREFOX} (Debian's firefox-esr)`);
    return null;
  }
  return puppeteer.launch({
    browser: "firefox",
    executablePath: FIREFOX,
    headless: true,
    acceptInsecureCerts: true,
    defaultViewport: { width: 390, height: 844 },
    extraPrefsFirefox: {
      // Its own fake camera and microphone, and the answer to the question for them.
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      "media.autoplay.default": 0,
      "intl.accept_languages": "ja",
    },
  });
}

/** A person in Firefox. Faults of the page's scripts are collected. */
export class FirefoxPerson {
  readonly page: Page;
  readonly faults: string[] = [];
  readonly #limitMs: number;

  private constructor(page: Page, limitMs: number) {
    this.page = page;
    this.#limitMs = limitMs;
    page.setDefaultTimeout(limitMs);
    page.on("pageerror", (error) => this.faults.push(String(error)));
    page.on("console", (message) => {
      if (message.text().includes("Content-Security-Policy")) this.faults.push(message.text());
    });
  }

  static async open(browser: Browser, limitMs: number): Promise<FirefoxPerson> {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    await page.evaluateOnNewDocument(() => {
      const all: RTCPeerConnection[] = [];
      Object.assign(window, { connections: all });
      const Original = window.RTCPeerConnection;
      window.RTCPeerConnection = class extends Original {
        constructor(configuration?: RTCConfiguration) {
          super(configuration);
          all.push(this);
        }
      };
    });
    return new FirefoxPerson(page, limitMs);
  }

  async sees(name: string): Promise<void> {
    await this.page.waitForSelector(`[data-test="${name}"]`, { visible: true });
  }

  async isGone(name: string): Promise<void> {
    await this.page.waitForSelector(`[data-test="${name}"]`, { hidden: true });
  }

  async press(selector: string): Promise<void> {
    const button = await this.page.waitForSelector(selector, { visible: true });
    await button?.click();
  }

  pressAt(name: string): Promise<void> {
    return this.press(`[data-test="${name}"]`);
  }

  text(selector = "body"): Promise<string> {
    return this.page.$eval(selector, (element) => (element as HTMLElement).innerText);
  }

  attribute(name: string, attribute: string): Promise<string | null> {
    return this.page.$eval(`[data-test="${name}"]`, (element, attribute) => element.getAttribute(attribute), attribute);
  }

  /** Nine places of the other's picture, as it is painted now; `null`: there is none. */
  #picture(): Promise<number[] | null> {
    return this.page.evaluate(() => {
      const video = document.querySelector<HTMLVideoElement>('[data-test="remote-video"]');
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [16, 16];
      const context = canvas.getContext("2d");
      if (!video || video.videoWidth === 0 || !context) return null;
      context.drawImage(video, 0, 0, 16, 16);
      const { data } = context.getImageData(0, 0, 16, 16);
      return Array.from({ length: 256 }, (_, i) => (data[4 * i] ?? 0) + (data[4 * i + 1] ?? 0) + (data[4 * i + 2] ?? 0));
    });
  }

  /** The other person's picture is there, isn't black, and changes. */
  async seesMoving(): Promise<void> {
    try {
      await this.#seesMovingNow();
    } catch (error) {
      throw new Error(`${error}\n${await this.#whatIsThere()}`);
    }
  }

  /** What the page shows and has, for the words of a failed test. */
  async #whatIsThere(): Promise<string> {
    const states = this.page.evaluate(async () => {
      const all = (window as unknown as { connections: RTCPeerConnection[] }).connections;
      const told = all.map(async (one) => {
        const reports = [...(await one.getStats()).values()];
        const inbound = reports.filter(({ type }) => type === "inbound-rtp").map(({ kind, bytesReceived, framesDecoded }) => `${kind} ${bytesReceived} B ${framesDecoded ?? "-"} frames`);
        return `${one.connectionState}/${one.iceConnectionState}/${one.signalingState} [${inbound.join(", ")}]`;
      });
      return (await Promise.all(told)).join("; ");
    });
    const look = (async () => `connections: ${await states}; the page says: ${(await this.text()).slice(0, 400)}`)();
    const patience = new Promise<string>((give) => setTimeout(give, 5000, "the page doesn't answer"));
    return `faults: ${this.faults.join("; ") || "none"}; ${await Promise.race([look, patience])}`;
  }

  async #seesMovingNow(): Promise<void> {
    const first = await eventually("a picture of the other person that isn't black", async () => {
      const now = await this.#picture();
      return now && Math.max(...now) > 30 ? now : null;
    }, this.#limitMs);
    await eventually("the picture changes", async () => (await this.#picture())?.some((value, i) => Math.abs(value - (first[i] ?? 0)) > 12), this.#limitMs);
  }

  /** Nothing sticks out sideways. */
  fits(): Promise<boolean> {
    return this.page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);
  }
}
