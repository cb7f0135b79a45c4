import { hash } from "node:crypto";

/**
 * The gear table of FastCDC: for each byte value, the first eight bytes (big-endian) of the MD5 of 64 such bytes. That
 * is how the reference implementation made it, so it is computed rather than listed; a test pins some entries.
 */
export function gearTable(): BigUint64Array {
  const table = new BigUint64Array(256);
  for (let byte = 0; byte < 256; byte++) {
    table[byte] = hash("md5", Buffer.alloc(64, byte), "buffer").readBigUInt64BE(0);
  }
  return table;
}

/**
 * The masks of FastCDC, for averages of 2^7 bytes and up. The one for 2^n has n bits set, spread by hand by the
 * authors of the paper (to 2^17) and of restic's port; they are facts that define the cut points and follow no rule.
 */
const masks = [
  0x18035100n,
  0x1800035300n,
  0x19000353000n,
  0x590003530000n,
  0xd90003530000n,
  0xd90103530000n,
  0xd90303530000n,
  0xd90313530000n,
  0xd90f03530000n,
  0xd90303537000n,
  0xd90703537000n,
  0xd90707537000n,
  0xd91707537000n,
  0xd91747537000n,
  0xd91767537000n,
  0xd93767537000n,
  0xd93777537000n,
];

/**
 * The two masks for an average chunk size in bytes, at normalization level 1: one bit stricter than the average asks
 * for until the average is reached, one bit looser from there on.
 */
export function cutMasks(avg: number): { strict: bigint; loose: bigint } {
  const bits = Math.round(Math.log2(avg));
  return { strict: masks[bits + 1 - 7], loose: masks[bits - 1 - 7] };
}
