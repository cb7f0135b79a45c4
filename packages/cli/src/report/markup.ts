import { escapeText } from "@puzzlefs/linux";

/** A piece of a page in which every text is escaped. */
export class Markup {
  readonly text: string;

  /** @param text HTML: no part of it may come from an image or a layout unescaped */
  constructor(text: string) {
    this.text = text;
  }
}

type Value = string | number | Markup | readonly Markup[];

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text as the content of an element or of a quoted attribute, without characters that could mislead a reader. */
function escaped(text: string): string {
  return escapeText(text).replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

/** A template of HTML: values are escaped, unless they are Markup themselves. */
export function html(pieces: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return new Markup(pieces.map((piece, i) => (i === 0 ? "" : textOf(values[i - 1] as Value)) + piece).join(""));
}

/** No markup. */
export const nothing = new Markup("");

function textOf(value: Value): string {
  if (value instanceof Markup) return value.text;
  return typeof value === "object" ? value.map(({ text }) => text).join("") : escaped(String(value));
}
