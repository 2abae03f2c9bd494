// A paper on the stage: the page that is shown to all, who points where, and one's own magnifying glass.
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { Icon, useFacts } from "../../shared/components.tsx";
import type { Room } from "../../shared/room.ts";
import { lines, type TextKey } from "../../shared/texts.ts";
import { isUnderWay, type PrintState } from "../booth.ts";
import type { PaperProblem } from "./limits.ts";
import { type Page, type Paper, paperOf, progress } from "./shelf.ts";
import { steppedZoom, usePinch } from "./zoom.ts";

/** The paper that is shown now. */
export function shownPaper(room: Room): Paper | undefined {
  const { shelf } = room.talk.papers;
  return shelf.showing ? paperOf(shelf, shelf.showing.paper) : undefined;
}

export function PaperView({ room }: { room: Room }) {
  const { t } = useFacts();
  const { papers } = room.talk;
  const { shelf } = papers;
  const paper = shownPaper(room);
  const [zoom, setZoom] = useState(1);
  const number = shelf.showing?.page ?? 0;
  useEffect(() => setZoom(1), [paper?.id]);
  if (!paper) return null;
  const label = t("paper.label", { name: paper.name, page: number + 1, pages: paper.pages.length });
  const page = paper.pages[number] ?? null;
  const share = progress(paper);
  return (
    <section
      class="focus paper"
      data-test="paper"
      data-page={number}
      data-ready={page !== null}
      aria-label={label}
      onKeyDown={(event) => {
        const next = { "+": 1, ";": 1, "-": -1 }[event.key];
        if (next !== undefined && !event.ctrlKey && !event.metaKey) setZoom(steppedZoom(zoom, next));
        if (papers.mayShow(paper.id) && event.key === "PageDown") papers.show(paper.id, Math.min(number + 1, paper.pages.length - 1));
        if (papers.mayShow(paper.id) && event.key === "PageUp") papers.show(paper.id, Math.max(number - 1, 0));
      }}
    >
      <p class="visually-hidden" role="status">
        {label}
      </p>
      {page ? (
        <PageView key={`${paper.id}/${number}`} room={room} paper={paper} number={number} page={page} label={label} zoom={zoom} setZoom={setZoom} />
      ) : (
        <div class="paper-wait">
          <label>
            {t("paper.coming")}
            <progress data-test="paper-progress" max={1} value={share} />
          </label>
        </div>
      )}
      <PaperBar room={room} paper={paper} number={number} zoom={zoom} setZoom={setZoom} />
    </section>
  );
}

interface PageProps {
  room: Room;
  paper: Paper;
  number: number;
  page: Page;
  label: string;
  zoom: number;
  setZoom(zoom: number): void;
}

function PageView({ room, paper, number, page, label, zoom, setZoom }: PageProps) {
  const { t } = useFacts();
  const [isBroken, setBroken] = useState(false);
  const canvas = useRef<HTMLCanvasElement>(null);
  const view = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    let isGone = false;
    // Drawn on a canvas: no address of it exists that could be kept or passed on.
    void createImageBitmap(new Blob([page.bytes], { type: `image/${page.format}` })).then(
      (bitmap) => {
        const context = canvas.current?.getContext("2d");
        if (!isGone && canvas.current && context) {
          canvas.current.width = bitmap.width;
          canvas.current.height = bitmap.height;
          context.drawImage(bitmap, 0, 0);
          canvas.current.dataset.drawn = "true";
        }
        bitmap.close();
      },
      () => !isGone && setBroken(true),
    );
    const element = canvas.current;
    return () => {
      isGone = true;
      if (element) element.width = 0;
    };
  }, [page]);
  usePinch(view, zoom, setZoom);
  const pointAt = (event: PointerEvent) => {
    const box = canvas.current?.getBoundingClientRect();
    if (!box || box.width === 0) return;
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    room.talk.papers.point(x >= 0 && x <= 1 && y >= 0 && y <= 1 ? { x, y } : null);
  };
  if (isBroken) return <p class="paper-wait">{t("paper.unreadable")}</p>;
  return (
    <div
      class="paper-scroll"
      ref={view}
      tabIndex={0}
      role="group"
      aria-label={t("paper.page_area")}
      onPointerMove={(event) => event.pointerType !== "touch" && pointAt(event)}
      onPointerDown={pointAt}
      onPointerLeave={(event) => event.pointerType !== "touch" && room.talk.papers.point(null)}
    >
      <div class="paper-page" ref={(element) => sized(element, page, zoom)}>
        <canvas ref={canvas} role="img" aria-label={label} data-test="paper-page" />
        <Pointers room={room} paper={paper} number={number} />
      </div>
    </div>
  );
}

/** By script: the policy allows no style in the page itself. */
function sized(element: HTMLElement | null, { width, height }: Page, zoom: number): void {
  element?.style.setProperty("--shape", String(width / height));
  element?.style.setProperty("--zoom", String(zoom));
}

function Pointers({ room, paper, number }: { room: Room; paper: Paper; number: number }) {
  const [, redraw] = useReducer((count: number, _: undefined) => count + 1, 0);
  useEffect(() => room.talk.onPointers(() => redraw(undefined)), [room]);
  const all = [...room.talk.papers.pointers].filter(([, one]) => one.paper === paper.id && one.page === number);
  return (
    <>
      {all.map(([participant, { x, y }]) => (
        <span
          key={participant}
          class="paper-pointer"
          data-test="paper-pointer"
          data-mine={participant === room.session.me}
          data-x={x.toFixed(3)}
          data-y={y.toFixed(3)}
          ref={(element) => {
            element?.style.setProperty("left", `${x * 100}%`);
            element?.style.setProperty("top", `${y * 100}%`);
          }}
        />
      ))}
    </>
  );
}

