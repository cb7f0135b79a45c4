/**
 * Untrusted text (names, values) as messages, logs and JSON show it. It is read on terminals and line by line.
 *
 * Escaped are control characters (C0, C1 and newlines), line and paragraph separators, format characters (those that
 * change the direction of text, or have no width), characters that nothing shows, and unpaired surrogates.
 */
export const MISLEADING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Text on one line, with `\xNN`, `\uNNNN` or `\u{NNNNN}` for a character that could mislead. Bytes of a path that are not
 * UTF-8 (see encoding.ts) are `\xNN` too. Not reversible.
 */
export function escapeText(text: string): string {
  return text.replace(MISLEADING, (character) => {
    const unit = character.codePointAt(0) ?? 0;
    const code = unit >= 0xdc80 && unit <= 0xdcff ? unit - 0xdc00 : unit;
    const hex = code.toString(16);
    if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
    return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`;
  });
}

/** A value as JSON on one line, with `\uNNNN` for the same characters: JSON.stringify leaves most of them as they are. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value).replace(MISLEADING, (character) => {
    const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
  });
}
