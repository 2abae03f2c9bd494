// What is different when somebody sits in a booth: a second camera over papers, and a printer. Staff ask for both; the booth's
// page does it, and tells how it goes. Invariant: only a booth's page ever does something because another asks, and only
// what staff may ask for.
import type { Paper } from "./papers/shelf.ts";

export interface BoothParts {
  camera: boolean;
  printer: boolean;
}

/** How a print goes. `asked`: the booth hasn't answered yet; the last eleven are as the server names a printer's troubles. */
export const PRINT_STATES = [
  "asked",
  "printing",
  "done",
  "away",
  "no_paper",
  "jam",
  "open",
  "no_ink",
  "busy",
  "stopped",
  "unknown",
  "not_pages",
  "failed",
] as const;
export type PrintState = (typeof PRINT_STATES)[number];

export function isPrintState(value: unknown): value is PrintState {
  return PRINT_STATES.some((one) => one === value);
}

/** Whether a print goes on, with or without somebody's help. */
export function isUnderWay(state: PrintState | undefined): boolean {
  return state !== undefined && state !== "done" && state !== "failed" && state !== "not_pages";
}

/** What a booth's page does when staff ask for it. */
export interface BoothHands {
  readonly parts: BoothParts;
  documentCamera(isOn: boolean): void;
  print(paper: Paper, tell: (state: PrintState) => void): void;
}
