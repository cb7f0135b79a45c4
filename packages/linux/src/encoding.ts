/**
 * Paths are bytes for the system and strings in this program. A byte that is not part of valid UTF-8 is a lone low
 * surrogate in the string, U+DC00 + byte (0x80 … 0xff), as in Python's PEP 383 ("surrogateescape"). Valid UTF-8 never
 * decodes to one, so every path has exactly one string, and JSON keeps it (`\udcff`). Bytes below 0x80 are never
 * written this way: no string hides a slash or a NUL.
 */
import { isUtf8 } from "node:buffer";
import { escapeText } from "./escape.ts";
import { EINVAL } from "./errno.ts";
import { SystemError } from "./library.ts";

const ESCAPE = 0xdc00;
const LONE_SURROGATE = /(\p{Cs})/u;
/** In latin1 text: a run of ASCII or of valid sequences, or a byte that is part of none. Unicode's table 3-7. */
const SEQUENCES =
  /(?:\p{ASCII}|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})+|[\x80-\xff]/gu;

/** Bytes as a string, from which bytesOf() makes the same bytes. */
export function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (isUtf8(buffer)) return buffer.toString("utf8");
  return buffer.toString("latin1").replace(SEQUENCES, (run) => {
    const code = run.charCodeAt(0);
    const isValid = run.length > 1 || code < 0x80;
    return isValid ? Buffer.from(run, "latin1").toString("utf8") : String.fromCharCode(ESCAPE + code);
  });
}

/** The bytes of a string. Throws SystemError (EINVAL) for a lone surrogate that encodes no byte. */
export function bytesOf(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, "utf8");
  const parts = text.split(LONE_SURROGATE).map((part, index) => {
    if (index % 2 === 0) return Buffer.from(part, "utf8");
    const byte = part.charCodeAt(0) - ESCAPE;
    if (byte >= 0x80 && byte <= 0xff) return Buffer.of(byte);
    const error = new SystemError(EINVAL, "encode", escapeText(text));
    error.message = `${escapeText(text)}: not a path: it has an unpaired surrogate that encodes no byte (EINVAL)`;
    throw error;
  });
  return Buffer.concat(parts);
}
