// vision: how right people and bays are told, scored twice, what it costs, six cameras at once (--data DIR: truth, models)
//
// --only people|parking|six|memory measures a part, --points NAME,NAME some detectors; --seconds N is how long six cameras are watched, --long:
// until each has decoded 10,000 pictures; memory: until each has counted 10,000 (--frames N), the lot 1,000. --check prints what is
// asked beside the figures, and ends 1 where that isn't kept.
// Nothing of the data belongs to the project: docs/vision.md says what lies in DIR. What isn't there is skipped, and
// said to be. Accuracy is that of frames 201 to 795; thresholds were fitted on frames 1 to 200, but the tracker's rules
// were chosen with an eye on the later ones too (docs/vision.md).
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { measureFlatMemory } from "./lib/flat-memory.ts";
import { CAMERAS, checkAsAsked } from "./lib/limits.ts";
import { measureLots } from "./lib/lots.ts";
import { finish, median, option, round, say, table, wantsJson } from "./lib/report.ts";
import { measureSixCameras } from "./lib/six-cameras.ts";

const RUNS = option("runs", 3);
/** 10,000 pictures at 15 a second. */
const SECONDS = process.argv.includes("--long") ? 667 : option("seconds", 60);
const only = text("only");
const [FIRST, LAST] = [201, 795];
/** Upright lines over the square, and how many truly cross them: to the right, to the left. */
const LINES = [200, 300, 400, 500];

const project = resolve(import.meta.dirname, "../..");
const bin = process.env["MADOGUCHI_BIN"] ?? join(project, "target/release");
const vision = join(bin, "vision");
const data = resolve(text("data") ?? join(project, "../shared/data"));
const film = [join(project, ".cache/films/vtest.avi"), "/usr/share/doc/opencv-doc/examples/data/vtest.avi"].find(existsSync);
const truth = join(data, "people/vtest-gt.txt");

interface Point {
  name: string;
  /** A file in the data's folder of models; none: the detector without a model. */
  model?: string;
  network?: string;
  input?: string;
  licence?: string;
  effort?: string;
  /** Looks a second, where it isn't every frame: as halls are watched where one machine has many cameras. */
  perSecond?: number;
  /** A detector that needs no file; none: counting against the background. */
  detector?: string;
}

const YOLOX = { model: "yolox_nano.onnx", licence: "Apache-2.0", effort: "normal" };
const FASTEST = {
  model: "yolo-fastest-1.1_body.weights",
  network: "yolo-fastest-1.1_body.cfg",
  licence: "YOLO licence",
  effort: "normal",
};

const POINTS: Point[] = [
  { name: "yolox", ...YOLOX, effort: "best" },
  { name: "yolox_normal", ...YOLOX },
  { name: "yolox_economical", ...YOLOX, effort: "economical" },
  { name: "yolox_2_a_second", ...YOLOX, perSecond: 2 },
  { name: "yolox_1_a_second", ...YOLOX, perSecond: 1 },
  { name: "yolo_fastest", ...FASTEST },
  { name: "yolo_fastest_2_a_second", ...FASTEST, perSecond: 2 },
  { name: "yolo_fastest_1_a_second", ...FASTEST, perSecond: 1 },
  { name: "lwpd", model: "lwpd.onnx", input: "192x192", licence: "Apache-2.0", effort: "normal" },
  { name: "builtin" },
  { name: "hog", detector: "hog" },
];

interface Crossings {
  came_in: number;
  went_out: number;
}

interface Outcome {
  /** Frame and count. */
  counts: [number, number | null][];
  score: { count_error: number; within_one_pct: number; bias: number };
  following: { mota: number; idf1: number; misses: number; false_alarms: number; switches: number };
  lines: { told: Crossings; truth: Crossings }[];
  cpu_ms_per_frame: number;
}

interface Second {
  mota: number;
  idf1: number;
  misses: number;
  false_alarms: number;
  switches: number;
}

const skipped: string[] = [];
const work = mkdtempSync(join(tmpdir(), "madoguchi-vision-"));
try {
  if (film === undefined || !existsSync(truth)) {
    const missing = film === undefined ? "the film vtest.avi (./madoguchi setup fetches it)" : truth;
    console.error(`nothing can be measured: there is no ${missing}; --data DIR says where the data are`);
    process.exitCode = 1;
  } else await measure(film);
} finally {
  rmSync(work, { recursive: true });
}

