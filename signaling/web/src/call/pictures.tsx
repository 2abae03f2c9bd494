// Drawings of where to press: few lines, as the browsers look, whatever their version. The words stand beside them.
import type { JSX } from "preact";
import { useFacts } from "../shared/components.tsx";
import type { DeviceProblem, Platform } from "../shared/environment.ts";
import type { TextKey } from "../shared/texts.ts";

interface PictureProps {
  problem: DeviceProblem;
  platform: Platform;
}

/** The drawing for a problem; none for what can't be drawn. */
export function Picture({ problem, platform }: PictureProps) {
  const { t } = useFacts();
  const known = problem === "denied" ? DENIED[platform] : PICTURES[problem];
  if (!known) return null;
  return (
    <svg class="drawing" viewBox="0 0 320 180" role="img" aria-label={t(known.label)} data-test="drawing">
      {known.draw()}
    </svg>
  );
}

interface Drawing {
  label: TextKey;
  draw(): JSX.Element;
}

/** A ring around what is to be pressed, and its number. */
function Press({ x, y, n }: { x: number; y: number; n: number }) {
  return (
    <g class="press">
      <circle cx={x} cy={y} r="19" />
      <circle class="press-number" cx={x + 17} cy={y - 17} r="10" />
      <text x={x + 17} y={y - 12.500} text-anchor="middle">
        {n}
      </text>
    </g>
  );
}

function Phone() {
  return <rect x="84" y="-30" width="152" height="240" rx="18" class="body" />;
}

function AddressBar({ x, y, width }: { x: number; y: number; width: number }) {
  return <rect x={x} y={y} width={width} height="28" rx="14" class="field" />;
}

/** A line of a menu with a switch that is on. */
function Row({ y, icon }: { y: number; icon: "camera" | "microphone" }) {
  const shape =
    icon === "camera"
      ? "M0 0h15v11H0zM15 4l6-3v9l-6-3"
      : "M7 -2a3 3 0 0 1 6 0v6a3 3 0 0 1-6 0zM4 4a6 6 0 0 0 12 0M10 10v4";
  return (
    <g>
      <path d={shape} transform={`translate(112 ${y})`} class="line" />
      <rect x="176" y={y - 3} width="34" height="18" rx="9" class="on" />
      <circle cx="201" cy={y + 6} r="7" class="knob" />
    </g>
  );
}

const DENIED: Record<Platform, Drawing> = {
  ios: {
    label: "check.picture.denied_ios",
    draw: () => (
      <>
        <Phone />
        <rect x="100" y="18" width="120" height="84" rx="10" class="menu" />
        <Row y={34} icon="camera" />
        <Row y={70} icon="microphone" />
        <AddressBar x={96} y={132} width={128} />
        <text x="106" y="152" class="letters">
          ぁあ
        </text>
        <Press x={116} y={146} n={1} />
        <Press x={193} y={58} n={2} />
      </>
    ),
  },
  android: {
    label: "check.picture.denied_android",
    draw: () => (
      <>
        <Phone />
        <AddressBar x={96} y={18} width={128} />
        <path d="M104 27h12M104 37h12M108 23v8M113 33v8" class="line" />
        <rect x="100" y="72" width="120" height="84" rx="10" class="menu" />
        <Row y={90} icon="camera" />
        <Row y={126} icon="microphone" />
        <Press x={110} y={32} n={1} />
        <Press x={193} y={114} n={2} />
      </>
    ),
  },
  desktop: {
    label: "check.picture.denied_desktop",
    draw: () => (
      <>
        <rect x="10" y="10" width="300" height="190" rx="8" class="body" />
        <AddressBar x={52} y={22} width={240} />
        <path d="M64 31h14M64 41h14M69 27v8M74 37v8" class="line" />
        <rect x="100" y="68" width="120" height="84" rx="10" class="menu" />
        <Row y={86} icon="camera" />
        <Row y={122} icon="microphone" />
        <Press x={71} y={36} n={1} />
        <Press x={193} y={110} n={2} />
      </>
    ),
  },
};

const PICTURES: Partial<Record<DeviceProblem, Drawing>> = {
  busy: {
    label: "check.picture.busy",
    draw: () => (
      <>
        <rect x="40" y="26" width="110" height="130" rx="12" class="menu" />
        <path d="M70 90a25 25 0 0 1 50 0M70 90v8h10v-8M110 90v8h10v-8" class="line" />
        <path d="M126 40l14 14M140 40l-14 14" class="line" />
        <Press x={133} y={47} n={1} />
        <rect x="196" y="26" width="84" height="130" rx="12" class="body" />
        <path d="M216 82h28v20h-28zM244 88l14-7v22l-14-7" class="line" />
        <path d="M160 92h24M176 84l10 8-10 8" class="line" />
      </>
    ),
  },
  missing: {
    label: "check.picture.missing",
    draw: () => (
      <>
        <rect x="40" y="50" width="130" height="84" rx="8" class="body" />
        <path d="M28 146h154" class="line" />
        <path d="M226 78a26 26 0 0 1 52 0v22M226 78v22M218 88h10v22h-10zM276 88h10v22h-10M276 110c0 14-10 16-22 16" class="line" />
        <path d="M170 96h34M194 88l-10 8 10 8" class="line" />
      </>
    ),
  },
  in_app: {
    label: "check.picture.in_app",
    draw: () => (
      <>
        <Phone />
        <rect x="96" y="16" width="128" height="26" rx="6" class="menu" />
        <path d="M212 22h.01M212 29h.01M212 36h.01" class="dots" />
        <rect x="116" y="66" width="108" height="76" rx="10" class="menu" />
        <path d="M130 86h80M130 104h80M130 122h52" class="line" />
        <Press x={212} y={29} n={1} />
        <Press x={170} y={104} n={2} />
      </>
    ),
  },
  insecure: {
    label: "check.picture.insecure",
    draw: () => (
      <>
        <AddressBar x={30} y={74} width={260} />
        <text x="52" y="94" class="letters">
          https://
        </text>
        <path d="M256 84h18v12h-18zM260 84v-4a5 5 0 0 1 10 0v4" class="line" />
      </>
    ),
  },
  unsupported: { label: "check.picture.old", draw: Renewal },
  no_encryption: { label: "check.picture.old", draw: Renewal },
};

function Renewal() {
  return (
    <>
      <rect x="60" y="26" width="200" height="130" rx="10" class="body" />
      <path d="M60 52h200" class="line" />
      <path d="M132 104a28 28 0 0 1 50-17l8 8M190 78v17h-17M188 104a28 28 0 0 1-50 17l-8-8M130 130v-17h17" class="line strong" />
    </>
  );
}
