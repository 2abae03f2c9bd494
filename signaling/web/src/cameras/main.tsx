// The page on which a camera is set up: what the server has put into it, and the editor.
import { render } from "preact";
import { Asking } from "./asking.ts";
import { Editor } from "./editor.tsx";
import type { Geometry, Neighbours, Shape } from "./geometry.ts";
import { type CameraKey, wordsOf } from "./words.ts";

/** As signaling/src/staff/cameras/one.rs writes it. */
export interface CameraFacts {
  id: string;
  shapes: Shape[];
  needs_line: boolean;
  capacity: number;
  version: number;
  geometry: Geometry;
  neighbours: Neighbours;
  most_overlaps: number;
  counts_overlaps: boolean;
  films: string[];
  /** The largest film that may be brought, in bytes; null: none may. */
  largest_film: number | null;
  film_held_for_s: number;
  shown_for_s: number;
  csrf: string;
}

const json = (id: string): unknown => JSON.parse(document.getElementById(id)?.textContent ?? "");

const root = document.getElementById("app");
if (root) {
  const facts = json("camera") as CameraFacts;
  const t = wordsOf(json("texts") as Record<CameraKey, string>);
  root.replaceChildren();
  render(<Editor facts={facts} asking={new Asking(facts.id, facts.csrf)} t={t} />, root);
}
