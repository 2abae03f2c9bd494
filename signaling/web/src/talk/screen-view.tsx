// Somebody's screen, or what lies under their second camera, large on the stage: to be held still, and looked at closely.
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon, useFacts } from "../shared/components.tsx";
import type { Remote } from "../shared/connections.ts";
import type { Room } from "../shared/room.ts";
import { useShownSize } from "../shared/shown-size.ts";
import { steppedZoom, usePinch } from "./papers/zoom.ts";

/** Who shares a screen now. */
export function sharer({ remotes, session }: Room): Remote | undefined {
  const isOff = (one: Remote) => session.othersMuted.includes(`${one.participant}/screen`);
  return remotes.find((one) => one.screenTrack !== null && !isOff(one));
}

export function ScreenView({ remote, room }: { remote: Remote; room: Room }) {
  const { t } = useFacts();
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const view = useRef<HTMLDivElement>(null);
  const [zoom, setZoom] = useState(1);
  const [isStill, setStill] = useState(false);
  const [shape, setShape] = useState(16 / 9);
  useEffect(() => {
    if (!video.current) return;
    video.current.srcObject = remote.screen;
    void video.current.play().catch(() => undefined);
  }, [remote, remote.screenTrack]);
  useShownSize(video, remote.screenTrack, room);
  usePinch(view, zoom, setZoom);
  const measure = () => {
    const { videoWidth = 0, videoHeight = 0 } = video.current ?? {};
    if (videoWidth > 0 && videoHeight > 0) setShape(videoWidth / videoHeight);
  };
  /** What is seen now stays, whatever moves under the camera meanwhile. */
  const hold = () => {
    const [from, to] = [video.current, still.current];
    const context = to?.getContext("2d");
    if (!isStill && from && to && context) {
      [to.width, to.height] = [from.videoWidth, from.videoHeight];
      context.drawImage(from, 0, 0);
    }
    setStill(!isStill);
  };
  return (
    <section
      class="focus screen paper"
      data-test="screen"
      data-still={isStill}
      aria-label={t("screen.title")}
      onKeyDown={(event) => {
        const next = { "+": 1, ";": 1, "-": -1 }[event.key];
        if (next !== undefined && !event.ctrlKey && !event.metaKey) setZoom(steppedZoom(zoom, next));
      }}
    >
      <div class="paper-scroll" ref={view} tabIndex={0} role="group" aria-label={t("screen.title")}>
        <div
          class="paper-page"
          ref={(element) => {
            element?.style.setProperty("--shape", String(shape));
            element?.style.setProperty("--zoom", String(zoom));
          }}
        >
          <video ref={video} data-test="screen-video" aria-label={t("screen.title")} autoplay playsInline muted onLoadedMetadata={measure} onResize={measure} />
          <canvas ref={still} class="screen-still" hidden={!isStill} role="img" aria-label={t("screen.still")} data-test="screen-still" />
        </div>
      </div>
      <div class="paper-bar">
        <button type="button" class="tool-button" data-test="screen-hold" aria-pressed={isStill} onClick={hold}>
          {t(isStill ? "screen.go_on" : "screen.hold")}
        </button>
        <button type="button" class="tool-button" data-test="screen-larger" disabled={steppedZoom(zoom, 1) === zoom} onClick={() => setZoom(steppedZoom(zoom, 1))}>
          <Icon name="plus" />
          {t("paper.larger")}
        </button>
        <button type="button" class="tool-button" data-test="screen-smaller" disabled={zoom === 1} onClick={() => setZoom(steppedZoom(zoom, -1))}>
          <Icon name="minus" />
          {t("paper.smaller")}
        </button>
      </div>
    </section>
  );
}
