// The console's state beside the room: the list, the link just made, words for the person. Changes only
// here; the views draw it.
import { canEncrypt } from "../e2ee/frames.ts";
import { chime } from "../shared/meter.ts";
import type { Act, Consultation, Problem, ServerBody } from "../shared/protocol.ts";
import { Room, type RoomOptions } from "../shared/room.ts";
import { Host } from "./host.ts";
import { type Consultations, newlyWaiting, without, withNews } from "./list.ts";

/** A link that was made; it holds the secret, so it lives in this page's memory only. */
export interface MadeLink {
  id: string;
  section: string;
  url: string;
  expiresAt: number;
}

const SOUND_KEY = "madoguchi.sound";

export class Console {
  readonly room: Room;
  /** What is open beside a call. */
  readonly host: Host;
  list: Consultations = [];
  /** Whether the list was told at least once. */
  isKnown = false;
  link: MadeLink | null = null;
  /** The section whose link is being made. */
  making: string | null = null;
  problem: Problem | null = null;
  /** The last one who began to wait, to be read out. */
  arrived: Consultation | null = null;
  isSoundOn: boolean;
  readonly #csrf: string;
  readonly #listeners = new Set<() => void>();

  constructor(csrf: string, options: Omit<RoomOptions, "onNews">) {
    this.#csrf = csrf;
    this.isSoundOn = readSound();
    this.room = new Room({ kind: "staff" }, { ...options, onNews: (body) => this.#news(body) });
    this.host = new Host(this.room, () => this.#change({}));
    this.room.subscribe(() => this.host.belongTo(this.room.session.stage === "call" ? this.room.session.room : null));
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Makes a link for a section; the answer is shown once. */
  async makeLink(section: string): Promise<void> {
    this.#change({ making: section, problem: null, link: null });
    try {
      const answer = await fetch("/api/consultations", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRF-Token": this.#csrf },
        body: JSON.stringify({ section }),
      });
      const body: unknown = await answer.json();
      if (!answer.ok) return this.#change({ making: null, problem: body as Problem });
      const made = body as { id: string; url: string; expires_at: number };
      this.#change({ making: null, link: { id: made.id, section, url: made.url, expiresAt: made.expires_at } });
    } catch {
      // Neither a network nor words of the server.
      this.#change({ making: null, problem: { type: "urn:madoguchi:problem:store-down", title: "", status: 0 } });
    }
  }

  /** Asks a resident in. The call opens when the server says so. */
  async admit(id: string): Promise<void> {
    this.#change({ problem: null });
    // The browser's question, if there is one, belongs to the press of the button.
    void this.room.openDevices("asking");
    const answer = await this.room.request({ type: "admit", consultation: id, can_encrypt: canEncrypt() });
    if (answer.type !== "error") return;
    this.room.dispatch({ type: "not_admitted" });
    this.#change({ problem: answer.problem });
  }

  end(id: string): void {
    if (this.link?.id === id) this.#change({ link: null });
    this.room.dispatch({ type: "hang_up", consultation: id });
  }

  /** Nobody came, or somebody else is to take it. */
  async act(id: string, act: Act): Promise<void> {
    const answer = await this.room.act(id, act);
    this.#change({ problem: answer.type === "error" ? answer.problem : null });
  }

  /** That somebody couldn't come was read. */
  dismissSeat(seat: string): void {
    this.host.dismissed.add(seat);
    this.#change({});
  }

  setSound(isOn: boolean): void {
    try {
      localStorage.setItem(SOUND_KEY, isOn ? "on" : "off");
    } catch {
      // Storage is forbidden: the choice holds for this page.
    }
    this.#change({ isSoundOn: isOn });
    if (isOn) chime();
  }

  dismiss(): void {
    this.#change({ problem: null, link: null });
  }

  #news(body: ServerBody): void {
    if (body.type === "consultations") this.#setList(body.consultations, this.isKnown);
    if (body.type === "consultation") this.#setList(withNews(this.list, body.consultation), true);
    if (body.type === "gone") this.#setList(without(this.list, body.consultation), true);
    // The room knows from now on which one it is, but not yet what the list knows of it.
    const mine = body.type === "admitted" && this.list.find((one) => one.id === body.consultation);
    if (mine) this.room.dispatch({ type: "consultation", consultation: mine });
  }

  #setList(list: Consultations, isNews: boolean): void {
    const [arrived] = newlyWaiting(this.list, list);
    if (arrived && isNews && this.isSoundOn && this.room.session.stage === "idle") chime();
    const link = list.some((one) => one.id === this.link?.id && one.phase === "booked") || !this.#wasListed ? this.link : null;
    this.#change({ list, isKnown: true, arrived: arrived ?? this.arrived, link });
  }

  /** The link's consultation is listed: from now on its state says whether the link is still of use. */
  get #wasListed(): boolean {
    return this.list.some((one) => one.id === this.link?.id);
  }

  #change(change: Partial<Pick<this, "list" | "isKnown" | "link" | "making" | "problem" | "arrived" | "isSoundOn">>): void {
    Object.assign(this, change);
    for (const listener of this.#listeners) listener();
  }
}

function readSound(): boolean {
  try {
    return localStorage.getItem(SOUND_KEY) !== "off";
  } catch {
    return true;
  }
}
