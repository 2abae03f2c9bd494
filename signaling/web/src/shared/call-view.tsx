// The call as both sides see it: the other person large, oneself small, three buttons with words.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Confirm, type ConfirmTexts, Icon, OwnVideo, useFacts, useRoom, useTick, useWakeLock } from "./components.tsx";
import type { Remote } from "./connections.ts";
import type { PartName } from "./devices.ts";
import { stopwatch } from "./format.ts";
import type { Room } from "./room.ts";
import { type CallStatus, callStatus, type Session } from "./session.ts";
import type { TextKey } from "./texts.ts";

const STATUS_TEXTS: Record<Exclude<CallStatus, "talking">, TextKey> = {
  connecting: "talk.connecting",
  preparing: "talk.preparing",
  reconnecting: "talk.reconnecting",
  alone: "talk.waiting_other",
};

function isMuted(session: Session, remote: Remote, source: "camera" | "microphone"): boolean {
  return session.othersMuted.includes(`${remote.participant}/${source}`);
}

interface CallViewProps {
  room: Room;
  heading: ComponentChildren;
  confirm: ConfirmTexts;
  /** Under the call, for what only one side has. */
  children?: ComponentChildren;
}

export function CallView({ room, heading, confirm, children }: CallViewProps) {
  const { t } = useFacts();
  const { session, remotes } = useRoom(room);
  const dialog = useRef<HTMLDialogElement>(null);
  useWakeLock();
  useLayoutEffect(() => {
    document.body.classList.add("in-call");
    return () => document.body.classList.remove("in-call");
  }, []);
  const status = callStatus(session);
  return (
    <section class="call" data-test="call" data-status={status}>
      <header class="call-head">
        {heading}
        <Elapsed room={room} />
      </header>
      <div class="stage">
        {remotes.map((remote) => (
          <RemoteView key={remote.participant} remote={remote} session={session} />
        ))}
        {remotes.length === 0 && <div class="stage-empty" />}
        <StatusLine session={session} status={status} isPoor={room.isPoor} />
        <OwnView room={room} />
      </div>
      <DeviceTrouble room={room} />
      <div class="controls">
        <Switch room={room} part="microphone" />
        <Switch room={room} part="camera" />
        <button type="button" class="control danger" data-test="hang-up" onClick={() => dialog.current?.showModal()}>
          <Icon name="hangup" />
          <span>{t("talk.hang_up")}</span>
        </button>
      </div>
      {children}
      <Confirm dialog={dialog} texts={confirm} onYes={() => room.dispatch({ type: "hang_up" })} />
    </section>
  );
}

function Elapsed({ room }: { room: Room }) {
  const { t } = useFacts();
  useTick();
  const since = room.session.consultation?.admitted_at;
  if (since === undefined) return null;
  return <p class="elapsed">{t("talk.since", { duration: stopwatch(room.now() - since) })}</p>;
}

/** One line over the picture while something is not as it should be. */
function StatusLine({ session, status, isPoor }: { session: Session; status: CallStatus; isPoor: boolean }) {
  const { t } = useFacts();
  // Sound and picture may go on while only the link to the server is away.
  const shown: CallStatus = status === "talking" && session.link === "lost" ? "reconnecting" : status;
  const isTalking = shown === "talking";
  return (
    <div class="status" role="status" data-shown={!isTalking || isPoor}>
      {!isTalking && (
        <p class="status-line">
          <span class="spinner" aria-hidden="true" />
          {t(STATUS_TEXTS[shown])}
        </p>
      )}
      {shown === "reconnecting" && <p class="status-hint">{t("talk.reconnecting_hint")}</p>}
      {isTalking && isPoor && <p class="status-hint">{t("talk.poor")}</p>}
    </div>
  );
}

function RemoteView({ remote, session }: { remote: Remote; session: Session }) {
  const { t } = useFacts();
  const video = useRef<HTMLVideoElement>(null);
  const audio = useRef<HTMLAudioElement>(null);
  const [hasPicture, setPicture] = useState(false);
  const [isBlocked, setBlocked] = useState(false);
  const play = () => {
    // The picture has no sound of its own, so browsers always let it play.
    void video.current?.play().catch(() => undefined);
    audio.current?.play().then(
      () => setBlocked(false),
      (error: unknown) => setBlocked(error instanceof DOMException && error.name === "NotAllowedError"),
    );
  };
  useEffect(() => {
    if (!video.current || !audio.current) return;
    video.current.srcObject = remote.picture;
    audio.current.srcObject = remote.sound;
    onFirstFrame(video.current, () => {
      setPicture(true);
      if (performance.getEntriesByName("first-remote-frame").length === 0) performance.mark("first-remote-frame");
    });
    play();
  }, [remote]);
  const isCameraOff = isMuted(session, remote, "camera");
  return (
    <div class="remote" data-picture={hasPicture && !isCameraOff}>
      <video ref={video} data-test="remote-video" aria-label={t("talk.remote")} autoplay playsInline muted />
      <audio ref={audio} autoplay />
      {isCameraOff && <p class="remote-words">{t("talk.remote_camera_off")}</p>}
      {isMuted(session, remote, "microphone") && (
        <p class="remote-badge">
          <Icon name="microphone" isCrossed />
          {t("talk.remote_microphone_off")}
        </p>
      )}
      {isBlocked && (
        <div class="remote-words">
          <p>{t("talk.unblock_hint")}</p>
          <button type="button" class="button primary large" onClick={play}>
            <Icon name="sound" />
            {t("talk.unblock")}
          </button>
        </div>
      )}
    </div>
  );
}

/** When the first picture is really shown, where the browser can tell; when it is loaded, elsewhere. */
function onFirstFrame(video: HTMLVideoElement, then: () => void): void {
  if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(then);
  else (video as HTMLVideoElement).addEventListener("loadeddata", then, { once: true });
}

function OwnView({ room }: { room: Room }) {
  const { t } = useFacts();
  const track = room.devices.track("camera");
  return (
    <div class="own">
      {track ? (
        <OwnVideo track={track} label={t("talk.local")} hook="local-video" />
      ) : (
        <p class="own-words">{t("talk.local_off")}</p>
      )}
    </div>
  );
}

const SWITCH_TEXTS: Record<PartName, Record<"on" | "off" | "none", TextKey>> = {
  microphone: { on: "talk.microphone_off", off: "talk.microphone_on", none: "talk.microphone_none" },
  camera: { on: "talk.camera_off", off: "talk.camera_on", none: "talk.camera_none" },
};

/** A button that says what a press does. */
function Switch({ room, part }: { room: Room; part: PartName }) {
  const { t } = useFacts();
  const state = room.devices.state[part];
  return (
    <button
      type="button"
      class="control"
      data-test={`switch-${part}`}
      data-state={state}
      disabled={state === "none"}
      onClick={() => void room.switch(part, state !== "on")}
    >
      <Icon name={part} isCrossed={state !== "on"} />
      <span>{t(SWITCH_TEXTS[part][state])}</span>
    </button>
  );
}

/** What is wrong with one's own devices, and the way out. */
function DeviceTrouble({ room }: { room: Room }) {
  const { t } = useFacts();
  const { state } = room.devices;
  const { devices } = room.session;
  const isLost = devices === "failed" || (devices === "ready" && state.problem !== null);
  if (!isLost && state.microphone !== "off") return null;
  return (
    <div class="trouble" role="status">
      <p>{isLost ? t("talk.device_lost") : t("talk.is_muted")}</p>
      {isLost && (
        <button type="button" class="button" onClick={() => void room.openDevices("asking")}>
          {t("talk.device_again")}
        </button>
      )}
    </div>
  );
}
