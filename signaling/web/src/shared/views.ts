// Tells the server how tall each received picture is shown, so that it sends no more than that. Invariant: what was told
// last differs from what is shown by a tenth at most, or is about to be told; a page that nobody sees asks for nothing.
import type { TrackView } from "./protocol.ts";

/** Sizes change in steps while a window is drawn larger: wait for the end. */
const SETTLE_MS = 300;
/** Who only looks into another window for a moment finds the picture as it was. */
const HIDDEN_AFTER_MS = 5_000;
const WORTH_TELLING = 0.1;

export interface ViewsHandlers {
  /** Says it to the server. False: it wasn't heard. */
  tell(tracks: TrackView[]): Promise<boolean>;
}

export class Views {
  /** The height of each track's picture in physical pixels, as it lies on the page. */
  readonly #shown = new Map<string, number>();
  #told: TrackView[] = [];
  #isHidden = false;
  #isSoundOnly = false;
  #needsMotion = false;
  #settling: ReturnType<typeof setTimeout> | undefined;
  #hiding: ReturnType<typeof setTimeout> | undefined;
  readonly #handlers: ViewsHandlers;

  constructor(handlers: ViewsHandlers) {
    this.#handlers = handlers;
  }

  /** A track's picture is so tall now. */
  show(track: string, height: number): void {
    this.#shown.set(track, Math.round(height));
    // The first word decides in which size a picture begins.
    if (this.#told.some((one) => one.track === track)) this.#soon();
    else this.#tellIfWorth();
  }

  /** A track isn't there any more. */
  forget(track: string): void {
    this.#shown.delete(track);
  }

  /** The page is hidden behind others, or is not any more. */
  setHidden(isHidden: boolean): void {
    clearTimeout(this.#hiding);
    if (isHidden) {
      this.#hiding = setTimeout(() => this.#hide(true), HIDDEN_AFTER_MS);
    } else this.#hide(false);
  }

  /** No pictures at all are wanted for now. */
  setSoundOnly(isSoundOnly: boolean): void {
    this.#isSoundOnly = isSoundOnly;
    this.#tellIfWorth();
  }

  /** All frames of pictures matter, sharp or not: somebody signs. */
  setMotion(needsMotion: boolean): void {
    this.#needsMotion = needsMotion;
    this.#tellIfWorth();
  }

  /** The server knows nothing any more: a new seat in the room. */
  repeat(): void {
    this.#told = [];
    this.#tellIfWorth();
  }

  #hide(isHidden: boolean): void {
    this.#isHidden = isHidden;
    this.#tellIfWorth();
  }

  #soon(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#tellIfWorth(), SETTLE_MS);
  }

  #tellIfWorth(): void {
    clearTimeout(this.#settling);
    const isNothingShown = this.#isHidden || this.#isSoundOnly;
    const now = [...this.#shown].map(([track, height]) => ({
      track,
      height: isNothingShown ? 0 : height,
      ...(this.#needsMotion ? { motion: true } : {}),
    }));
    if (!isWorthTelling(this.#told, now)) return;
    this.#told = now;
    void this.#handlers.tell(now).then((isHeard) => {
      // Whatever is shown next, or a new seat, tells it again.
      if (!isHeard && this.#told === now) this.#told = [];
    });
  }
}

/** Whether any picture is new, begins or ends to be seen, or has changed by more than a tenth. */
export function isWorthTelling(told: TrackView[], now: TrackView[]): boolean {
  return now.some(({ track, height, motion }) => {
    const known = told.find((one) => one.track === track);
    const before = known?.height;
    if (before === undefined || (before === 0) !== (height === 0) || known?.motion !== motion) return true;
    return Math.abs(height - before) > before * WORTH_TELLING;
  });
}

/** How tall a picture is that is drawn as large as it fits into a box without being cut; the box, while none is known. */
export function fittingHeight(box: { width: number; height: number }, picture: { width: number; height: number }): number {
  if (picture.width === 0 || picture.height === 0) return box.height;
  return Math.min(box.height, (box.width * picture.height) / picture.width);
}
