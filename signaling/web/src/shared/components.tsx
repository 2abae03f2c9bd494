// Small parts that the resident's and the staff's pages share. Each is a function of what it is given.
import { type ComponentChildren, createContext, type RefObject } from "preact";
import { useContext, useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { Meter } from "./meter.ts";
import type { PaperPrograms } from "../talk/papers/papers.ts";
import type { Quality } from "./protocol.ts";
import type { Room } from "./room.ts";
import type { Translate } from "./texts.ts";

/** What every view needs to know of the page. */
export interface PageFacts {
  t: Translate;
  lang: string;
  telephone: string;
  office: string;
  /** `require`, `allow` or `off`: what the office wants of calls. */
  encryption: string;
  /** The address of the script through which encrypted frames go. */
  framesWorker: string;
  /** Where the programs lie that turn a file into pages. */
  papers: PaperPrograms;
  /** Names of sections, by id. */
  sections: Map<string, string>;
}

export const Facts = createContext<PageFacts>({
  t: (key) => key,
  lang: "ja",
  telephone: "",
  office: "",
  encryption: "require",
  framesWorker: "",
  papers: { program: "", worker: "", tables: "" },
  sections: new Map(),
});
export const useFacts = () => useContext(Facts);

/** Draws anew whenever the room changes. */
export function useRoom(room: Room): Room {
  const [, redraw] = useReducer((count: number, _: undefined) => count + 1, 0);
  useEffect(() => room.subscribe(() => redraw(undefined)), [room]);
  return room;
}

/** Draws anew once a second, for waiting times. */
export function useTick(): void {
  const [, redraw] = useReducer((count: number, _: undefined) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => redraw(undefined), 1000);
    return () => clearInterval(timer);
  }, []);
}

/** Keeps the screen lit while a view is open, where the browser can. */
export function useWakeLock(): void {
  useEffect(() => {
    let lock: WakeLockSentinel | null = null;
    let isGone = false;
    const take = async () => {
      if (document.visibilityState !== "visible" || isGone) return;
      // Refused to save power: the page works without.
      lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
      if (isGone) await lock?.release();
    };
    void take();
    document.addEventListener("visibilitychange", take);
    return () => {
      isGone = true;
      document.removeEventListener("visibilitychange", take);
      void lock?.release();
    };
  }, []);
}

/** A view's heading. It takes the focus when the view replaces another one, so that it is read out. */
export function Heading({ children }: { children: ComponentChildren }) {
  const ref = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    if (hasViewBefore) ref.current?.focus({ preventScroll: true });
    hasViewBefore = true;
    window.scrollTo(0, 0);
  }, []);
  return (
    <h1 ref={ref} tabIndex={-1}>
      {children}
    </h1>
  );
}
/** The first view of a page must not take the focus away from where the browser put it. */
let hasViewBefore = false;

export function Telephone({ isLarge = false }: { isLarge?: boolean }) {
  const { telephone } = useFacts();
  return (
    <a class={isLarge ? "telephone large" : "telephone"} href={`tel:${telephone}`}>
      {telephone}
    </a>
  );
}

/** A short label that breaks after を, where Japanese would, and not within a word. */
export function Label({ children }: { children: string }) {
  return (
    <span class="label">
      {children.split(/(?<=を)/).map((part, i) => (
        <>
          {i > 0 && <wbr />}
          {part}
        </>
      ))}
    </span>
  );
}

export function Notice({ kind, children }: { kind: "error" | "info" | "good"; children: ComponentChildren }) {
  const mark = { error: "！", info: "i", good: "✓" }[kind];
  return (
    <div class="notice" data-kind={kind}>
      <span class="notice-mark" aria-hidden="true">
        {mark}
      </span>
      <div>{children}</div>
    </div>
  );
}

