// What staff have open beside a call: who can be called, a link just made, the notes. Changes only here; host.tsx draws it.
import { canEncrypt } from "../e2ee/frames.ts";
import type { Act, Colleague, Notes, Part, Problem } from "../shared/protocol.ts";
import type { Room } from "../shared/room.ts";
import { officePicture, type PictureWords } from "./picture.ts";

export type Panel = "people" | "invite" | "transfer" | "notes";

/** A guest's link that was made; it holds the secret, so it lives in this page's memory only. */
export interface GuestLink {
  seat: string;
  part: Part;
  url: string;
}

export type Saving = "saved" | "saving" | "failed" | "no";

/** Typing is saved when it pauses. */
const SAVE_AFTER_MS = 800;
const PICTURE_KEY = "madoguchi.picture";

export class Host {
  panel: Panel | null = null;
  link: GuestLink | null = null;
  colleagues: Colleague[] | null = null;
  problem: Problem | null = null;
  notes: Notes | null = null;
  saving: Saving = "no";
  /** Seats whose missed or declined ring was read. */
  readonly dismissed = new Set<string>();
  /** Of colleagues who were ever listed. */
  readonly names = new Map<string, string>();
  #save: ReturnType<typeof setTimeout> | undefined;
  /** The consultation that all this belongs to. */
  #of: string | null = null;
  readonly #room: Room;
  readonly #changed: () => void;

  constructor(room: Room, changed: () => void) {
    this.#room = room;
    this.#changed = changed;
  }

  /** Another call, or none: nothing of the one before is shown. */
  belongTo(consultation: string | null): void {
    if (this.#of === consultation) return;
    if (this.saving === "saving") void this.#saveNow();
    this.#of = consultation;
    this.dismissed.clear();
    this.#set({ panel: null, link: null, problem: null, notes: null, saving: "no" });
  }

  open(panel: Panel | null): void {
    this.#set({ panel: this.panel === panel ? null : panel, problem: null });
    if (panel === "notes" && !this.notes) void this.#loadNotes();
    if (panel === "invite" || panel === "transfer") void this.listColleagues();
  }

  /** Does something in the call. True: it is done. */
  async act(act: Act): Promise<boolean> {
    if (!this.#of) return false;
    const answer = await this.#room.act(this.#of, act);
    const problem = answer.type === "error" ? answer.problem : null;
    this.#set({ problem });
    return problem === null;
  }

  async makeLink(part: Part, isLetIn: boolean): Promise<void> {
    if (!this.#of) return;
    this.#set({ link: null, problem: null });
    const answer = await this.#room.act(this.#of, { do: "invite", part, is_let_in: isLetIn });
    if (answer.type === "error") this.#set({ problem: answer.problem });
    if (answer.type === "invited" && answer.url) this.#set({ link: { seat: answer.seat, part, url: answer.url } });
  }

  /** Rings at a colleague's; for a transfer the resident waits with music first. */
  async call(staff: string, part: Part, isTransfer: boolean): Promise<void> {
    if (isTransfer && !(await this.act({ do: "hold", is_held: true }))) return;
    await this.act({ do: "invite", part, staff, is_let_in: false });
  }

  async listColleagues(): Promise<void> {
    const answer = await this.#room.request({ type: "colleagues" });
    if (answer.type !== "colleagues") return;
    for (const { staff, name } of answer.colleagues) this.names.set(staff, name);
    this.#set({ colleagues: answer.colleagues.toSorted((a, b) => (a.name < b.name ? -1 : 1)) });
  }

  /** The colleague whose console this is comes to a call, or doesn't. */
  async answer(consultation: string, seat: string, accepts: boolean): Promise<void> {
    if (accepts) void this.#room.openDevices("asking");
    const answer = await this.#room.act(consultation, { do: "answer", seat, accepts, can_encrypt: canEncrypt() });
    if (answer.type !== "error") return;
    if (accepts) this.#room.dispatch({ type: "not_admitted" });
    this.#set({ problem: answer.problem });
  }

  write(notes: Notes): void {
    clearTimeout(this.#save);
    this.#save = setTimeout(() => void this.#saveNow(), SAVE_AFTER_MS);
    this.#set({ notes, saving: "saving" });
  }

  async #saveNow(): Promise<void> {
    clearTimeout(this.#save);
    const { notes } = this;
    const of = this.#of;
    if (!of || !notes) return;
    const answer = await this.#room.act(of, { do: "write", notes });
    if (this.notes === notes) this.#set({ saving: answer.type === "error" ? "failed" : "saved" });
  }

  /** What is typed is on the server before the call is gone. */
  async flush(): Promise<void> {
    if (this.saving === "saving" || this.saving === "failed") await this.#saveNow();
  }

  async #loadNotes(): Promise<void> {
    if (!this.#of) return;
    const answer = await this.#room.request({ type: "notes", consultation: this.#of });
    if (answer.type === "notes") this.#set({ notes: answer.notes });
    if (answer.type === "error") this.#set({ problem: answer.problem });
  }

  /** The office's picture in the camera's place, for this and later calls. */
  async showPicture(words: PictureWords | null): Promise<void> {
    try {
      localStorage.setItem(PICTURE_KEY, words ? "on" : "off");
    } catch {
      // Storage is forbidden: the choice holds for this page.
    }
    await this.#room.devices.usePicture(words && officePicture(words));
    this.#changed();
  }

  #set(change: Partial<Pick<this, "panel" | "link" | "colleagues" | "problem" | "notes" | "saving">>): void {
    Object.assign(this, change);
    this.#changed();
  }
}

/** Whether the office's picture was chosen before. */
export function wantsPicture(): boolean {
  try {
    return localStorage.getItem(PICTURE_KEY) === "on";
  } catch {
    return false;
  }
}
