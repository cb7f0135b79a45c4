import test from "ava";
import { escapeText, jsonText } from "./escape.ts";
import { printable } from "./paths.ts";

/** Characters that must not reach a terminal, by name, and their shown form. */
const cases: [title: string, text: string, shown: string][] = [
  ["escape", "\u001b", "\\x1b"],
  ["NUL", "\u0000", "\\x00"],
  ["newline", "\n", "\\x0a"],
  ["carriage return", "\r", "\\x0d"],
  ["tab", "\t", "\\x09"],
  ["delete", "\u007f", "\\x7f"],
  ["control sequence introducer, one character", "\u009b", "\\x9b"],
  ["next line", "\u0085", "\\x85"],
  ["line separator", "\u2028", "\\u2028"],
  ["paragraph separator", "\u2029", "\\u2029"],
  ["right-to-left override", "\u202e", "\\u202e"],
  ["right-to-left isolate", "\u2067", "\\u2067"],
  ["Arabic letter mark", "\u061c", "\\u061c"],
  ["soft hyphen", "\u00ad", "\\xad"],
  ["zero width space", "\u200b", "\\u200b"],
  ["zero width joiner", "\u200d", "\\u200d"],
  ["byte order mark", "\ufeff", "\\ufeff"],
  ["Hangul filler", "\u3164", "\\u3164"],
  ["tag", "\u{e0041}", "\\u{e0041}"],
  ["unpaired high surrogate", "\ud800", "\\ud800"],
  ["unpaired low surrogate", "\udc00", "\\udc00"],
];

for (const [title, text, shown] of cases) {
  test(`escaped in text and JSON: ${title}`, (t) => {
    t.is(escapeText(`a${text}b${text}`), `a${shown}b${shown}`);
    const value = { [text]: [text, "plain"] };
    t.notRegex(jsonText(value), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}]/u);
    t.deepEqual(JSON.parse(jsonText(value)), value);
    if (text !== "\u0000" && text.isWellFormed()) t.is(printable(`/a${text}`), `/a${shown}`);
  });
}

test("text that is not misleading stays", (t) => {
  const text = "/usr/share/Füße/日本語/שלום 🧩 'quoted' \\x1b";
  t.is(escapeText(text), text);
  t.is(printable(text), text);
  t.is(jsonText(text), JSON.stringify(text));
});