async function measure(film: string): Promise<void> {
  const wanted = text("points")?.split(",");
  const points = POINTS.filter(({ name }) => wanted?.includes(name) ?? true).filter((point) => {
    const isThere = point.model === undefined || existsSync(join(data, "models", point.model));
    if (!isThere) skip(`${point.name}: there is no ${join(data, "models", point.model ?? "")}`);
    return isThere;
  });
  for (const point of points) prepare(point, film);
  const parking = only === undefined || only === "parking" ? lots() : undefined;
  const six = only === undefined || only === "six" ? await sixCameras() : undefined;
  const memory = only === "memory" || (only === undefined && process.argv.includes("--long")) ? await flatMemory(film) : undefined;
  const people = only === undefined || only === "people" ? measurePeople(points, film) : {};
  if (!wantsJson && parking) console.log(`car park: ${JSON.stringify(parking)}`);
  if (!wantsJson && six) console.log(`six cameras: ${JSON.stringify(six)}`);
  if (!wantsJson && memory) console.log(`flat memory: ${JSON.stringify(memory)}`);
  const figures = { ...people, parking, six_cameras: six, flat_memory: memory };
  finish({ ...figures, skipped, ...checkAsAsked(figures, CAMERAS) });
}

function lots() {
  const folder = join(data, "parking");
  const figures = measureLots(vision, folder, work, there("yolox_nano.onnx"));
  if (figures === undefined) skip(`parking: there is no ${folder}`);
  return figures;
}

async function sixCameras() {
  const [yolox, fastest] = [there("yolox_nano.onnx"), there("yolo-fastest-1.1_body.weights")];
  if (yolox !== undefined && fastest !== undefined) return await measureSixCameras(bin, work, { yolox, fastest }, SECONDS);
  skip("six_cameras: needs yolox_nano.onnx and yolo-fastest-1.1_body.weights");
  return undefined;
}

async function flatMemory(film: string) {
  const [yolox, fastest] = [there("yolox_nano.onnx"), there("yolo-fastest-1.1_body.weights")];
  if (yolox !== undefined && fastest !== undefined) {
    return await measureFlatMemory(bin, work, { yolox, fastest }, resolve(film), option("frames", 10_000));
  }
  skip("flat_memory: needs yolox_nano.onnx and yolo-fastest-1.1_body.weights");
  return undefined;
}

/** A model that was taken in. */
function there(model: string): string | undefined {
  const file = join(work, model);
  return existsSync(file) ? file : undefined;
}

function measurePeople(points: Point[], film: string): object {
  const python = motmetrics();
  const [cpu, looks]: [Record<string, number[]>, number[]] = [{}, []];
  const outcomes: Record<string, Outcome> = {};
  // Side by side in each run, so that what else the machine does meets all alike.
  for (let run = 0; run < RUNS; run++) {
    if (points.some((point) => point.name === "yolox")) looks.push(forward(film));
    for (const point of points) {
      const outcome = count(point, film);
      outcomes[point.name] = outcome;
      (cpu[point.name] ??= []).push(outcome.cpu_ms_per_frame);
      say(`run ${run + 1} of ${RUNS}: ${point.name}, ${round(outcome.cpu_ms_per_frame)} ms a frame`);
    }
  }
  const seconds: Record<string, Second> = {};
  for (const point of points) if (python !== undefined) seconds[point.name] = second(python, point, outcomes[point.name]);
  print(points, outcomes, seconds, cpu, looks);
  const figures = points.map((point) => [point.name, figuresOf(point, outcomes, seconds, cpu, looks)]);
  return {
    runs: RUNS,
    frames: { first: FIRST, last: LAST },
    yolox_forward_cpu_ms: looks.length > 0 ? round(median(looks), 2) : undefined,
    ...Object.fromEntries(figures),
  };
}

/** Writes the point's camera, and takes its model in with the program's own command. */
function prepare(point: Point, film: string): void {
  let camera = readFileSync(join(project, "vision/tests/vtest.toml"), "utf8");
  camera = camera.replace(/^frames_per_second.*$/m, `frames_per_second = ${(point.perSecond ?? 7).toFixed(1)}`);
  if (point.model !== undefined) {
    const file = join(work, point.model);
    if (!existsSync(file)) {
      const args = ["models", "add", join(data, "models", point.model), "--licence", point.licence ?? "", "--picture", film, "--to", work];
      if (point.network !== undefined) args.push("--network", join(data, "models", point.network));
      if (point.input !== undefined) args.push("--input", point.input);
      execFileSync(vision, args, { stdio: ["ignore", "ignore", "inherit"] });
    }
    camera += `model = ${JSON.stringify(file)}\neffort = "${point.effort}"\n`;
  }
  if (point.detector !== undefined) camera += `detector = ${JSON.stringify(point.detector)}\n`;
  writeFileSync(join(work, `${point.name}.toml`), camera);
}

function count(point: Point, film: string): Outcome {
  const lines = LINES.flatMap((x) => ["--line", `${x},800,${x},0`]);
  const args = ["count", film, "--calibration", join(work, `${point.name}.toml`), "--truth", truth, ...lines];
  args.push("--from", String(FIRST), "--to", String(LAST), "--boxes", join(work, `${point.name}.txt`), "--json");
  if (point.perSecond !== undefined) args.push("--at-pace");
  const printed = execFileSync(vision, args, { encoding: "utf8", maxBuffer: 64 << 20 });
  return JSON.parse(printed.trimEnd().split("\n").at(-1) ?? "") as Outcome;
}