const ICONS = {
  microphone: "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3M6 11v1a6 6 0 0 0 12 0v-1M12 18v3M8.5 21h7",
  camera: "M4 7h10a1.5 1.5 0 0 1 1.5 1.5v7A1.5 1.5 0 0 1 14 17H4a1.5 1.5 0 0 1-1.5-1.5v-7A1.5 1.5 0 0 1 4 7M15.5 11l6-3.2v8.4l-6-3.2",
  hangup: "M2.5 14.5c0-1 .4-1.9 1.3-2.6 4.7-3.9 11.7-3.9 16.4 0 .9.7 1.3 1.6 1.3 2.600v1.200c0 .6-.5 1-1.1.9l-3.4-.6c-.5-.1-.8-.5-.8-1v-1.900a13 13 0 0 0-8.4 0V15c0 .5-.3.9-.8 1l-3.4.6c-.6.1-1.1-.3-1.1-.9z",
  sound: "M4 9.500v5h3.500l5 4v-13l-5 4zM16 9a4 4 0 0 1 0 6M18.5 6.500a8 8 0 0 1 0 11",
  lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3M12 14.500v2",
  chat: "M4 5h16v11h-8.500L7 20.500V16H4zM8 9h8M8 12.500h5",
  more: "M4 12a1 1 0 1 0 2 0a1 1 0 1 0-2 0M11 12a1 1 0 1 0 2 0a1 1 0 1 0-2 0M18 12a1 1 0 1 0 2 0a1 1 0 1 0-2 0",
  paper: "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
  screen: "M3 5h18v11H3zM9 20h6M12 16v4",
  turn: "M5 9a7.500 7.500 0 0 1 13-2.500l2 2M20 4v4.500h-4.500M19 15a7.500 7.500 0 0 1-13 2.500l-2-2M4 20v-4.500h4.500",
  hand: "M8 13V5.500a1.500 1.500 0 0 1 3 0V11M11 11V4.500a1.500 1.500 0 0 1 3 0V11M14 11V6a1.500 1.500 0 0 1 3 0v8.500a6.500 6.500 0 0 1-12 3.500l-2-4.200a1.500 1.500 0 0 1 2.600-1.500L8 15",
  captions: "M3 6h18v12H3zM7 11h4M13 11h4M7 14.500h6M15 14.500h2",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  back: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  close: "M6 6l12 12M18 6L6 18",
  people: "M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7M2.500 20c0-3.600 2.900-6 6.500-6s6.500 2.400 6.500 6M16 4.300a3.500 3.500 0 0 1 0 6.400M17.500 14.300c2.400.7 4 2.700 4 5.700",
  invite: "M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7M2.500 20c0-3.600 2.900-6 6.500-6s6.500 2.400 6.500 6M19 8v6M16 11h6",
  hold: "M8 5v14M16 5v14",
  transfer: "M3 8h15M14 4l4 4-4 4M21 16H6M10 12l-4 4 4 4",
  note: "M6 3h9l4 4v14H6zM9.500 11h6M9.500 15h6",
  office: "M4 21V8l8-5 8 5v13zM9 21v-6h6v6M9 11h.01M15 11h.01",
  blur: "M12 4v.01M7 6v.01M17 6v.01M4 11v.01M20 11v.01M7 16v.01M17 16v.01M12 20v.01M12 9a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7",
  pin: "M9 3h6l-1 6 4 4H6l4-4zM12 13v8",
  unlock: "M6 11h12v9H6zM8.500 11V7a3.500 3.500 0 0 1 6.800-1.200M12 14.500v2",
} as const;

export function Icon({ name, isCrossed = false }: { name: keyof typeof ICONS; isCrossed?: boolean }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={ICONS[name]} />
      {isCrossed && <path d="M4 3.500l16 17" />}
    </svg>
  );
}

const BARS: Record<Quality, number> = { excellent: 3, good: 2, poor: 1, lost: 0 };

/** Three bars, as phones show their signal; crossed when there is none. Words stand beside it. */
export function SignalBars({ quality }: { quality: Quality }) {
  const full = BARS[quality];
  return (
    <svg class="icon bars" viewBox="0 0 24 24" aria-hidden="true">
      {[0, 1, 2].map((n) => (
        <rect key={n} x={3 + 7 * n} y={15 - 5 * n} width="4" height={6 + 5 * n} data-full={n < full} />
      ))}
      {full === 0 && <path d="M4 3.500l16 17" />}
    </svg>
  );
}

/** A picture of a track. Mirrored, because people know themselves from mirrors, unless it is to be read. */
export function OwnVideo(
  { track, label, hook, isMirrored = true }: { track: MediaStreamTrack | null; label: string; hook?: string; isMirrored?: boolean },
) {
  const ref = useRef<HTMLVideoElement>(null);
  useLayoutEffect(() => {
    if (ref.current) ref.current.srcObject = track ? new MediaStream([track]) : null;
  }, [track]);
  return <video ref={ref} class={isMirrored ? "mirrored" : undefined} data-test={hook} aria-label={label} autoplay playsInline muted />;
}

/** The bar that shows that a voice arrives, with words once it has. */
export function LevelBar({ track }: { track: MediaStreamTrack }) {
  const { t } = useFacts();
  const bar = useRef<HTMLDivElement>(null);
  const [isHeard, setHeard] = useState(false);
  useEffect(() => {
    const meter = new Meter(track);
    let frame = 0;
    let loudFrames = 0;
    const draw = () => {
      const level = meter.level();
      bar.current?.style.setProperty("--level", level.toFixed(2));
      loudFrames = level > 0.4 ? loudFrames + 1 : loudFrames;
      if (loudFrames > 8) setHeard(true);
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => {
      cancelAnimationFrame(frame);
      meter.close();
    };
  }, [track]);
  return (
    <div class="level">
      <Icon name="microphone" />
      <div class="level-bar" ref={bar} role="img" aria-label={t("check.meter")} />
      <p class="level-words" role="status">
        {isHeard ? `✓ ${t("check.heard")}` : t("check.speak")}
      </p>
    </div>
  );
}

export interface ConfirmTexts {
  title: string;
  text: string;
  yes: string;
  no: string;
}

/** A question before something that can't be undone. Open it with `ref.current.showModal()`. */
export function Confirm({ dialog, texts, onYes }: { dialog: RefObject<HTMLDialogElement | null>; texts: ConfirmTexts; onYes(): void }) {
  const close = () => dialog.current?.close();
  return (
    <dialog ref={dialog} class="confirm" aria-labelledby="confirm-title" aria-describedby="confirm-text">
      <h2 id="confirm-title">{texts.title}</h2>
      <p id="confirm-text">{texts.text}</p>
      <div class="buttons">
        <button type="button" class="button large" onClick={close}>
          {texts.no}
        </button>
        <button
          type="button"
          class="button danger large"
          data-test="confirm"
          onClick={() => {
            close();
            onYes();
          }}
        >
          {texts.yes}
        </button>
      </div>
    </dialog>
  );
}
