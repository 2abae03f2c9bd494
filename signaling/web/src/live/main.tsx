// The page of a broadcast: its picture, silent until somebody asks for the sound; it comes back by itself.
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Facts, useFacts } from "../shared/components.tsx";
import { pageCatalogue } from "../shared/page.ts";
import type { TextKey } from "../shared/texts.ts";
import { type Viewing, view, waitOf } from "./whep.ts";

/** Without a new picture for so long nothing is being sent. */
const STILL_MS = 3_000;
const LOOKED_AT_EVERY_MS = 500;

type State = "connecting" | "waiting" | "on" | "lost" | "over" | "denied" | "unsupported";

const TEXTS: Record<State, TextKey> = {
  connecting: "live.connecting",
  waiting: "live.waiting",
  on: "live.on",
  lost: "live.lost",
  over: "live.over",
  denied: "live.no_token",
  unsupported: "live.unsupported",
};

const { root, facts } = pageCatalogue();
const endpoint = `/whep/${root.dataset.broadcast ?? ""}`;
/** Relays for who has no UDP. */
const iceServers = JSON.parse(root.dataset.iceServers || "[]") as RTCIceServer[];
/** Behind the "#" no server sees it. */
const token = location.hash.slice(1);

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Views until the broadcast is over; `show` is told how it goes. */
async function keepViewing(video: HTMLVideoElement, show: (state: State) => void): Promise<void> {
  let viewing: Viewing | null = null;
  addEventListener("pagehide", () => viewing?.close());
  for (let attempt = 0; ; attempt++) {
    const begun = await view(endpoint, token, iceServers);
    if (begun === "over" || begun === "denied") return show(begun);
    if (begun === "later") {
      show(attempt === 0 ? "connecting" : "lost");
    } else {
      viewing = begun;
      video.srcObject = begun.stream;
      void video.play().catch(() => null);
      const hasShown = await follow(video, begun, show);
      begun.close();
      if (hasShown) attempt = 0;
      show("lost");
    }
    await pause(waitOf(attempt));
  }
}

/** Watches for pictures until the connection is gone. True: there were any. */
async function follow(video: HTMLVideoElement, viewing: Viewing, show: (state: State) => void): Promise<boolean> {
  let [shown, news] = [0, Number.NEGATIVE_INFINITY];
  const look = () => {
    const frames = video.getVideoPlaybackQuality().totalVideoFrames;
    if (frames !== shown) [shown, news] = [frames, performance.now()];
    show(performance.now() - news < STILL_MS ? "on" : "waiting");
  };
  const timer = setInterval(look, LOOKED_AT_EVERY_MS);
  look();
  await viewing.ended;
  clearInterval(timer);
  return shown > 0;
}

function LiveView() {
  const { t } = useFacts();
  const video = useRef<HTMLVideoElement>(null);
  const [state, setState] = useState<State>("RTCPeerConnection" in window ? "connecting" : "unsupported");
  const [isMuted, setMuted] = useState(true);
  useEffect(() => {
    if (video.current && state !== "unsupported") void keepViewing(video.current, setState);
  }, []);
  // In the document, not in the markup: React-like libraries don't keep `muted` in step. And at once: Safari lets sound
  // begin within the touch itself only.
  const turnSound = () => {
    if (!video.current) return;
    video.current.muted = !isMuted;
    void video.current.play().catch(() => null);
    setMuted(!isMuted);
  };
  const isShown = state === "on" || state === "waiting" || state === "lost" || state === "connecting";
  return (
    <>
      <p class="live-state" data-test="live-state" data-state={state} role="status">
        <span class="live-mark" aria-hidden="true" />
        {t(TEXTS[state])}
      </p>
      <div class="live-frame" hidden={!isShown}>
        <video ref={video} data-test="live-video" muted playsInline autoPlay aria-label={t("live.video")} />
      </div>
      <div class="live-buttons" hidden={!isShown}>
        <button type="button" class="button primary" data-test="live-sound" onClick={turnSound}>
          {t(isMuted ? "live.sound_on" : "live.sound_off")}
        </button>
        {document.fullscreenEnabled && (
          <button type="button" class="button" onClick={() => void video.current?.requestFullscreen().catch(() => null)}>
            {t("live.full")}
          </button>
        )}
      </div>
    </>
  );
}

render(
  <Facts.Provider value={facts}>
    <LiveView />
  </Facts.Provider>,
  root,
);
