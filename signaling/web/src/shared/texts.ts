// The texts of the page's language, which the server puts into the page. Keys are checked by the compiler.
import type japanese from "../../texts/ja.json";

export type TextKey = keyof typeof japanese;
export type Texts = Record<TextKey, string>;
export type Translate = (key: TextKey, values?: Record<string, string | number>) => string;

/** Fills `{name}` with values; what has no value stays as it is, so that it is noticed. */
export function fill(text: string, values: Record<string, string | number> = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export function translator(texts: Texts): Translate {
  return (key, values) => fill(texts[key], values);
}


/** A text of several lines, as the items of a list. */
export function lines(text: string): string[] {
  return text.split("\n");
}

export function isTextKey(texts: object, key: string): key is TextKey {
  return Object.hasOwn(texts, key);
}
