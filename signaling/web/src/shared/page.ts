// What the server has put into the page: the texts, and facts in the root element's data attributes.
import type { PageFacts } from "./components.tsx";
import { type Texts, translator } from "./texts.ts";

export interface PageCatalogue {
  /** Where the views go; what the server drew there is gone. */
  root: HTMLElement;
  texts: Texts;
  facts: PageFacts;
}

/** Throws when the page isn't one of the server's own. */
export function pageCatalogue(): PageCatalogue {
  const root = document.getElementById("app");
  const block = document.getElementById("texts");
  if (!root || !block) throw new Error("the page has no #app or no #texts");
  const texts = JSON.parse(block.textContent ?? "") as Texts;
  root.replaceChildren();
  const sections = new Map(
    [...document.querySelectorAll<HTMLElement>("#sections li")].map((item) => [item.dataset.id ?? "", item.textContent ?? ""]),
  );
  const { telephone = "", office = "", encryption = "require", frames: framesWorker = "" } = root.dataset;
  const { papers: program = "", pdfWorker: worker = "", pdfTables: tables = "" } = root.dataset;
  const papers = { program, worker, tables };
  const facts = { t: translator(texts), lang: document.documentElement.lang, telephone, office, encryption, framesWorker, papers, sections };
  return { root, texts, facts };
}
