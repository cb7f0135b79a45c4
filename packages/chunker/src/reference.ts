import { cutMasks, gearTable } from "./gear.ts";
import type { ChunkSizes } from "./sizes.ts";

const gear = gearTable();

/**
 * FastCDC's cut written the plain way, one byte at a time and in bignums: what the WebAssembly is tested against.
 * Length of the first chunk of `bytes`, which are all that is left of the stream or at least `sizes.max`.
 */
export function referenceCut(bytes: Uint8Array, sizes: ChunkSizes): number {
  if (bytes.length <= sizes.min) return bytes.length;
  const limit = Math.min(bytes.length, sizes.max);
  const center = Math.min(limit, sizes.avg);
  const even = (size: number): number => size - (size % 2);
  const { strict, loose } = cutMasks(sizes.avg);
  let hash = 0n;
  for (let at = even(sizes.min); at < even(limit); at++) {
    hash = ((hash << 1n) + gear[bytes[at]]) & 0xffff_ffff_ffff_ffffn;
    if ((hash & (at < even(center) ? strict : loose)) === 0n) return at;
  }
  return limit;
}
