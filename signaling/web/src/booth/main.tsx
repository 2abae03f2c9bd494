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
  return begun ? <CallPage {...begun} /> : <Idle onBegun={setBegun} />;
}

function Idle({ onBegun }: { onBegun(begun: Begun): void }) {
  const { t, office } = useFacts();
  const [problem, setProblem] = useState<string | null>(null);
  const [isBeginning, setBeginning] = useState(false);
  const begin = async (section: SectionOption) => {
    setBeginning(true);
    setProblem(null);
    try {
      onBegun(await beginIn(section));
    } catch (error) {
      setProblem(error instanceof Refused ? error.kind : "internal");
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
          <p>
            {problemText(problem, "message")} {problemText(problem, "advice")}
          </p>
        </div>
      )}
      <p class="hint">
        {t("booth.privacy")}
      </p>
      <p class="hint">
        {t("check.help")} <Telephone />
      </p>
    </section>
  );

  function problemText(kind: string, part: string): string {
    const key = `problem.${kind.replaceAll("-", "_")}.${part}`;
    return isTextKey(texts, key) ? t(key as TextKey) : t(`problem.internal.${part}` as TextKey);
  }
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

/** A consultation that begins here, with the right camera. */
async function beginIn({ id, name: section }: SectionOption): Promise<Begun> {
  const response = await fetch("/api/booth/calls", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ section: id }),
  });
  const body = (await response.json()) as { path?: string; type?: string };
  if (!response.ok || !body.path) throw new Refused(body.type?.split(":").pop() ?? "internal");
  const code = body.path.split("/").pop() ?? "";
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
