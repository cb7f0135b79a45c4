import { fieldNumber } from "./numbers.ts";

/** One header block of a tar archive, as its fields are: no extended header has been applied. */
export interface Header {
  /** latin1. */
  name: string;
  linkName: string;
  /** The type flag, a character; NUL is that of old archives. */
  type: string;
  permissions: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  major: number;
  minor: number;
  /** Whether the fields after the magic are those of GNU tar's own format. */
  isGnu: boolean;
}

export const BLOCK_BYTES = 512;
export const PERMISSIONS = 0o7777;

const checksumStart = 148;
const checksumEnd = 156;
const typeOffset = 156;
const magicOffset = 257;
const starTrailer = 508;
const USTAR = "ustar\0";
const GNU = "ustar  \0";

/** Whether a block is all zeros: the end of an archive. */
export function isZero(block: Buffer): boolean {
  return block[0] === 0 && zeros.equals(block);
}

const zeros = Buffer.alloc(BLOCK_BYTES);

/** Parses a header block. A message if it is none, or has a number that cannot be read. */
export function parseHeader(block: Buffer): Header | string {
  if (!hasChecksum(block)) return "not a header of a tar archive: its checksum is wrong";
  const isGnu = block.toString("latin1", magicOffset, magicOffset + GNU.length) === GNU;
  const isUstar = block.toString("latin1", magicOffset, magicOffset + USTAR.length) === USTAR;
  const numbers = {
    mode: fieldNumber(block.subarray(100, 108)),
    uid: fieldNumber(block.subarray(108, 116)),
    gid: fieldNumber(block.subarray(116, 124)),
    size: fieldNumber(block.subarray(124, 136)),
    mtime: fieldNumber(block.subarray(136, 148)),
    major: isGnu || isUstar ? fieldNumber(block.subarray(329, 337)) : 0,
    minor: isGnu || isUstar ? fieldNumber(block.subarray(337, 345)) : 0,
  };
  for (const [field, value] of Object.entries(numbers))
    if (value === undefined) return `the field ${field} of its header is no number of up to 53 bits`;
  const { mode, uid, gid, size, mtime, major, minor } = numbers as { [Field in keyof typeof numbers]: number };
  if (size < 0) return "its size is negative";
  const prefix = isUstar ? prefixOf(block) : "";
  const name = textAt(block, 0, 100);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkName: textAt(block, 157, 100),
    type: String.fromCharCode(block[typeOffset]),
    permissions: mode & PERMISSIONS,
    uid,
    gid,
    size,
    mtime,
    major,
    minor,
    isGnu,
  };
}

/** The directory part of a long name. star keeps times where POSIX has the end of it. */
function prefixOf(block: Buffer): string {
  const isStar = block.toString("latin1", starTrailer, BLOCK_BYTES) === "tar\0";
  return textAt(block, 345, isStar ? 131 : 155);
}

/** Text up to a NUL, or of the whole field. */
function textAt(block: Buffer, start: number, length: number): string {
  const end = block.indexOf(0, start);
  return block.toString("latin1", start, end === -1 ? start + length : Math.min(end, start + length));
}

/** Old programs add signed bytes. */
function hasChecksum(block: Buffer): boolean {
  const stored = fieldNumber(block.subarray(checksumStart, checksumEnd));
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < BLOCK_BYTES; at++) {
    const byte = at >= checksumStart && at < checksumEnd ? 0x20 : block[at];
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  return stored === unsigned || stored === signed;
}
