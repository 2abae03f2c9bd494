// The public page: complete as the server made it; with this script the cards follow the office live.
import { age } from "../shared/format.ts";
import type { AreaState } from "../shared/protocol.ts";
import { type Texts, translator } from "../shared/texts.ts";
import { cardOf, isNewer } from "./areas.ts";

/** The server sends all areas every 10 s: after so long without any, the stream is dead. */
const SILENCE_LIMIT_MS = 25_000;
const RETRY_MS = 4_000;

const t = translator(JSON.parse(document.getElementById("texts")?.textContent ?? "{}") as Texts);
const page = document.querySelector<HTMLElement>(".home");
const serverNow = Number(page?.dataset.now);
// A page from the browser's memory may be old: the next message of the stream sets this right.
let clockOffset = Number.isFinite(serverNow) ? serverNow - Date.now() : 0;

const cards = new Map<string, HTMLElement>();
for (const card of document.querySelectorAll<HTMLElement>("[data-area]")) cards.set(card.dataset.area ?? "", card);
const known = new Map<string, AreaState>();
let heardAt = Date.now();

function set(card: HTMLElement, selector: string, text: string): void {
  const element = card.querySelector(selector);
  if (element && element.textContent !== text) element.textContent = text;
}

function show(state: AreaState): void {
  const card = cards.get(state.area);
  if (!card) return;
  const view = cardOf(t, state);
  const hasChanged = card.dataset.level !== view.level;
  card.dataset.level = view.level;
  if (state.observed_at === null) delete card.dataset.observedAt;
  else card.dataset.observedAt = String(state.observed_at);
  set(card, ".area-level .mark", view.mark);
  set(card, ".area-level .words", view.levelText);
  set(card, "[data-test=area-count]", view.countText);
  card.querySelector(".area-bar .fill")?.setAttribute("width", String(view.filled));
  const trend = card.querySelector<HTMLElement>(".area-trend");
  if (trend) trend.hidden = view.trend === null;
  if (view.trend) {
    set(card, ".area-trend .arrow", view.trend.arrow);
    set(card, ".area-trend .words", view.trend.text);
  }
  if (hasChanged) tell(card.querySelector("h2")?.textContent ?? "", view.levelText);
}

/** Read out only what matters: another level. */
function tell(area: string, level: string): void {
  const news = document.getElementById("news");
  if (news) news.textContent = t("home.news", { area, level });
}

function tick(): void {
  for (const card of cards.values()) {
    const at = card.dataset.observedAt;
    set(card, "[data-test=area-age]", age(t, at === undefined ? null : Date.now() + clockOffset - Number(at)));
  }
  if (Date.now() - heardAt > SILENCE_LIMIT_MS) setLive(false);
}

function setLive(isLive: boolean): void {
  const live = document.getElementById("live");
  const text = document.getElementById("live-text");
  if (!live || !text) return;
  live.hidden = false;
  live.dataset.state = isLive ? "on" : "lost";
  const words = t(isLive ? "home.live.on" : "home.live.lost");
  if (text.textContent !== words) text.textContent = words;
}

function receive(states: AreaState[]): void {
  heardAt = Date.now();
  setLive(true);
  for (const state of states) {
    if (!isNewer(known.get(state.area), state)) continue;
    known.set(state.area, state);
    // No clock is behind what it has seen.
    if (state.observed_at !== null) clockOffset = Math.max(clockOffset, state.observed_at - Date.now());
    show(state);
  }
  tick();
}

function follow(): void {
  const source = new EventSource("/events/areas");
  source.addEventListener("areas", (event) => receive(JSON.parse((event as MessageEvent<string>).data) as AreaState[]));
  source.onerror = () => {
    setLive(false);
    // The browser tries again by itself unless the server refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, RETRY_MS + Math.random() * RETRY_MS);
  };
}

follow();
setInterval(tick, 1000);
