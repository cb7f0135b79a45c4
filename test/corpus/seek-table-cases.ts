/** Compressed blobs whose seek table breaks a rule. */
import type { CorpusCase } from "./corpus-case.ts";

/* The numbers of hostile images are their own, so that a wrong one in schema/ is noticed. */
const SKIPPABLE = 0x184d2a5e;
const SEEKABLE = 0x8f92eab1;

/** The content of a seek table. */
export interface SeekTable {
  /** Stored and uncompressed bytes of each frame. */
  frames: readonly (readonly [stored: number, content: number])[];
  /** Number of frames in the footer, if it is wrong. */
  count?: number;
  flags?: number;
  magic?: number;
  /** Bytes after the header of the skippable frame, if the header is wrong. */
  size?: number;
}

/** A seek table as zstd's seekable format has it: a skippable frame of entries, and a footer. */
export function seekTable({ frames, count = frames.length, flags = 0, magic = SEEKABLE, size }: SeekTable): Uint8Array {
  const entry = (flags & 0x80) === 0 ? 8 : 12;
  const table = Buffer.alloc(8 + frames.length * entry + 9);
  table.writeUInt32LE(SKIPPABLE, 0);
  table.writeUInt32LE(size ?? table.length - 8, 4);
  frames.forEach(([stored, content], i) => {
    table.writeUInt32LE(stored, 8 + i * entry);
    table.writeUInt32LE(content, 12 + i * entry);
  });
  table.writeUInt32LE(count, table.length - 9);
  table.writeUInt8(flags, table.length - 5);
  table.writeUInt32LE(magic, table.length - 4);
  return table;
}

/** A blob of one frame of 20 bytes, with a table that does not match it. */
function blob(rule: string, changes: Partial<SeekTable>): CorpusCase {
  const table = seekTable({ frames: [[20, 100]], ...changes });
  return { rule, object: "seek-table", bytes: Buffer.concat([Buffer.alloc(20), table]) };
}

export function seekTableCases(): CorpusCase[] {
  return [
    blob("seek-table-truncated", { count: 6 }),
    blob("seek-table-magic", { magic: SEEKABLE + 1 }),
    blob("seek-table-flags", { flags: 4 }),
    blob("seek-table-frames", { count: 2 ** 27 + 1 }),
    blob("seek-table-size", { size: 18 }),
    blob("seek-table-frame-too-large", { frames: [[20, 2 ** 24 + 1]] }),
    blob("seek-table-stored-too-large", { frames: [[165, 100]] }),
    blob("seek-table-sum", { frames: [[21, 100]] }),
    blob("seek-table-frame-too-small", {
      frames: [
        [8, 100],
        [12, 0],
      ],
    }),
    blob("seek-table-empty-frame", {
      frames: [
        [10, 0],
        [10, 100],
      ],
    }),
  ];
}
