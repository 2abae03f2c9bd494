// The resident's page: device check, waiting room, call, goodbye. Which one is a function of the session.
import { render } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { CallView } from "../shared/call-view.tsx";
import { Facts, Heading, useFacts, useRoom } from "../shared/components.tsx";
import { Devices } from "../shared/devices.ts";
import { environmentProblem, thisEnvironment } from "../shared/environment.ts";
import { pageCatalogue } from "../shared/page.ts";
import { Room } from "../shared/room.ts";
import type { TextKey } from "../shared/texts.ts";
import { CheckView } from "./check.tsx";
import { ElsewhereView, EndedView, RefusedView } from "./over.tsx";
import { WaitingView } from "./waiting.tsx";

performance.mark("link-open");

const code = location.pathname.split("/").pop() ?? "";
const { root, texts, facts } = pageCatalogue();
const environment = thisEnvironment(facts.encryption === "require");
const section = root.dataset.section ?? "";

function App({ room }: { room: Room }) {
  const { t, office } = useFacts();
  const { session } = useRoom(room);
  const [obstacle, setObstacle] = useState(() => environmentProblem(environment));
  useLayoutEffect(() => {
    const titles: Partial<Record<typeof session.stage, TextKey>> = {
      check: "check.title",
      waiting: "waiting.title",
      ended: "ended.title",
    };
    document.title = `${t(titles[session.stage] ?? "call.title")} | ${office}`;
  }, [session.stage]);
  switch (session.stage) {
    case "waiting":
      return <WaitingView room={room} />;
    case "call":
      return <CallView room={room} heading={<Heading>{section}</Heading>} confirm={confirmTexts()} />;
    case "ended":
      return <EndedView />;
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

const room = new Room({ kind: "resident", code }, { framesWorker: facts.framesWorker, papers: facts.papers, isEncryptionWanted: facts.encryption !== "off" });
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
