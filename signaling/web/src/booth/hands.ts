// What a booth's page does when staff ask for it: shows what lies under the second camera, and has papers printed. Invariant:
// the second camera is on only while somebody asked for it, and its picture stands on the booth's own screen too.
import type { BoothHands, BoothParts, PrintState } from "../talk/booth.ts";
import { isPrintState } from "../talk/booth.ts";
import type { Page, Paper } from "../talk/papers/shelf.ts";

/** As fine as a form's small print needs. */
const DOCUMENT = { width: { ideal: 1920 }, height: { ideal: 1080 }, frameRate: { ideal: 10, max: 15 } };
const PRINT_QUALITY = 0.92;
const ASK_EVERY_MS = 1_000;
/** Somebody has to fetch paper: as long as that takes. */
const ASK_FOR_MS = 10 * 60_000;

/** What the page is told of a camera. */
type Seen = Pick<MediaDeviceInfo, "kind" | "label" | "deviceId">;

/** Which of the cameras looks at the person, and which at papers; `undefined`: there is none, or no other. */
export function camerasOf(devices: Seen[], documentCamera: string): { face: string | undefined; document: string | undefined } {
  const cameras = devices.filter(({ kind }) => kind === "videoinput");
  const document = documentCamera === "" ? undefined : cameras.find(({ label }) => label.includes(documentCamera));
  return { face: cameras.find((one) => one !== document)?.deviceId, document: document?.deviceId };
}

export interface HandsOptions {
  parts: BoothParts;
  documentCamera: string;
  share(track: MediaStreamTrack): void;
  unshare(): void;
}

export class Hands implements BoothHands {
  readonly parts: BoothParts;
  readonly #options: HandsOptions;

  constructor(options: HandsOptions) {
    this.parts = options.parts;
    this.#options = options;
  }

  documentCamera(isOn: boolean): void {
    if (isOn) void this.#open();
    else this.#options.unshare();
  }

  async #open(): Promise<void> {
    try {
      const { document } = camerasOf(await navigator.mediaDevices.enumerateDevices(), this.#options.documentCamera);
      if (document === undefined) return;
      const video = { ...DOCUMENT, deviceId: { exact: document } };
      const [track] = (await navigator.mediaDevices.getUserMedia({ video })).getVideoTracks();
      if (!track) return;
      track.contentHint = "detail";
      this.#options.share(track);
    } catch {
      // Unplugged: staff see that nothing comes, and can ask again.
    }
  }

  print(paper: Paper, tell: (state: PrintState) => void): void {
    printed(paper, tell).then(tell, () => tell("failed"));
  }
}

/** Has all pages printed. Gives how it ended; tells what happens meanwhile. */
async function printed(paper: Paper, tell: (state: PrintState) => void): Promise<PrintState> {
  const pages = await Promise.all(paper.pages.map((page) => (page ? asJpeg(page) : Promise.reject(new Error("a page is missing")))));
  while (pages.length > 0) {
    const taken = (await ask("POST", "/api/booth/prints", { pages })) as { job?: number; pages?: number; trouble?: unknown };
    if (taken.job === undefined || !taken.pages) return isPrintState(taken.trouble) ? taken.trouble : "failed";
    const end = await followed(taken.job, tell);
    if (end !== "done") return end;
    pages.splice(0, taken.pages);
  }
  return "done";
}

async function followed(job: number, tell: (state: PrintState) => void): Promise<PrintState> {
  let told: PrintState = "printing";
  for (const until = performance.now() + ASK_FOR_MS; performance.now() < until; ) {
    const { state, trouble } = (await ask("GET", `/api/booth/prints/${job}`)) as { state: string; trouble?: unknown };
    if (state === "done") return "done";
    const now = state === "printing" || !isPrintState(trouble) ? "printing" : trouble;
    if (state === "failed") return now === "printing" ? "failed" : now;
    if (now !== told) tell(now);
    told = now;
    await new Promise((wake) => setTimeout(wake, ASK_EVERY_MS));
  }
  return told === "printing" ? "failed" : told;
}

async function ask(method: string, path: string, body?: object): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(path, { method, headers, body: body ? JSON.stringify(body) : null });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

/** A page as Base64 of a JPEG, whatever it came as: printers know no other pictures. */
async function asJpeg(page: Page): Promise<string> {
  const bytes = page.format === "jpeg" ? page.bytes : await redrawn(page);
  let text = "";
  // In parts: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

async function redrawn(page: Page): Promise<Uint8Array> {
  const bitmap = await createImageBitmap(new Blob([page.bytes], { type: `image/${page.format}` }));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const context = canvas.getContext("2d");
  if (!context) throw new Error("nothing to draw on");
  // Paper is white.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", PRINT_QUALITY));
  canvas.width = 0;
  if (!blob) throw new Error("the page can't be drawn");
  return new Uint8Array(await blob.arrayBuffer());
}
