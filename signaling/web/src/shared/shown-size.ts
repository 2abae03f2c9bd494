// Tells the server how tall a picture is shown, whenever the element or the picture's shape changes.
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";
import type { Room } from "./room.ts";
import { fittingHeight } from "./views.ts";

export function useShownSize(video: RefObject<HTMLVideoElement | null>, track: string | null, room: Room): void {
  useEffect(() => {
    const element = video.current;
    if (!element || track === null) return;
    const measure = () => {
      const box = { width: element.clientWidth, height: element.clientHeight };
      const picture = { width: element.videoWidth, height: element.videoHeight };
      room.views.show(track, fittingHeight(box, picture) * devicePixelRatio);
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("resize", measure);
    return () => {
      observer.disconnect();
      element.removeEventListener("resize", measure);
      room.views.forget(track);
    };
  }, [track]);
}
