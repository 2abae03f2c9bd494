// Turns a file into pages, in its owner's browser: loaded only when somebody shows a paper. Invariant: no more of a file is held
// than its bytes and one drawn page; what comes out is within the limits of what is sent.
import { getDocument, GlobalWorkerOptions, type PDFDocumentProxy } from "pdfjs-dist/legacy/build/pdf.mjs";
import { MAX_PAGE, MAX_PAGES } from "../wire.ts";
import { kindOf, MAX_FILE, PaperError, within } from "./limits.ts";
import type { Page } from "./shelf.ts";

/** The longer side of a page: an A4 page at about 190 dots an inch, enough for the smallest print of a form. */
const SIDE = 2_200;
/** Worse, but smaller, until a page fits. */
const TRIES = [
  { side: SIDE, quality: 0.82 },
  { side: SIDE, quality: 0.6 },
  { side: 1_600, quality: 0.6 },
  { side: 1_100, quality: 0.5 },
] as const;

export interface Source {
  pages: number;
  /** Draws one. */
  page(number: number): Promise<Page>;
  close(): void;
}

/** Where the other parts of the program lie. */
export interface Places {
  worker: string;
  /** A folder, with a "/" at its end. */
  tables: string;
}

/** Rejected with a `PaperError`. */
export async function openFile(file: File, places: Places): Promise<Source> {
  if (file.size === 0) throw new PaperError("empty");
  if (file.size > MAX_FILE) throw new PaperError("too_large");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const kind = kindOf(bytes.subarray(0, 1024));
  if (kind === "pdf") return openPdf(bytes, places);
  if (kind === "unknown") throw new PaperError("unknown");
  return openPicture(file, kind === "heic");
}

async function openPdf(data: Uint8Array, { worker, tables }: Places): Promise<Source> {
  GlobalWorkerOptions.workerSrc = worker;
  const task = getDocument({
    data,
    cMapUrl: `${tables}cmaps/`,
    cMapPacked: true,
    standardFontDataUrl: `${tables}standard_fonts/`,
    wasmUrl: `${tables}wasm/`,
    iccUrl: `${tables}iccs/`,
    // The pages' content security policy allows neither.
    useWasm: false,
    enableXfa: false,
    useWorkerFetch: true,
    // A small file can unfold to a picture of any size.
    canvasMaxAreaInBytes: 64 * 1024 * 1024,
    maxImageSize: 64 * 1024 * 1024,
    verbosity: 0,
  });
  task.onPassword = () => {
    throw new PaperError("locked");
  };
  let pdf: PDFDocumentProxy;
  try {
    pdf = await task.promise;
  } catch (error) {
    void task.destroy();
    if (error instanceof PaperError) throw error;
    throw new PaperError(error instanceof Error && error.name === "PasswordException" ? "locked" : "broken");
  }
  const close = () => void task.destroy();
  if (pdf.numPages > MAX_PAGES || pdf.numPages < 1) {
    close();
    throw new PaperError(pdf.numPages < 1 ? "broken" : "too_long");
  }
  return { pages: pdf.numPages, page: (number) => pdfPage(pdf, number), close };
}

async function pdfPage(pdf: PDFDocumentProxy, number: number): Promise<Page> {
  const canvas = document.createElement("canvas");
  try {
    const page = await pdf.getPage(number + 1);
    const whole = page.getViewport({ scale: 1 });
    const scale = SIDE / Math.max(whole.width, whole.height);
    const viewport = page.getViewport({ scale });
    canvas.width = Math.max(1, Math.round(viewport.width));
    canvas.height = Math.max(1, Math.round(viewport.height));
    await page.render({ canvas, viewport, background: "#ffffff" }).promise;
    page.cleanup();
    return await written(canvas, canvas.width, canvas.height);
  } catch (error) {
    throw error instanceof PaperError ? error : new PaperError("broken");
  } finally {
    free(canvas);
  }
}

async function openPicture(file: File, isHeic: boolean): Promise<Source> {
  const bitmap = await decoded(file).catch(() => {
    throw new PaperError(isHeic ? "heic" : "broken");
  });
  return {
    pages: 1,
    page: () => written(bitmap, bitmap.width, bitmap.height),
    close: () => bitmap.close(),
  };
}

/** As cameras write them: turned as their notes say. */
async function decoded(file: File): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    // Safari opens HEIC in an image only. The policy allows addresses of data, not of blobs.
    const image = new Image();
    image.src = await new Promise<string>((give, fail) => {
      const reader = new FileReader();
      reader.onload = () => give(String(reader.result));
      reader.onerror = () => fail(reader.error);
      reader.readAsDataURL(file);
    });
    await image.decode();
    return createImageBitmap(image);
  }
}

/** A picture as it is sent: WebP, or JPEG where the browser can't write that, no larger than a page may be. */
async function written(picture: HTMLCanvasElement | ImageBitmap, width: number, height: number): Promise<Page> {
  const canvas = document.createElement("canvas");
  try {
    for (const { side, quality } of TRIES) {
      const size = within(width, height, side);
      canvas.width = size.width;
      canvas.height = size.height;
      const context = canvas.getContext("2d", { alpha: false });
      if (!context) throw new PaperError("broken");
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, size.width, size.height);
      context.imageSmoothingQuality = "high";
      context.drawImage(picture, 0, 0, size.width, size.height);
      for (const format of ["webp", "jpeg"] as const) {
        const blob = await toBlob(canvas, `image/${format}`, quality);
        if (blob?.type !== `image/${format}` || blob.size > MAX_PAGE) continue;
        return { ...size, format, bytes: new Uint8Array(await blob.arrayBuffer()) };
      }
    }
    throw new PaperError("broken");
  } finally {
    free(canvas);
  }
}

function toBlob(canvas: HTMLCanvasElement, type: string, quality: number): Promise<Blob | null> {
  return new Promise((give) => canvas.toBlob(give, type, quality));
}

/** Safari keeps a canvas' memory until its size is none. */
function free(canvas: HTMLCanvasElement): void {
  canvas.width = 0;
  canvas.height = 0;
}
