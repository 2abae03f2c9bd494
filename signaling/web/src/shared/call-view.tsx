// The call as both sides see it: the other person large, oneself small, three buttons with words.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Confirm, type ConfirmTexts, Icon, Label, OwnVideo, SignalBars, useFacts, useRoom, useTick, useWakeLock } from "./components.tsx";
import type { Remote } from "./connections.ts";
import type { PartName } from "./devices.ts";
import { stopwatch } from "./format.ts";
import { LockButton, LockTrouble } from "./lock.tsx";
import { mainOf } from "./people.ts";
import { HandedOver, PinButton, Plate } from "./seats.tsx";
import type { Quality } from "./protocol.ts";
import type { Room } from "./room.ts";
import { type CallStatus, callStatus, type Session } from "./session.ts";
import type { TextKey } from "./texts.ts";
import { useShownSize } from "./shown-size.ts";
import { CaptionField, CaptionStrip } from "../talk/captions-view.tsx";
import { ChatButton, ChatNews, ChatPanel } from "../talk/chat-view.tsx";
import { MoreButton, TalkNews } from "../talk/more.tsx";
import { PaperNews, PaperView, shownPaper } from "../talk/papers/view.tsx";
import { ScreenView, sharer } from "../talk/screen-view.tsx";
import { pinned } from "../talk/signing.ts";

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
  /** The button for going, where it isn't the end for all. */
  goes?: string | undefined;
  /** Under the call, for what only one side has. */
  children?: ComponentChildren;
}

