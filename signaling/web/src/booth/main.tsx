// A booth's page: one large button, the call, and then nothing of it any more. Runs for months in a browser that shows nothing else.
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { CallView } from "../shared/call-view.tsx";
import { Facts, Heading, Telephone, useFacts, useRoom } from "../shared/components.tsx";
import { pageCatalogue } from "../shared/page.ts";
import { Room } from "../shared/room.ts";
import { isTextKey, type TextKey } from "../shared/texts.ts";
import { EndedView, RefusedView } from "../call/over.tsx";
import { WaitingView } from "../call/waiting.tsx";
import { camerasOf, Hands } from "./hands.ts";
import { type NumberAnswer, NumberPad } from "./number.tsx";

/** The goodbye stands for so long; then the booth is as if nobody had been there. */
const GOODBYE_MS = 40_000;
/** What can't go on is left after so long, for whoever comes next. */
const TROUBLE_MS = 60_000;

interface SectionOption {
  id: string;
  name: string;
}

const { root, texts, facts } = pageCatalogue();
const name = root.dataset.booth;
const sections = JSON.parse(root.dataset.sections ?? "[]") as SectionOption[];
const documentCamera = root.dataset.documentCamera ?? "";
const hasPrinter = root.dataset.printer === "true";

/** All of the page is gone with it: what was said and shown, and the keys. */
function leave(): void {
  location.replace("/booth");
}

function App() {
  const [begun, setBegun] = useState<Begun | null>(null);
  const [isTyping, setTyping] = useState(false);
  if (begun) return <CallPage {...begun} />;
  if (isTyping) return <NumberPad onNumber={(digits) => byNumber(digits, setBegun)} onBack={() => setTyping(false)} />;
  return <Idle onBegun={setBegun} onNumber={() => setTyping(true)} />;
}

/** The call of an appointment that was made on the telephone. */
async function byNumber(number: string, onBegun: (begun: Begun) => void): Promise<NumberAnswer> {
  try {
    const answer = await asked<{ path: string; section: string } | { opens_at: number }>("/api/booth/numbers", { number });
    if ("opens_at" in answer) return { is: "early", opensAt: answer.opens_at };
    onBegun(await beginAt(answer));
    return { is: "call" };
  } catch (error) {
    return { is: "refused", words: troubleWords(error) };
  }
}

function Idle({ onBegun, onNumber }: { onBegun(begun: Begun): void; onNumber(): void }) {
  const { t, office } = useFacts();
  const [problem, setProblem] = useState<string | null>(null);
  const [isBeginning, setBeginning] = useState(false);
  const begin = async (section: SectionOption) => {
    setBeginning(true);
    setProblem(null);
    try {
      onBegun(await beginIn(section));
    } catch (error) {
      setProblem(troubleWords(error));
      setBeginning(false);
    }
  };
  const only = sections.length === 1 ? sections[0] : undefined;
  return (
    <section class="booth-idle" data-test="booth-idle">
      <p class="eyebrow">{name}</p>
      <Heading>{t("booth.heading", { office })}</Heading>
      <p class="lead">{t(only ? "booth.lead_one" : "booth.lead")}</p>
      <div class="booth-buttons" data-count={sections.length}>
        {sections.map((section) => (
          <button key={section.id} type="button" class="button primary booth-button" data-test="booth-begin" data-section={section.id} disabled={isBeginning} onClick={() => void begin(section)}>
            <span class="booth-section">{section.name}</span>
            <span>{t("booth.begin")}</span>
          </button>
        ))}
      </div>
      {problem && (
        <div class="trouble" role="alert" data-test="booth-problem">
          <p>{problem}</p>
        </div>
      )}
      <p>
        <button type="button" class="button large booth-to-number" data-test="booth-number" onClick={onNumber}>
          {t("booth.number.open")}
        </button>
      </p>
      <p class="hint">
        {t("booth.privacy")}
      </p>
      <p class="hint">
        {t("check.help")} <Telephone />
      </p>
    </section>
  );
}

/** What went wrong, and what to do. */
function troubleWords(error: unknown): string {
  const kind = error instanceof Refused ? error.kind : "internal";
  const words = (part: string) => {
    const key = `problem.${kind.replaceAll("-", "_")}.${part}`;
    return facts.t((isTextKey(texts, key) ? key : `problem.internal.${part}`) as TextKey);
  };
  return `${words("message")} ${words("advice")}`;
}

