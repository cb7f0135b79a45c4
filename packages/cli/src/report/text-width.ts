/**
 * Widths of text in the fonts that browsers use for `system-ui`, in units of the font size. There is no font to measure here, and
 * which one a reader has is not known: these are those of wide ones.
 */
const NARROW_LETTERS = /[ .,:;'|!ijlft()[\]/-]/;
const WIDE_LETTERS = /[mwMW@%&…]/;
const CAPITALS = /[A-Z_]/;

export function textWidth(text: string, fontSize: number): number {
  let width = 0;
  for (const character of text) {
    if (NARROW_LETTERS.test(character)) width += 0.4;
    else if (WIDE_LETTERS.test(character)) width += 0.95;
    else if (CAPITALS.test(character)) width += 0.74;
    else width += character.charCodeAt(0) < 0x2000 ? 0.64 : 1.1;
  }
  return width * fontSize;
}

/** A text of at most `width`: cut where it does not fit; empty where nothing of it would be recognized. */
export function fitted(text: string, fontSize: number, width: number): string {
  if (textWidth(text, fontSize) <= width) return text;
  const characters = [...text];
  const count = fitting(characters, fontSize, width - textWidth("…", fontSize));
  return count < 3 ? "" : `${characters.slice(0, count).join("")}…`;
}

/** The same for names, whose ends differ: the middle is cut. */
export function fittedName(name: string, fontSize: number, width: number): string {
  if (textWidth(name, fontSize) <= width) return name;
  const characters = [...name];
  const half = (width - textWidth("…", fontSize)) / 2;
  const head = fitting(characters, fontSize, half);
  const tail = fitting(characters.toReversed(), fontSize, half);
  return head + tail < 3
    ? ""
    : `${characters.slice(0, head).join("")}…${characters.slice(characters.length - tail).join("")}`;
}

/** How many characters fit. */
function fitting(characters: readonly string[], fontSize: number, width: number): number {
  let left = width;
  const end = characters.findIndex((character) => (left -= textWidth(character, fontSize)) < 0);
  return end === -1 ? characters.length : end;
}
