/** Place tables by their fields, read and written without the product's code (docs/format.md §6). */

export interface TablePack {
  digest: Buffer;
  verity: Buffer;
  size: number;
}

export interface TableChunk {
  digest: Buffer;
  offset: number;
  size: number;
  pack: number;
}

export interface Table {
  manifest: Buffer;
  metadata: Buffer;
  verity: Buffer;
  packs: TablePack[];
  chunks: TableChunk[];
}

const HEAD = 112;
const PACK = 72;
const CHUNK = 48;
const NUMBERS = [0x70736670, 1];

export function decodeTable(bytes: Uint8Array): Table {
  const table = Buffer.from(bytes);
  const digest = (at: number): Buffer => table.subarray(at, at + 32);
  const [packs, chunks] = [table.readUInt32LE(8), table.readUInt32LE(12)];
  const from = HEAD + packs * PACK;
  return {
    manifest: digest(16),
    metadata: digest(48),
    verity: digest(80),
    packs: Array.from({ length: packs }, (_, i) => {
      const at = HEAD + i * PACK;
      return { digest: digest(at), verity: digest(at + 32), size: Number(table.readBigUInt64LE(at + 64)) };
    }),
    chunks: Array.from({ length: chunks }, (_, i) => {
      const at = from + i * CHUNK;
      const [offset, size, pack] = [table.readBigUInt64LE(at + 32), table.readUInt32LE(at + 40), table.readUInt32LE(at + 44)];
      return { digest: digest(at), offset: Number(offset), size, pack };
    }),
  };
}

export function encodeTable({ manifest, metadata, verity, packs, chunks }: Table): Buffer {
  return Buffer.concat([
    Buffer.from(Uint32Array.from([...NUMBERS, packs.length, chunks.length]).buffer),
    manifest,
    metadata,
    verity,
    ...packs.flatMap((pack) => [pack.digest, pack.verity, wide(pack.size)]),
    ...chunks.flatMap(({ digest, offset, size, pack }) => [
      digest,
      wide(offset),
      Buffer.from(Uint32Array.of(size, pack).buffer),
    ]),
  ]);
}

function wide(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** A table with some of its fields changed. */
export function changedTable(bytes: Uint8Array, change: (table: Table) => void): Buffer {
  const table = decodeTable(Buffer.from(bytes));
  change(table);
  return encodeTable(table);
}