interface BarProps {
  room: Room;
  paper: Paper;
  number: number;
  zoom: number;
  setZoom(zoom: number): void;
}

function PaperBar({ room, paper, number, zoom, setZoom }: BarProps) {
  const { t } = useFacts();
  const { papers } = room.talk;
  const mayShow = papers.mayShow(paper.id);
  const others = papers.shelf.papers.filter((one) => one.id !== paper.id && papers.mayShow(one.id));
  const last = paper.pages.length - 1;
  const show = (page: number) => papers.show(paper.id, page);
  return (
    <div class="paper-bar">
      {mayShow && last > 0 && (
        <button type="button" class="tool-button" data-test="page-back" disabled={number === 0} onClick={() => show(number - 1)}>
          <Icon name="back" />
          {t("paper.back")}
        </button>
      )}
      <span class="paper-number" data-test="page-number">
        {number + 1}／{paper.pages.length}
      </span>
      {mayShow && last > 0 && (
        <button type="button" class="tool-button" data-test="page-next" disabled={number === last} onClick={() => show(number + 1)}>
          {t("paper.next")}
          <Icon name="next" />
        </button>
      )}
      <button type="button" class="tool-button" data-test="zoom-in" disabled={steppedZoom(zoom, 1) === zoom} onClick={() => setZoom(steppedZoom(zoom, 1))}>
        <Icon name="plus" />
        {t("paper.larger")}
      </button>
      <button type="button" class="tool-button" data-test="zoom-out" disabled={zoom === 1} onClick={() => setZoom(steppedZoom(zoom, -1))}>
        <Icon name="minus" />
        {t("paper.smaller")}
      </button>
      <PrintButton room={room} paper={paper} />
      {others.map((one) => (
        <button key={one.id} type="button" class="tool-button" data-test="paper-other" onClick={() => papers.show(one.id, 0)}>
          <Icon name="paper" />
          <span class="paper-name">{one.name}</span>
        </button>
      ))}
      {mayShow && (
        <button type="button" class="tool-button" data-test="paper-away" onClick={() => papers.putAway(paper.id)}>
          <Icon name="close" />
          {t("paper.away")}
        </button>
      )}
    </div>
  );
}

/** Where somebody sits in a booth with a printer: prints the paper there, and says how that goes. */
function PrintButton({ room, paper }: { room: Room; paper: Paper }) {
  const { t } = useFacts();
  const { talk } = room;
  const state = talk.prints.get(paper.id);
  const words = state && <span data-test="print-state" data-state={state} role="status">{t(PRINT_TEXTS[state])}</span>;
  const hasPrinter = talk.hands === null && [...talk.booths.values()].some((booth) => booth.printer);
  if (!hasPrinter) return talk.hands ? words ?? null : null;
  return (
    <>
      <button type="button" class="tool-button" data-test="print" disabled={isUnderWay(state) || !paper.pages.every(Boolean)} onClick={() => talk.print(paper.id)}>
        <Icon name="paper" />
        {t("booth.print")}
      </button>
      {words}
    </>
  );
}

const PRINT_TEXTS: Record<PrintState, TextKey> = {
  asked: "booth.print.asked",
  printing: "booth.print.printing",
  done: "booth.print.done",
  away: "booth.print.away",
  no_paper: "booth.print.no_paper",
  jam: "booth.print.jam",
  open: "booth.print.open",
  no_ink: "booth.print.no_ink",
  busy: "booth.print.busy",
  stopped: "booth.print.stopped",
  unknown: "booth.print.unknown",
  not_pages: "booth.print.failed",
  failed: "booth.print.failed",
};

/** What is wrong with a file, and what to do; and that one is being opened. */
export function PaperNews({ room }: { room: Room }) {
  const { t } = useFacts();
  const { papers } = room.talk;
  if (papers.problem) return <PaperTrouble problem={papers.problem} onClose={() => papers.dismiss()} />;
  if (papers.opening === null) return null;
  return (
    <div class="trouble plain" role="status" data-test="paper-opening">
      <p>{t("paper.opening", { name: papers.opening })}</p>
    </div>
  );
}

const TROUBLE: Record<PaperProblem, TextKey> = {
  too_large: "paper.trouble.too_large",
  too_long: "paper.trouble.too_long",
  locked: "paper.trouble.locked",
  broken: "paper.trouble.broken",
  unknown: "paper.trouble.unknown",
  heic: "paper.trouble.heic",
  full: "paper.trouble.full",
  empty: "paper.trouble.empty",
  no_program: "paper.trouble.no_program",
};

function PaperTrouble({ problem, onClose }: { problem: PaperProblem; onClose(): void }) {
  const { t } = useFacts();
  return (
    <div class="trouble" role="alert" data-test="paper-trouble" data-problem={problem}>
      <div>
        {lines(t(TROUBLE[problem])).map((line) => (
          <p key={line}>{line}</p>
        ))}
      </div>
      <button type="button" class="button" data-test="paper-trouble-close" onClick={onClose}>
        {t("paper.trouble.close")}
      </button>
    </div>
  );
}