export function CallView({ room, heading, confirm, goes, children }: CallViewProps) {
  const { t } = useFacts();
  const { session, remotes } = useRoom(room);
  const dialog = useRef<HTMLDialogElement>(null);
  useWakeLock();
  useLayoutEffect(() => {
    document.body.classList.add("in-call");
    return () => document.body.classList.remove("in-call");
  }, []);
  const [isCaptioning, setCaptioning] = useState(false);
  const status = callStatus(session);
  const screenOf = sharer(room);
  const focus = screenOf ? "screen" : shownPaper(room) ? "paper" : "none";
  const signer = pinned(room);
  const [chosen, setChosen] = useState<string | null>(null);
  const before = useRef<string | null>(null);
  const main = mainOf(remotes.map((one) => one.participant), signer ?? chosen, session.speakers, before.current);
  before.current = main;
  return (
    <section class="call" data-test="call" data-status={status}>
      <header class="call-head">
        {heading}
        <div class="call-facts">
          <LockButton room={room} />
          <OwnSignal session={session} />
          <Elapsed room={room} />
        </div>
      </header>
      <HandedOver room={room} />
      <div class="call-body" data-panel={room.talk.chat.isOpen ? "chat" : "none"}>
        <div class="stage" data-focus={focus} data-signing={room.talk.isSigning} data-pinned={signer !== null} data-count={remotes.length} data-many={remotes.length > 1}>
          {screenOf && <ScreenView key={screenOf.participant} remote={screenOf} room={room} />}
          {focus === "paper" && <PaperView room={room} />}
          {remotes.map((remote) => (
            <RemoteView
              key={remote.participant}
              remote={remote}
              room={room}
              isMain={remote.participant === main}
              isPinned={remote.participant === signer}
              pin={
                remotes.length > 1 && (
                  <PinButton
                    isPinned={remote.participant === chosen}
                    onPin={(isPinned) => setChosen(isPinned ? remote.participant : null)}
                  />
                )
              }
            />
          ))}
          {remotes.length === 0 && <div class="stage-empty" />}
          <StatusLine session={session} status={status} />
          <OwnView room={room} />
        </div>
        {room.talk.chat.isOpen && <ChatPanel room={room} />}
      </div>
      <CaptionStrip room={room} />
      {isCaptioning && <CaptionField room={room} onClose={() => setCaptioning(false)} />}
      <ChatNews room={room} />
      <PaperNews room={room} />
      <TalkNews room={room} />
      <LockTrouble room={room} />
      <DeviceTrouble room={room} />
      <div class="controls">
        <Switch room={room} part="microphone" />
        <Switch room={room} part="camera" />
        <ChatButton room={room} />
        <MoreButton room={room} isCaptioning={isCaptioning} onCaption={setCaptioning} />
        <button type="button" class="control danger" data-test="hang-up" onClick={() => dialog.current?.showModal()}>
          <Icon name="hangup" />
          <span>{goes ?? t("talk.hang_up")}</span>
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

const SIGNAL_TEXTS: Record<Quality, TextKey> = {
  excellent: "talk.signal.excellent",
  good: "talk.signal.good",
  poor: "talk.signal.poor",
  lost: "talk.signal.lost",
};

/** How well one's own connection works: what the server says, unless this page knows better. */
function ownQuality({ link, media, qualities, me }: Session): Quality | undefined {
  if (media === "stalled" || media === "lost") return "lost";
  return media === "live" && link === "open" && me !== null ? qualities[me] : undefined;
}

function OwnSignal({ session }: { session: Session }) {
  const { t } = useFacts();
  const quality = ownQuality(session);
  if (!quality) return null;
  return (
    <p class="signal" data-test="own-signal" data-quality={quality}>
      <SignalBars quality={quality} />
      {t(SIGNAL_TEXTS[quality])}
    </p>
  );
}

/** One line over the picture while something is not as it should be. */
function StatusLine({ session, status }: { session: Session; status: CallStatus }) {
  const { t } = useFacts();
  const isPoor = ownQuality(session) === "poor";
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

interface RemoteProps {
  remote: Remote;
  room: Room;
  /** The large one, where there are several. */
  isMain: boolean;
  /** Signs, and is large for that. */
  isPinned: boolean;
  pin: ComponentChildren;
}

function RemoteView({ remote, room, isMain, isPinned, pin }: RemoteProps) {
  const { t } = useFacts();
  const { session } = room;
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
  useShownSize(video, remote.pictureTrack, room);
  const state = room.saving.mode === "none" ? remoteState(session, remote) : "sound_only";
  const isSpeaking = session.speakers.includes(remote.participant);
  return (
    <div
      class="remote"
      data-test="remote"
      data-participant={remote.participant}
      data-main={isMain}
      data-picture={hasPicture && state !== "camera_off" && state !== "sound_only"}
      data-state={state}
      data-speaking={isSpeaking}
      data-pinned={isPinned}
    >
      <video ref={video} data-test="remote-video" aria-label={t("talk.remote")} autoplay playsInline muted />
      <audio ref={audio} autoplay />
      <div class="remote-state" role="status" data-test="remote-state">
        {state && <p class="remote-words">{t(STATE_TEXTS[state])}</p>}
      </div>
      <RemoteBadges remote={remote} session={session} isSpeaking={isSpeaking} />
      {pin}
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

/** Why somebody's picture doesn't move, if it doesn't. */
type RemoteState = "lost" | "camera_off" | "paused" | "sound_only";

const STATE_TEXTS: Record<RemoteState, TextKey> = {
  lost: "talk.remote_lost",
  camera_off: "talk.remote_camera_off",
  paused: "talk.remote_paused",
  sound_only: "saving.no_picture",
};

function remoteState(session: Session, remote: Remote): RemoteState | undefined {
  if (session.qualities[remote.participant] === "lost") return "lost";
  if (isMuted(session, remote, "camera")) return "camera_off";
  return remote.pictureTrack !== null && session.held.includes(remote.pictureTrack) ? "paused" : undefined;
}

/** What there is to know of somebody, in a corner of the picture. */
function RemoteBadges({ remote, session, isSpeaking }: { remote: Remote; session: Session; isSpeaking: boolean }) {
  const { t } = useFacts();
  const isSilent = isMuted(session, remote, "microphone");
  return (
    <div class="remote-badges">
      <Plate session={session} participant={remote.participant} />
      {session.qualities[remote.participant] === "poor" && (
        <p class="remote-badge" data-test="remote-poor">
          <SignalBars quality="poor" />
          {t("talk.remote_poor")}
        </p>
      )}
      {isSilent && (
        <p class="remote-badge">
          <Icon name="microphone" isCrossed />
          {t("talk.remote_microphone_off")}
        </p>
      )}
      {isSpeaking && !isSilent && (
        <p class="remote-badge" data-test="remote-speaking">
          <Icon name="sound" />
          {t("talk.remote_speaking")}
        </p>
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
  const { me, speakers } = room.session;
  return (
    <div class="own" data-speaking={me !== null && speakers.includes(me)}>
      {track ? (
        <OwnVideo track={track} label={t("talk.local")} hook="local-video" isMirrored={room.devices.isMirrored && !room.devices.hasPicture} />
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
      <Label>{t(SWITCH_TEXTS[part][state])}</Label>
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
      <p>{isLost ? t("talk.device_lost") : t(room.isSilenced ? "seats.silenced" : "talk.is_muted")}</p>
      {isLost && (
        <button type="button" class="button" onClick={() => void room.openDevices("asking")}>
          {t("talk.device_again")}
        </button>
      )}
    </div>
  );
}
