// Somebody's screen, large on the stage.
import { useEffect, useRef } from "preact/hooks";
import { useFacts } from "../shared/components.tsx";
import type { Remote } from "../shared/connections.ts";
import type { Room } from "../shared/room.ts";
import { useShownSize } from "../shared/shown-size.ts";

/** Who shares a screen now. */
export function sharer({ remotes, session }: Room): Remote | undefined {
  const isOff = (one: Remote) => session.othersMuted.includes(`${one.participant}/screen`);
  return remotes.find((one) => one.screenTrack !== null && !isOff(one));
}

export function ScreenView({ remote, room }: { remote: Remote; room: Room }) {
  const { t } = useFacts();
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (!video.current) return;
    video.current.srcObject = remote.screen;
    void video.current.play().catch(() => undefined);
  }, [remote, remote.screenTrack]);
  useShownSize(video, remote.screenTrack, room);
  return (
    <section class="focus screen" data-test="screen" aria-label={t("screen.title")}>
      <video ref={video} data-test="screen-video" aria-label={t("screen.title")} autoplay playsInline muted />
    </section>
  );
}
