import { layOut } from "./document.ts";
import type { Doc } from "./document.ts";

const COLUMNS = 80;
const TAB = 8;

/** A line of a file: text as it is, or a document `tabs` deep. */
export type Line = string | { tabs: number; doc: Doc };

export const line = (tabs: number, ...doc: Doc[]): Line => ({ tabs, doc });

function fold(text: string, columns: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && last.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}

/** The paragraphs of a doc comment, whose lines are broken elsewhere: a line goes on in the next one. */
function paragraphs(doc: string): string[] {
  const texts: string[] = [];
  for (const text of doc.split("\n")) {
    const last = texts.at(-1);
    if (last === undefined || last === "" || text === "" || /^[-*] /.test(text)) texts.push(text);
    else texts[texts.length - 1] = `${last} ${text.trim()}`;
  }
  return texts;
}

/** A doc comment, in the kernel's style. */
export function comment(doc: string, tabs = 0): string[] {
  if (doc === "") return [];
  const indent = "\t".repeat(tabs);
  const lines = paragraphs(doc).flatMap((text) => fold(text, COLUMNS - 3 - tabs * TAB));
  const [first = ""] = lines;
  if (lines.length === 1 && tabs * TAB + first.length + 6 <= COLUMNS) return [`${indent}/* ${first} */`];
  return [`${indent}/*`, ...lines.map((text) => `${indent} * ${text}`.trimEnd()), `${indent} */`];
}

/** The text of a file; empty lines are never doubled. */
export function print(lines: readonly Line[]): string {
  const text = lines.map((item) => (typeof item === "string" ? item : layOut(item.doc, item.tabs))).join("\n");
  return `${text.replace(/\n{3,}/g, "\n\n").trimEnd()}\n`;
}
