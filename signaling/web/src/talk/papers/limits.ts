// What may be shown, and why something can't be: kinds that the texts explain.

/** Of a file, in bytes. */
export const MAX_FILE = 20 * 1024 * 1024;

/**
 * too_large: more than `MAX_FILE` bytes. too_long: more pages than are shown. locked: it wants a password. broken: it says that
 * it is a PDF or picture and can't be read. unknown: it is neither. full: too many papers are open. empty: no bytes.
 */
export type PaperProblem = "too_large" | "too_long" | "locked" | "broken" | "unknown" | "heic" | "full" | "empty" | "no_program";

export class PaperError extends Error {
  readonly problem: PaperProblem;

  constructor(problem: PaperProblem) {
    super(problem);
    this.name = "PaperError";
    this.problem = problem;
  }
}

/**
 * Why something that was thrown can't be shown. By its name: the program that opens files is loaded apart and has a class of its
 * own.
 */
export function problemIn(error: unknown): PaperProblem {
  return error instanceof Error && error.name === "PaperError" ? (error as PaperError).problem : "broken";
}

export type FileKind = "pdf" | "picture" | "heic" | "unknown";

/** What a file is by its first bytes, whatever its name says. */
export function kindOf(head: Uint8Array): FileKind {
  const text = String.fromCharCode(...head.subarray(0, 1024));
  // Some programs write a line or two before. (ISO 32000-1, Annex H, note 13)
  if (text.includes("%PDF-")) return "pdf";
  if (text.startsWith("\xff\xd8\xff") || text.startsWith("\x89PNG\r\n\x1a\n")) return "picture";
  if (text.startsWith("GIF8") || (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP")) return "picture";
  // ISO/IEC 23008-12: an ISO base media file with one of these brands.
  if (text.slice(4, 8) === "ftyp" && /^(heic|heix|heim|heis|hevc|mif1|msf1)$/.test(text.slice(8, 12))) return "heic";
  if (text.slice(4, 8) === "ftyp" && text.slice(8, 12) === "avif") return "picture";
  return "unknown";
}

/** A size that keeps its shape and whose longer side is so long at most. */
export function within(width: number, height: number, side: number): { width: number; height: number } {
  const scale = Math.min(1, side / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
