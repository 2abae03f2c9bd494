// A phone as a screen's remote control: complete as the server made it; with this script presses don't load the page anew,
// and the page follows the screen.

const news = document.getElementById("news");

const content = () => document.getElementById("remote");

/** Takes over what the server's page of now says, where it says something else. */
async function follow(): Promise<void> {
  const response = await fetch("/r", { credentials: "same-origin", cache: "no-store" });
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const [fresh, old] = [page.getElementById("remote"), content()];
  if (!fresh || !old || fresh.outerHTML === old.outerHTML) return;
  const hadFocus = old.contains(document.activeElement);
  const pressed = (document.activeElement as HTMLButtonElement | null)?.value;
  const isSamePage = fresh.dataset.page === old.dataset.page;
  old.replaceWith(document.importNode(fresh, true));
  document.title = page.title;
  if (hadFocus) {
    // Who works by keyboard or by ear goes on where the new page begins, or stays on the same key.
    const keys = [...(content()?.querySelectorAll<HTMLButtonElement>("button[name=choice]") ?? [])];
    const same = isSamePage ? keys.find((key) => key.value === pressed) : undefined;
    (same ?? content()?.querySelector<HTMLElement>("h1"))?.focus();
  }
  if (!isSamePage) say(news?.dataset.text);
}

function say(text: string | undefined): void {
  if (news && text) news.textContent = text;
}

/** One after the other: an older page never takes the place of a newer one. */
let following: Promise<void> = Promise.resolve();
function followSoon(): void {
  following = following.then(follow, follow).catch(() => undefined);
}

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  if (new URL(form.action).pathname !== "/r/press") return;
  event.preventDefault();
  const key = event.submitter as HTMLButtonElement | null;
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) fields.set(name, String(value));
  if (key) fields.set(key.name, key.value);
  key?.setAttribute("data-sent", "");
  fetch("/r/press", { method: "POST", body: fields, headers: { accept: "application/json" }, credentials: "same-origin" })
    .then((response) => {
      // Not this phone's any more, or refused: the page says which.
      if (response.status !== 204) followSoon();
    })
    .catch(() => say(news?.dataset.lost))
    .finally(() => setTimeout(() => key?.removeAttribute("data-sent"), 400));
});

const events = new EventSource("/r/events");
events.addEventListener("changed", followSoon);
events.addEventListener("over", () => {
  events.close();
  followSoon();
});
