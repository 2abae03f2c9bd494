// The waiting room: where one stands, since when, and that nothing needs to be done.
import { Heading, OwnVideo, Telephone, useFacts, useTick, useWakeLock } from "../shared/components.tsx";
import { duration, timeOf } from "../shared/format.ts";
import { ownPerson, plateOf } from "../shared/people.ts";
import type { Room } from "../shared/room.ts";

export function WaitingView({ room, section }: { room: Room; section: string }) {
  const { t, lang, sections } = useFacts();
  useTick();
  useWakeLock();
  const { session } = room;
  const since = session.consultation?.waiting_since;
  const camera = room.devices.track("camera");
  const own = session.consultation && ownPerson(session.consultation, "");
  return (
    <section class="narrow waiting" data-test="waiting">
      <Heading>{t("waiting.title")}</Heading>
      <div class="waiting-card">
        <p class="waiting-place" role="status">
          {place(room, t)}
        </p>
        {session.link !== "lost" && <Wait room={room} />}
        {since !== undefined && (
          <p class="waiting-since">
            {t("waiting.since", { time: timeOf(t, lang, since), duration: duration(t, room.now() - since) })}
          </p>
        )}
        <span class="waiting-dots" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
      </div>
      <p class="lead" data-test="who-answers">
        {own && session.role === "guest"
          ? t("waiting.guest_who", { section, part: plateOf(t, sections, own) })
          : t("waiting.who", { section })}
      </p>
      <p class="lead">{t(session.role === "guest" ? "waiting.guest" : "waiting.stay")}</p>
      {camera && (
        <div class="preview small">
          <OwnVideo track={camera} label={t("check.preview")} />
        </div>
      )}
      {session.devices === "failed" && (
        <div class="trouble" role="status">
          <p>{t("talk.device_lost")}</p>
          <button type="button" class="button" onClick={() => void room.openDevices("asking")}>
            {t("talk.device_again")}
          </button>
        </div>
      )}
      <p class="hint">{t(session.role === "guest" ? "waiting.guest_come_back" : "waiting.come_back")}</p>
      <p class="hint">
        {t("check.help")} <Telephone />
      </p>
    </section>
  );
}

/** About how long it will take, where that can be said at all. */
function Wait({ room }: { room: Room }) {
  const { t } = useFacts();
  const minutes = room.session.consultation?.call?.wait_minutes;
  if (minutes === undefined || room.session.consultation?.phase !== "waiting") return null;
  return (
    <p class="waiting-about" data-test="wait" data-minutes={minutes}>
      {minutes > LONGEST_TOLD_MINUTES ? t("waiting.wait_long") : t("waiting.wait", { n: minutes })}
    </p>
  );
}

/** As `protocol::seats::MAX_WAIT_MINUTES`. */
const LONGEST_TOLD_MINUTES = 60;

function place({ session }: Room, t: ReturnType<typeof useFacts>["t"]): string {
  if (session.link === "lost") return t("talk.reconnecting");
  const { consultation } = session;
  if (consultation?.phase === "admitted") return t("talk.connecting");
  if (consultation?.phase !== "waiting") return t("waiting.entering");
  const { ahead } = consultation;
  if (ahead === undefined) return t(session.role === "guest" ? "waiting.guest_place" : "waiting.title");
  return ahead === 0 ? t("waiting.next") : t("waiting.ahead", { n: ahead });
}
