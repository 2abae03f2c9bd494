// Where the resident's page ends: the goodbye, a link that doesn't work, another window.
import type { ComponentChildren } from "preact";
import { Heading, Telephone, useFacts } from "../shared/components.tsx";
import { Faces, useGoodbye } from "./rating.tsx";
import { type Problem, problemKind } from "../shared/protocol.ts";
import { isTextKey, type TextKey } from "../shared/texts.ts";

/** `children`: where to go from here; none: to the office's own page. */
export function EndedView({ code, hadCall, children }: { code: string; hadCall: boolean; children?: ComponentChildren }) {
  const { t } = useFacts();
  const { goodbye, choice, state, rate } = useGoodbye(code, hadCall);
  return (
    <section class="narrow ended" data-test="ended">
      <Heading>{t("ended.title")}</Heading>
      <p class="lead">{t("ended.text")}</p>
      {goodbye && goodbye.note !== "" && (
        <section class="panel" aria-labelledby="note" data-test="staff-note">
          <h2 id="note">{t("ended.note")}</h2>
          <p class="staff-note">{goodbye.note}</p>
        </section>
      )}
      {goodbye && <Faces choice={choice} state={state} onRate={rate} />}
      <section class="panel" aria-labelledby="next">
        <h2 id="next">{t("ended.next_title")}</h2>
        <p>{t("ended.next")}</p>
        <p>
          <Telephone isLarge />
        </p>
      </section>
      {children ?? (
        <p>
          <a class="button" href="/">
            {t("ended.home")}
          </a>
        </p>
      )}
    </section>
  );
}

export function GuestEndedView() {
  const { t } = useFacts();
  return (
    <section class="narrow ended" data-test="ended">
      <Heading>{t("ended.guest.title")}</Heading>
      <p class="lead">{t("ended.guest.text")}</p>
      <p class="hint">
        {t("check.help")} <Telephone />
      </p>
    </section>
  );
}

/** The problem's texts from the catalogue; the server's own words for a kind that this page doesn't know. */
export function RefusedView({ problem, texts }: { problem: Problem | null; texts: object }) {
  const { t } = useFacts();
  const kind = problem ? problemKind(problem).replaceAll("-", "_") : "internal";
  const of = (part: string, other: string) => {
    const key = `problem.${kind}.${part}`;
    return isTextKey(texts, key) ? t(key as TextKey) : other;
  };
  return (
    <section class="narrow" data-test="refused">
      <Heading>{of("title", problem?.title ?? "")}</Heading>
      <p class="lead">{of("message", problem?.detail ?? "")}</p>
      <section class="panel" aria-labelledby="advice">
        <h2 id="advice">{t("problem.what_to_do")}</h2>
        <p>{of("advice", t("check.help"))}</p>
        <p>
          <Telephone isLarge />
        </p>
      </section>
      {kind === "old_page" && (
        <button type="button" class="button primary large" onClick={() => location.reload()}>
          {t("refused.reload")}
        </button>
      )}
    </section>
  );
}

export function ElsewhereView() {
  const { t } = useFacts();
  return (
    <section class="narrow" data-test="elsewhere">
      <Heading>{t("refused.elsewhere.title")}</Heading>
      <p class="lead">{t("refused.elsewhere.text")}</p>
      <button type="button" class="button primary large wide" onClick={() => location.reload()}>
        {t("refused.elsewhere.button")}
      </button>
    </section>
  );
}
