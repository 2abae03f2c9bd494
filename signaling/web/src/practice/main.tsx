// つながるか試す: the device check and a call with oneself, at any time, without a link.
import { type ComponentChildren, render } from "preact";
import { useReducer, useRef, useState } from "preact/hooks";
import { Trouble } from "../call/trouble.tsx";
import { Facts, Heading, LevelBar, Notice, OwnVideo, Telephone, useFacts, useWakeLock } from "../shared/components.tsx";
import { Devices } from "../shared/devices.ts";
import { type DeviceProblem, environmentProblem, thisEnvironment } from "../shared/environment.ts";
import { pageCatalogue } from "../shared/page.ts";
import { lines, type TextKey } from "../shared/texts.ts";
import { type End, isGood, Practice } from "./practice.ts";

const { root, facts } = pageCatalogue();
const environment = thisEnvironment(facts.encryption === "require");
const iceServers = JSON.parse(root.dataset.iceServers ?? "[]") as RTCIceServer[];
const lastsMs = Number(root.dataset.lastsSeconds ?? 120) * 1000;

type Step = "intro" | "opening" | "call" | "stopped";

function App() {
  const { t } = useFacts();
  const [, redraw] = useReducer((count: number, _: undefined) => count + 1, 0);
  const [obstacle, setObstacle] = useState<DeviceProblem | null>(() => environmentProblem(environment));
  const [step, setStep] = useState<Step>("intro");
  const devices = useRef<Devices | null>(null);
  const practice = useRef<Practice | null>(null);
  devices.current ??= new Devices({ onTrack: () => undefined, onChange: () => redraw(undefined) });

  const start = async () => {
    setStep("opening");
    practice.current?.close();
    practice.current = null;
    const own = devices.current;
    if (!own) return;
    const isThere = await own.open({ camera: true, microphone: true });
    if (!isThere) return setObstacle(own.state.problem ?? "unknown");
    setObstacle(null);
    const tracks = { camera: own.track("camera"), microphone: own.track("microphone") };
    practice.current = new Practice(tracks, iceServers, lastsMs, () => {
      if (practice.current?.progress.end) own.stop();
      redraw(undefined);
    });
    setStep("call");
  };
  const stop = () => {
    practice.current?.close();
    devices.current?.stop();
    setStep("stopped");
  };

  if (obstacle) {
    return (
      <Frame>
        <Trouble problem={obstacle} environment={environment} onAgain={() => void start()} onIgnore={() => setObstacle(null)} />
      </Frame>
    );
  }
  const running = practice.current;
  if (running?.progress.end) return <OverView end={running.progress.end} wasGood={isGood(running.progress)} onAgain={() => void start()} />;
  if (step === "call" && running) return <CallView practice={running} devices={devices.current} onStop={stop} />;
  if (step === "stopped" && running) return <OverView end={null} wasGood={isGood(running.progress)} onAgain={() => void start()} />;
  return (
    <Frame>
      <Heading>{t("practice.title")}</Heading>
      <p class="lead">{t("practice.lead")}</p>
      {step === "opening" ? (
        <p class="lead" role="status">
          {t("check.opening")}
        </p>
      ) : (
        <>
          <p class="lead">{t("check.ask.hint")}</p>
          <button type="button" class="button primary large wide" data-test="practice-start" onClick={() => void start()}>
            {t("practice.start")}
          </button>
        </>
      )}
      <p class="private">{t("practice.private")}</p>
    </Frame>
  );
}

function Frame({ children }: { children: ComponentChildren }) {
  const { t } = useFacts();
  return (
    <section class="narrow check" data-test="practice">
      {children}
      <p class="hint">
        {t("check.help")} <Telephone />
      </p>
    </section>
  );
}

/** Whenever there is an element for it, the picture is in it and plays. */
function shown(element: HTMLVideoElement | null, picture: MediaStream): void {
  if (!element || element.srcObject === picture) return;
  element.srcObject = picture;
  void element.play().catch(() => undefined);
}

function CallView({ practice, devices, onStop }: { practice: Practice; devices: Devices; onStop(): void }) {
  const { t } = useFacts();
  const { progress } = practice;
  const [camera, microphone] = [devices.track("camera"), devices.track("microphone")];
  useWakeLock();
  const good = isGood(progress);
  return (
    <Frame>
      <Heading key={String(good)}>{t(good ? "practice.good.title" : "practice.title")}</Heading>
      {good ? (
        <div data-test="practice-good">
          <Notice kind="good">{t("practice.good.text")}</Notice>
        </div>
      ) : (
        <p class="lead" role="status">
          {t(progress.isConnected ? "practice.speak" : "practice.connecting")}
        </p>
      )}
      {progress.picture !== "none" && (
        <div class="preview">
          {progress.isConnected ? (
            <video ref={(element) => shown(element, practice.picture)} data-test="practice-video" aria-label={t("practice.returned")} autoplay playsInline muted />
          ) : (
            <OwnVideo track={camera} label={t("check.preview")} />
          )}
          {progress.isConnected && <p class="preview-label">{t("practice.returned")}</p>}
        </div>
      )}
      <ul class="practice-steps">
        <StepLine isDone={progress.isConnected} done="practice.step.connected" />
        {progress.picture === "none" ? (
          <StepLine isDone done="practice.step.no_camera" />
        ) : (
          <StepLine isDone={progress.picture === "back"} done="practice.step.picture" />
        )}
        <StepLine isDone={progress.sound === "back"} done="practice.step.sound" />
      </ul>
      {microphone && <LevelBar track={microphone} />}
      {progress.sound === "none" && <Notice kind="error">{t("check.ok.camera_only")}</Notice>}
      {progress.isVoiceMissing && (
        <div role="status">
          <Notice kind="info">
            {lines(t("practice.no_voice")).map((line) => (
              <p key={line}>{line}</p>
            ))}
          </Notice>
        </div>
      )}
      <button type="button" class="button large wide" data-test="practice-stop" onClick={onStop}>
        {t("practice.stop")}
      </button>
    </Frame>
  );
}

function StepLine({ isDone, done }: { isDone: boolean; done: TextKey }) {
  const { t } = useFacts();
  return (
    <li data-done={isDone} data-test={done.replaceAll(".", "-")}>
      <span class="step-mark" aria-hidden="true">
        {isDone ? "✓" : "…"}
      </span>
      <span>
        {t(done)}
        {!isDone && <span class="step-wait">（{t("practice.step.waiting")}）</span>}
      </span>
    </li>
  );
}

const ENDS = {
  failed: { title: "practice.failed.title", text: "practice.failed.text" },
  busy: { title: "practice.busy.title", text: "practice.busy.text" },
  over: { title: "practice.over.title", text: "practice.over.text" },
} as const;

function OverView({ end, wasGood, onAgain }: { end: End | null; wasGood: boolean; onAgain(): void }) {
  const { t } = useFacts();
  const { title, text } = wasGood ? { title: "practice.good.title" as const, text: "practice.good.text" as const } : ENDS[end ?? "over"];
  return (
    <Frame>
      <div class="practice-over" data-test="practice-over" data-end={end ?? "stopped"} data-good={wasGood}>
        <Heading>{t(title)}</Heading>
        <p class="lead">{t(text)}</p>
        {end === "failed" && (
          <ol class="steps">
            {lines(t("practice.failed.steps")).map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ol>
        )}
        <button type="button" class="button primary large wide" data-test="practice-again" onClick={onAgain}>
          {t("practice.again")}
        </button>
      </div>
    </Frame>
  );
}

render(
  <Facts.Provider value={facts}>
    <App />
  </Facts.Provider>,
  root,
);
