/** Records of extended headers (pax in POSIX): "LENGTH KEY=VALUE\n". Keys are latin1 strings, values are bytes. */

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
/** A length has at most 7 digits: extended headers have at most 1 MiB. */
const LONGEST_LENGTH = 7;

export interface PaxRecord {
  key: string;
  value: Buffer;
}

/** The records in their order; undefined if the text is not made of records. The values are copies. */
export function parseRecords(text: Buffer): PaxRecord[] | undefined {
  const records: PaxRecord[] = [];
  for (let at = 0; at < text.length;) {
    const space = text.indexOf(SPACE, at);
    if (space === -1 || space - at > LONGEST_LENGTH) return undefined;
    const digits = text.toString("latin1", at, space);
    const end = /^\d+$/.test(digits) ? at + Number(digits) : 0;
    if (end > text.length || end <= space + 1 || text[end - 1] !== NEWLINE) return undefined;
    const equals = text.indexOf(EQUALS, space + 1);
    if (equals === -1 || equals >= end || equals === space + 1) return undefined;
    records.push({
      key: text.toString("latin1", space + 1, equals),
      value: Buffer.from(text.subarray(equals + 1, end - 1)),
    });
    at = end;
  }
  return records;
}

/** The bytes of a record. */
export function formatRecord(key: string, value: Uint8Array | string): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value, "latin1") : value;
  const rest = Buffer.byteLength(key, "latin1") + bytes.length + 3;
  // The length counts its own digits.
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, "latin1"), bytes, Buffer.from("\n")]);
}
