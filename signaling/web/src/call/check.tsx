// The device check: one thing at a time, in plain words, and a way out of everything that can be wrong.
import { useEffect, useState } from "preact/hooks";
import { Heading, Icon, LevelBar, Notice, OwnVideo, Telephone, useFacts } from "../shared/components.tsx";
import { chime } from "../shared/meter.ts";
import type { PartName } from "../shared/devices.ts";
import type { DeviceProblem, Environment } from "../shared/environment.ts";
import type { Room } from "../shared/room.ts";
import { lines, type TextKey } from "../shared/texts.ts";
import { Trouble } from "./trouble.tsx";

interface CheckProps {
  room: Room;
  environment: Environment;
  /** What stands in the way before anything was asked. */
  obstacle: DeviceProblem | null;
  onIgnoreObstacle(): void;
}

export function CheckView({ room, environment, obstacle, onIgnoreObstacle }: CheckProps) {
  const { t } = useFacts();
  const { devices } = room.session;
  const problem = obstacle ?? (devices === "failed" ? (room.devices.state.problem ?? "unknown") : null);
  return (
    <section class="narrow check" data-test="device-check">
      {problem ? (
        <Trouble problem={problem} environment={environment} onAgain={() => void room.openDevices("asking")} onIgnore={onIgnoreObstacle} />
      ) : devices === "ready" ? (
        <Ready room={room} />
      ) : (
        <Ask room={room} isOpening={devices !== "unknown"} />
      )}
      <p class="hint">
        {t("check.help")} <Telephone />
      </p>
    </section>
  );
}

function Ask({ room, isOpening }: { room: Room; isOpening: boolean }) {
  const { t } = useFacts();
  return (
    <>
      <Heading>{t("check.title")}</Heading>
      {isOpening ? (
        <p class="lead" role="status">
          {t("check.opening")}
        </p>
      ) : (
        <>
          <p class="lead">{t("check.ask.lead")}</p>
          <p class="lead">{t("check.ask.hint")}</p>
          <button
            type="button"
            class="button primary large wide"
            data-test="ask-devices"
            onClick={() => void room.openDevices("asking")}
          >
            {t("check.ask.button")}
          </button>
        </>
      )}
      <p class="private">{t("check.private")}</p>
    </>
  );
}

function Ready({ room }: { room: Room }) {
  const { t } = useFacts();
  const { state } = room.devices;
  const camera = room.devices.track("camera");
  const microphone = room.devices.track("microphone");
  const isReturn = room.session.consultation !== null && room.session.consultation.phase !== "booked";
  return (
    <>
      <Heading>{t("check.title")}</Heading>
      {state.microphone === "none" ? (
        <NoMicrophone room={room} />
      ) : (
        <p class="lead" role="status">
          {t("check.ok.lead")} {state.camera !== "on" && t("check.ok.voice_only")}
        </p>
      )}
      <div class="preview">
        {camera ? (
          <OwnVideo track={camera} label={t("check.preview")} hook="preview" />
        ) : (
          <p class="preview-words">{t(state.camera === "none" ? "talk.camera_none" : "check.camera_is_off")}</p>
        )}
      </div>
      {microphone && <LevelBar track={microphone} />}
      <div class="sound-test">
        <button type="button" class="button" data-test="test-sound" onClick={() => chime()}>
          <Icon name="sound" />
          {t("check.sound")}
        </button>
        <p class="hint">{t("check.sound_hint")}</p>
      </div>
      <button
        type="button"
        class="button primary large wide"
        data-test="enter-waiting"
        disabled={room.session.link === "connecting"}
        onClick={() => room.dispatch({ type: "enter" })}
      >
        {t(isReturn ? "check.return" : "check.enter")}
      </button>
      {state.camera !== "none" && (
        <button
          type="button"
          class="button wide"
          data-test="switch-camera"
          onClick={() => void room.switch("camera", state.camera !== "on")}
        >
          {t(state.camera === "on" ? "check.camera_off" : "check.camera_on")}
        </button>
      )}
      <Choices room={room} />
      <p class="private">{t("check.private")}</p>
    </>
  );
}

/** Without a voice a consultation is hard: what can be done about it. */
function NoMicrophone({ room }: { room: Room }) {
  const { t } = useFacts();
  return (
    <div class="no-microphone" data-test="no-microphone">
      <Notice kind="error">{t("check.ok.camera_only")}</Notice>
      <ol class="steps">
        {lines(t("check.no_microphone.steps")).map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ol>
      <button type="button" class="button wide" data-test="check-again" onClick={() => void room.openDevices("asking")}>
        {t("check.again")}
      </button>
    </div>
  );
}

/** Other cameras and microphones, hidden until somebody looks for them. */
function Choices({ room }: { room: Room }) {
  const { t } = useFacts();
  const [all, setAll] = useState<MediaDeviceInfo[]>([]);
  useEffect(() => {
    const read = () => void room.devices.list().then(setAll);
    read();
    navigator.mediaDevices.addEventListener("devicechange", read);
    return () => navigator.mediaDevices.removeEventListener("devicechange", read);
  }, [room]);
  const of = (kind: MediaDeviceKind) => all.filter((one) => one.kind === kind);
  const [cameras, microphones] = [of("videoinput"), of("audioinput")];
  if (cameras.length < 2 && microphones.length < 2) return null;
  return (
    <details class="choices">
      <summary>{t("check.devices")}</summary>
      <Choice room={room} part="camera" label="check.camera" devices={cameras} />
      <Choice room={room} part="microphone" label="check.microphone" devices={microphones} />
    </details>
  );
}

interface ChoiceProps {
  room: Room;
  part: PartName;
  label: TextKey;
  devices: MediaDeviceInfo[];
}

function Choice({ room, part, label, devices }: ChoiceProps) {
  const { t } = useFacts();
  if (devices.length < 2) return null;
  const id = `choose-${part}`;
  const current = room.devices.track(part)?.getSettings().deviceId;
  return (
    <div class="field">
      <label for={id}>{t(label)}</label>
      <select id={id} value={current ?? ""} onChange={(event) => void room.devices.choose(part, event.currentTarget.value)}>
        {devices.map((device, i) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label || t("check.device", { kind: t(label), n: i + 1 })}
          </option>
        ))}
      </select>
    </div>
  );
}
