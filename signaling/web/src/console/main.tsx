// The staff's page: the console, and in its place the call while there is one.
import { render } from "preact";
import { useEffect } from "preact/hooks";
import { CallView } from "../shared/call-view.tsx";
import { Facts, Heading, useFacts, useRoom } from "../shared/components.tsx";
import { pageCatalogue } from "../shared/page.ts";
import { AlsoWaiting } from "./also-waiting.tsx";
import { Console } from "./console.ts";
import { wantsPicture } from "./host.ts";
import { HostPanel } from "./host.tsx";
import { ringsFor } from "./ring.tsx";
import { waitingCount } from "./list.ts";
import { ConsoleView, type Desk, nameOf, ProblemNotice, useConsole } from "./views.tsx";

const { root, texts, facts } = pageCatalogue();
const desk: Desk = {
  staff: root.dataset.staff ?? "",
  texts,
  sections: [...document.querySelectorAll<HTMLElement>("#sections li")].map((item) => ({
    id: item.dataset.id ?? "",
    name: item.textContent ?? "",
    isOwn: item.dataset.own !== undefined,
  })),
};

function App({ model }: { model: Console }) {
  const { t, office } = useFacts();
  const { session } = useRoom(model.room);
  useConsole(model);
  const waiting = waitingCount(model.list);
  const isRinging = ringsFor(model.list, desk.staff, model.room.now()).length > 0;
  useEffect(() => {
    const title = `${t("staff.title")} | ${office}`;
    const counted = waiting > 0 ? t("staff.badge", { n: waiting, title }) : title;
    document.title = isRinging ? t("ring.badge", { title: counted }) : counted;
  }, [waiting, isRinging]);
  useEffect(() => {
    if (session.stage === "login") location.assign("/staff/login");
  }, [session.stage]);
  if (session.stage === "call") return <Call model={model} />;
  if (session.stage === "elsewhere") return <Elsewhere />;
  if (session.stage === "refused" && session.refusal) return <Refused model={model} />;
  return <ConsoleView model={model} desk={desk} />;
}

function Call({ model }: { model: Console }) {
  const { t } = useFacts();
  const { consultation, room } = model.room.session;
  const section = consultation?.section ?? model.list.find((one) => one.id === room)?.section ?? "";
  const isHost = consultation?.staff === desk.staff;
  return (
    <CallView
      room={model.room}
      heading={<Heading>{t("staff.call.title", { section: nameOf(desk, section, t("staff.section_unknown")) })}</Heading>}
      goes={isHost ? undefined : t("host.leave")}
      confirm={
        isHost
          ? {
              title: t("staff.end_confirm.title"),
              text: t("staff.end_confirm.text"),
              yes: t("staff.end_confirm.yes"),
              no: t("staff.end_confirm.no"),
            }
          : {
              title: t("talk.confirm.leave.title"),
              text: t("staff.leave_confirm.text"),
              yes: t("talk.confirm.leave.yes"),
              no: t("talk.confirm.no"),
            }
      }
    >
      <HostPanel model={model} desk={desk} />
      <AlsoWaiting model={model} desk={desk} />
    </CallView>
  );
}

function Elsewhere() {
  const { t } = useFacts();
  return (
    <section class="narrow">
      <Heading>{t("refused.elsewhere.title")}</Heading>
      <button type="button" class="button primary large" onClick={() => location.reload()}>
        {t("refused.elsewhere.button")}
      </button>
    </section>
  );
}

function Refused({ model }: { model: Console }) {
  const { t } = useFacts();
  const problem = model.room.session.refusal;
  return (
    <section class="narrow">
      {problem && <ProblemNotice problem={problem} desk={desk} />}
      <button type="button" class="button primary large" onClick={() => location.reload()}>
        {t("refused.reload")}
      </button>
    </section>
  );
}

const csrf = document.querySelector<HTMLMetaElement>("meta[name=csrf]")?.content ?? "";
const model = new Console(csrf, {
  framesWorker: facts.framesWorker,
  papers: facts.papers,
  isEncryptionWanted: facts.encryption !== "off",
  staff: desk.staff,
});
if (wantsPicture()) {
  const own = desk.sections.find((one) => one.isOwn);
  void model.host.showPicture({ office: facts.office, section: own?.name ?? "" });
}
render(
  <Facts.Provider value={facts}>
    <App model={model} />
  </Facts.Provider>,
  root,
);
