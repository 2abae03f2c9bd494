// Going through a page as somebody does who uses no mouse: Tab, Enter, Space and the arrows, seeing at each step where one is.
import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";

const MOST_PRESSES = 150;

/** What the browser shows of where the focus is. */
interface Focus {
  what: string;
  /** Whether a ring of at least 2 points is drawn around it. */
  hasRing: boolean;
  /** Whether a part of it can be seen: it is inside the window, and nothing lies over it. */
  isInSight: boolean;
}

function focusNow(page: Page): Promise<Focus | null> {
  return page.evaluate(() => {
    const one = document.activeElement;
    // A heading that was given the focus so that it is read out is no place of its own.
    if (!(one instanceof HTMLElement) || one === document.body || one.tabIndex < 0) return null;
    const style = getComputedStyle(one);
    const width = style.outlineStyle === "none" ? 0 : Number.parseFloat(style.outlineWidth);
    const box = one.getBoundingClientRect();
    const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
    const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
    // A field that is larger than what lies over it is still seen at one of these places.
    const places = [0.1, 0.5, 0.9].flatMap((x) => [0.1, 0.5, 0.9].map((y) => [left + x * (right - left), top + y * (bottom - top)] as const));
    const isInSight =
      right > left &&
      bottom > top &&
      places.some(([x, y]) => {
        const there = document.elementFromPoint(x, y);
        return there !== null && (one.contains(there) || there.contains(one));
      });
    const name = one.getAttribute("data-test") ?? one.id;
    return { what: `<${one.localName}> ${name} "${(one.textContent ?? "").trim().slice(0, 30)}"`, hasRing: width >= 2, isInSight };
  });
}

/** Where the focus is can be seen (WCAG 2.4.7, 2.4.11). */
export async function seesFocus(page: Page): Promise<void> {
  const focus = await focusNow(page);
  if (focus === null) return;
  assert.ok(focus.hasRing, `no ring is seen around ${focus.what}`);
  assert.ok(focus.isInSight, `${focus.what} has the focus, and can't be seen`);
}

/** Goes to an element by the Tab key alone, or with `backwards` by Shift+Tab; at each step it is seen where one is. */
export async function tabTo(page: Page, to: Locator, { backwards = false }: { backwards?: boolean } = {}): Promise<void> {
  await to.waitFor();
  for (let presses = 0; presses < MOST_PRESSES; presses += 1) {
    if (await to.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press(backwards ? "Shift+Tab" : "Tab");
    await seesFocus(page);
  }
  assert.fail(`the Tab key never comes to ${to}`);
}

/** Follows a link or sends a form by Enter, and waits for the page that comes. */
export async function follow(page: Page, to: Locator): Promise<void> {
  await tabTo(page, to);
  await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter")]);
}

/** Presses a button by a key. */
export async function press(page: Page, to: Locator, key: "Enter" | "Space" = "Enter", way: { backwards?: boolean } = {}): Promise<void> {
  await tabTo(page, to, way);
  await page.keyboard.press(key);
}
