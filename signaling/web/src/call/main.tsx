// The resident's page, and a guest's: device check, waiting room, call, goodbye. Which one is a function of the session.
import { render } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { CallView } from "../shared/call-view.tsx";
import { Facts, Heading, useFacts, useRoom } from "../shared/components.tsx";
import { Devices } from "../shared/devices.ts";
import { environmentProblem, thisEnvironment } from "../shared/environment.ts";
import { HeldView } from "../shared/held.tsx";
import { pageCatalogue } from "../shared/page.ts";
import { Room } from "../shared/room.ts";
import type { Session } from "../shared/session.ts";
import type { TextKey } from "../shared/texts.ts";
import { CheckView } from "./check.tsx";
import { ElsewhereView, EndedView, GuestEndedView, RefusedView } from "./over.tsx";
import { WaitingView } from "./waiting.tsx";

performance.mark("link-open");

const code = location.pathname.split("/").pop() ?? "";
const { root, texts, facts } = pageCatalogue();
const environment = thisEnvironment(facts.encryption === "require");
const isGuest = root.dataset.guest !== undefined;

function App({ room }: { room: Room }) {
  const { t, office, sections } = useFacts();
  const { session } = useRoom(room);
  // Whose business it is may change in the middle.
  const section = (session.consultation && sections.get(session.consultation.section)) ?? root.dataset.section ?? "";
  const isCalled = session.stage === "waiting" && session.consultation?.phase === "admitted";
  const [obstacle, setObstacle] = useState(() => environmentProblem(environment));
  useLayoutEffect(() => {
    const titles: Partial<Record<typeof session.stage, TextKey>> = {
      check: "check.title",
      waiting: "waiting.title",
      held: "held.title",
      ended: "ended.title",
    };
    document.title = `${t(isCalled ? "waiting.called" : (titles[session.stage] ?? "call.title"))} | ${office}`;
  }, [session.stage, isCalled]);
  switch (session.stage) {
    case "waiting":
      return <WaitingView room={room} section={section} />;
    case "call":
      return (
        <CallView
          room={room}
          heading={<Heading>{section}</Heading>}
          goes={isGuest ? t("talk.confirm.leave.yes") : undefined}
          confirm={isGuest ? leaveTexts() : confirmTexts()}
        />
      );
    case "held":
      return <HeldView room={room} confirm={isGuest ? leaveTexts() : confirmTexts()} />;
    case "ended":
      return isGuest ? <GuestEndedView /> : <EndedView code={code} hadCall={hadCall(session)} />;
    case "refused":
      return <RefusedView problem={session.refusal} texts={texts} />;
    case "elsewhere":
      return <ElsewhereView />;
    default:
      return (
        <CheckView room={room} environment={environment} obstacle={obstacle} onIgnoreObstacle={() => setObstacle(null)} />
      );
  }
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

function leaveTexts() {
  const { t } = facts;
  return {
    title: t("talk.confirm.leave.title"),
    text: t("talk.confirm.leave.text"),
    yes: t("talk.confirm.leave.yes"),
    no: t("talk.confirm.no"),
  };
}

/** Whether there was a call at all before the end: only then there is something to say of it. */
function hadCall({ consultation, ending }: Session): boolean {
  return consultation?.admitted_at !== undefined || (ending !== null && consultation?.phase === "admitted");
}

const room = new Room({ kind: isGuest ? "guest" : "resident", code }, { framesWorker: facts.framesWorker, papers: facts.papers, isEncryptionWanted: facts.encryption !== "off" });
render(
  <Facts.Provider value={facts}>
    <App room={room} />
  </Facts.Provider>,
  root,
);

/** Allowed before: no need to explain and ask, and after a reload in a call every moment counts. */
async function openIfAllowed(): Promise<void> {
  if (environmentProblem(environment) !== null || !(await Devices.isAllowed())) return;
  await room.openDevices("opening");
}

void openIfAllowed();