class Refused extends Error {
  readonly kind: string;

  constructor(kind: string) {
    super(kind);
    this.kind = kind;
  }
}

interface Begun {
  room: Room;
  section: string;
  code: string;
}

/** Asks the office for something that only a booth may. */
async function asked<Answer>(path: string, body: object): Promise<Answer> {
  const response = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const answer = (await response.json()) as Answer & { type?: string };
  if (!response.ok) throw new Refused(answer.type?.split(":").pop() ?? "internal");
  return answer;
}

/** A consultation that begins here. */
async function beginIn({ id, name: section }: SectionOption): Promise<Begun> {
  const { path } = await asked<{ path: string }>("/api/booth/calls", { section: id });
  return beginAt({ path, section });
}

/** The call behind a link, with the right camera. */
async function beginAt({ path, section }: { path: string; section: string }): Promise<Begun> {
  const code = path.split("/").pop() ?? "";
  const isEncryptionWanted = facts.encryption !== "off";
  const room = new Room({ kind: "resident", code }, { framesWorker: facts.framesWorker, papers: facts.papers, isEncryptionWanted });
  await room.openDevices("opening");
  const { face, document } = camerasOf(await room.devices.list(), documentCamera);
  const isOther = face !== undefined && room.devices.track("camera")?.getSettings().deviceId !== face;
  if (document !== undefined && isOther) await room.devices.choose("camera", face);
  room.talk.hands = new Hands({
    parts: { camera: document !== undefined, printer: hasPrinter },
    documentCamera,
    share: (track) => void room.share(track),
    unshare: () => room.stopScreen(),
  });
  room.dispatch({ type: "enter" });
  return { room, section, code };
}

function CallPage({ room, section, code }: Begun) {
  const { t } = useFacts();
  const { session } = useRoom(room);
  switch (session.stage) {
    case "call":
      return <CallView room={room} heading={<Heading>{name}</Heading>} confirm={confirmTexts()} />;
    case "ended":
      return (
        <Leaving afterMs={GOODBYE_MS}>
          <EndedView code={code} hadCall={session.consultation?.admitted_at !== undefined}>
            <p class="lead">{t("booth.take")}</p>
          </EndedView>
        </Leaving>
      );
    case "refused":
    case "elsewhere":
      return (
        <Leaving afterMs={TROUBLE_MS}>
          <RefusedView problem={session.refusal} texts={texts} />
        </Leaving>
      );
    default:
      return (
        <>
          <WaitingView room={room} section={section} />
          <p class="booth-leave">
            <button type="button" class="button large" data-test="booth-stop" onClick={() => room.dispatch({ type: "hang_up" })}>
              {t("booth.stop")}
            </button>
          </p>
        </>
      );
  }
}

function Leaving({ afterMs, children }: { afterMs: number; children: preact.ComponentChildren }) {
  const { t } = useFacts();
  useEffect(() => {
    const timer = setTimeout(leave, afterMs);
    return () => clearTimeout(timer);
  }, []);
  return (
    <>
      {children}
      <p class="booth-leave">
        <button type="button" class="button primary large" data-test="booth-leave" onClick={leave}>
          {t("booth.leave")}
        </button>
      </p>
    </>
  );
}

function confirmTexts() {
  const { t } = facts;
  return {
    title: t("talk.confirm.title"),
    text: t("talk.confirm.text"),
    yes: t("talk.confirm.yes"),
    no: t("talk.confirm.no"),
  };
}

function NotABooth() {
  return <RefusedView problem={{ type: "urn:madoguchi:problem:not-a-booth", title: "", status: 401 }} texts={texts} />;
}

/** The link's token makes this browser the booth's. */
async function register(token: string): Promise<boolean> {
  const response = await fetch("/api/booth", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
  return response.ok;
}

async function start(): Promise<void> {
  const token = location.hash.slice(1);
  if (token !== "" && (await register(token))) return leave();
  render(<Facts.Provider value={facts}>{name === undefined ? <NotABooth /> : <App />}</Facts.Provider>, root);
}

// The link may be opened where this page is open already.
addEventListener("hashchange", () => void start());
void start();
