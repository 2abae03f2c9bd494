// What is wrong with camera, microphone or browser, in plain words and a picture, and the way out of it.
import { useState } from "preact/hooks";
import { Heading, useFacts } from "../shared/components.tsx";
import { type DeviceProblem, type Environment, isLine, platformOf } from "../shared/environment.ts";
import { lines, type TextKey } from "../shared/texts.ts";
import { Picture } from "./pictures.tsx";

const TROUBLE: Record<DeviceProblem, { title: TextKey; text: TextKey; steps?: TextKey }> = {
  denied: { title: "check.denied.title", text: "check.denied.text" },
  missing: { title: "check.missing.title", text: "check.missing.text", steps: "check.missing.steps" },
  busy: { title: "check.busy.title", text: "check.busy.text", steps: "check.busy.steps" },
  insecure: { title: "check.insecure.title", text: "check.insecure.text" },
  unsupported: { title: "check.unsupported.title", text: "check.unsupported.text", steps: "check.unsupported.steps" },
  in_app: { title: "check.in_app.title", text: "check.in_app.text", steps: "check.in_app.steps" },
  no_encryption: { title: "check.no_encryption.title", text: "check.no_encryption.text", steps: "check.no_encryption.steps" },
  unknown: { title: "check.unknown.title", text: "check.unknown.text", steps: "check.unknown.steps" },
};

/** No other try in the same browser helps. */
const HOPELESS: DeviceProblem[] = ["insecure", "unsupported", "in_app", "no_encryption"];

interface TroubleProps {
  problem: DeviceProblem;
  environment: Environment;
  onAgain(): void;
  onIgnore(): void;
}

export function Trouble({ problem, environment, onAgain, onIgnore }: TroubleProps) {
  const { t } = useFacts();
  const { title, text } = TROUBLE[problem];
  const steps: TextKey | undefined =
    problem === "denied" ? `check.denied.steps_${platformOf(environment)}` : TROUBLE[problem].steps;
  const canTryAgain = !HOPELESS.includes(problem);
  return (
    <div data-test="device-trouble" data-problem={problem}>
      <Heading key={problem}>{t(title)}</Heading>
      <p class="lead">{t(text)}</p>
      <Picture problem={problem} platform={platformOf(environment)} />
      {problem === "in_app" && <WayOut environment={environment} />}
      {steps && (
        <ol class="steps">
          {lines(t(steps)).map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ol>
      )}
      {canTryAgain && (
        <button
          type="button"
          class="button primary large wide"
          data-test="check-again"
          onClick={onAgain}
        >
          {t("check.again")}
        </button>
      )}
      {problem === "in_app" && (
        <button type="button" class="button wide" onClick={onIgnore}>
          {t("check.in_app.try")}
        </button>
      )}
    </div>
  );
}

/** Out of an app's own browser: LINE opens links with this parameter in the real one; others get the address. */
function WayOut({ environment }: { environment: Environment }) {
  const { t } = useFacts();
  const [isCopied, setCopied] = useState(false);
  const copy = () => void navigator.clipboard?.writeText(location.href).then(() => setCopied(true));
  if (isLine(environment)) {
    return (
      <a class="button primary large wide" href={`${location.pathname}?openExternalBrowser=1`}>
        {t("check.in_app.open")}
      </a>
    );
  }
  return (
    <>
      <button type="button" class="button primary large wide" onClick={copy}>
        {t("check.in_app.copy")}
      </button>
      <p role="status">{isCopied && t("check.in_app.copied")}</p>
    </>
  );
}
