/** Messages with bytes changed: bits, words, pointers, the end cut off. */
import type { Random } from "@puzzlefs/testing";

/** A pointer to something near, of any kind and size, most of them small. */
function randomPointer(random: Random): bigint {
  const small = (): number => (random.once(4) ? random.bits() : random.below(40));
  const offset = random.once(2) ? random.below(64) : 2 ** 30 - 1 - random.below(64);
  const kind = random.pick([0, 1, 1, 2, 3]);
  if (kind === 2)
    return BigInt(((random.below(64) << 3) | (random.below(2) << 2) | 2) >>> 0) | (BigInt(random.below(5)) << 32n);
  const low = BigInt(offset * 4 + kind);
  if (kind === 0) return low | (BigInt(random.below(6)) << 32n) | (BigInt(random.below(4)) << 48n);
  return low | (BigInt(random.pick([2, 2, 7, 7, 0, 1, 3, 4, 5, 6])) << 32n) | (BigInt(small() % 2 ** 29) << 35n);
}

const NUMBERS = [0n, 1n, 2n, 3n, 0xffffffffn, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];

function spoilOnce(bytes: Buffer, random: Random): Buffer {
  const words = Math.floor(bytes.length / 8);
  if (words < 2) return bytes;
  const at = random.below(words) * 8;
  const other = random.below(words) * 8;
  const turn = random.below(16);
  if (turn < 5) {
    const flipped = random.below(bytes.length);
    bytes[flipped] = (bytes[flipped] ?? 0) ^ (1 << random.below(8));
  } else if (turn === 5) bytes[at + random.below(8)] = random.below(256);
  else if (turn === 6) bytes.copy(bytes, other, at, at + 8);
  else if (turn === 7) bytes.writeBigUInt64LE(random.pick(NUMBERS), at);
  else if (turn < 11) bytes.writeBigUInt64LE(BigInt.asUintN(64, randomPointer(random)), at);
  else if (turn === 11) bytes.writeInt32LE((bytes.readInt32LE(at) + random.pick([-8, -4, 4, 8, 1, 2])) | 0, at);
  else if (turn < 14)
    bytes.writeInt32LE((bytes.readInt32LE(at + 4) + random.pick([-8, -1, 1, 8, 0x10000, -0x10000])) | 0, at + 4);
  else if (turn === 14) bytes.writeUInt32LE(random.below(600), random.pick([0, 4, 8]));
  else return bytes.subarray(0, random.once(2) ? random.below(bytes.length) : at);
  return bytes;
}

/** A copy of `message` with one to three changes. */
export function damaged(message: Uint8Array, random: Random): Uint8Array {
  let bytes: Buffer = Buffer.from(message);
  for (let changes = 1 + random.below(3); changes > 0; changes--) bytes = spoilOnce(bytes, random);
  return bytes;
}