/** CPU of one look of YOLOX-nano at the whole picture, in milliseconds. */
function forward(film: string): number {
  const printed = execFileSync(vision, ["models", "time", join(work, "yolox_nano.onnx"), "--picture", film], { encoding: "utf8" });
  return Number.parseFloat(printed);
}

/** A Python with motmetrics, made where it isn't there yet; none where it can't be. */
function motmetrics(): string | undefined {
  const venv = join(project, ".cache/motmetrics");
  const python = join(venv, "bin/python");
  const isThere = () => spawnSync(python, ["-c", "import motmetrics"], { stdio: "ignore" }).status === 0;
  if (isThere()) return python;
  say("motmetrics, for the second scoring");
  // It doesn't know NumPy 2 yet.
  const packages = ["motmetrics==1.4.0", "numpy<2", "pandas<3", "scipy<1.14"];
  spawnSync("python3", ["-m", "venv", venv], { stdio: ["ignore", "ignore", "inherit"] });
  spawnSync(join(venv, "bin/pip"), ["install", "-q", "--disable-pip-version-check", ...packages], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (isThere()) return python;
  skip("motmetrics: it can't be installed from here, so that there is no second scoring");
  return undefined;
}

function second(python: string, point: Point, outcome?: Outcome): Second {
  const script = join(import.meta.dirname, "lib/motmetrics_score.py");
  const told = join(work, `${point.name}.txt`);
  const looked = (outcome?.counts ?? []).map(([frame]) => frame).filter((frame) => frame >= FIRST && frame <= LAST);
  return JSON.parse(execFileSync(python, [script, truth, told, looked.join(",")], { encoding: "utf8" })) as Second;
}

/** Whether both scorings say the same, but for rounding. */
function agree({ following }: Outcome, other: Second): boolean {
  const counts = (["misses", "false_alarms", "switches"] as const).every((name) => following[name] === other[name]);
  return counts && Math.abs(following.mota - other.mota) < 0.05 && Math.abs(following.idf1 - other.idf1) < 0.05;
}

/** The sum over all lines and both ways: nothing cancels. */
function lineErrors(outcome: Outcome): number {
  const off = (line: { told: Crossings; truth: Crossings }) =>
    Math.abs(line.told.came_in - line.truth.came_in) + Math.abs(line.told.went_out - line.truth.went_out);
  return outcome.lines.reduce((sum, line) => sum + off(line), 0);
}

function figuresOf(
  { name }: Point,
  outcomes: Record<string, Outcome>,
  seconds: Record<string, Second>,
  cpu: Record<string, number[]>,
  looks: number[],
) {
  const outcome = outcomes[name];
  if (outcome === undefined) throw new Error(`${name} wasn't measured`);
  const { score, following } = outcome;
  const other = seconds[name];
  const cost = median(cpu[name] ?? []);
  return {
    count_error: round(score.count_error, 3),
    within_one_pct: round(score.within_one_pct, 1),
    bias: round(score.bias, 2),
    mota: round(following.mota, 1),
    idf1: round(following.idf1, 1),
    motmetrics: other && { mota: round(other.mota, 1), idf1: round(other.idf1, 1), agrees: agree(outcome, other) },
    line_errors: lineErrors(outcome),
    cpu_ms_per_frame: round(cost, 2),
    cpu_vs_yolox_forward: looks.length > 0 ? round(cost / median(looks), 3) : undefined,
    cpu_vs_yolox: cpu["yolox"] && round(cost / median(cpu["yolox"]), 3),
  };
}

function print(
  points: Point[],
  outcomes: Record<string, Outcome>,
  seconds: Record<string, Second>,
  cpu: Record<string, number[]>,
  looks: number[],
): void {
  if (wantsJson) return;
  const heads = ["count err", "within 1", "MOTA", "IDF1", "motmetrics", "lines", "of yolox"];
  console.log(`${"frames 201-795".padEnd(26)}${heads.map((head) => head.padStart(12)).join("")}`);
  for (const point of points) {
    const it = figuresOf(point, outcomes, seconds, cpu, looks);
    const other = it.motmetrics;
    const opinion = other === undefined ? "-" : other.agrees ? "agrees" : `${other.mota}/${other.idf1}`;
    const cells = [it.count_error, `${it.within_one_pct} %`, it.mota, it.idf1, opinion, it.line_errors, it.cpu_vs_yolox ?? "-"];
    console.log(`${point.name.padEnd(26)}${cells.map((cell) => String(cell).padStart(12)).join("")}`);
  }
  const rows = points.map((point): [string, string, number[]] => [point.name, "CPU ms a frame", cpu[point.name] ?? []]);
  if (looks.length > 0) rows.push(["YOLOX-nano, one look alone", "CPU ms", looks]);
  table(rows);
}

function skip(why: string): void {
  skipped.push(why);
  say(`SKIPPED ${why}`);
}

/** The value of `--name TEXT`. */
function text(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}
