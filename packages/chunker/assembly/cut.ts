/*
 * FastCDC's cut, in AssemblyScript: the one loop that sees every byte of a build. It works in place on shared
 * memory that the host allocates, fills and hands to other threads; nothing is copied in or out.
 *
 * The host lays out the first page: the gear table at GEAR, the same table shifted left by one at GEAR_SHIFTED.
 */

const GEAR: usize = 0;
const GEAR_SHIFTED: usize = 2048;

let minSize: u32 = 0;
let avgSize: u32 = 0;
let maxSize: u32 = 0;
let strictMask: u64 = 0;
let looseMask: u64 = 0;

/** Sets the sizes in bytes, the mask used up to the average size and the one used beyond it. */
export function configure(min: u32, avg: u32, max: u32, strict: u64, loose: u64): void {
  minSize = min;
  avgSize = avg;
  maxSize = max;
  strictMask = strict;
  looseMask = loose;
}

/**
 * Length of the chunk that begins at `start`, when `length` bytes follow there. Shorter than what is
 * offered only if a cut point was found or the maximum was reached: with less than the maximum on offer and more
 * data to come, the answer may still change.
 */
export function cut(start: usize, length: u32): u32 {
  if (length <= minSize) return length;
  const limit = min(length, maxSize);
  const center = min(limit, avgSize);
  // Two bytes a step, so every region ends on an even offset; the last odd byte is never looked at.
  const stop = start + (limit & ~1);
  const turn = min(stop, start + (center & ~1));
  let at = start + (minSize & ~1);
  let hash: u64 = 0;

  let mask = strictMask;
  let shifted = mask << 1;
  while (at < turn) {
    hash = (hash << 2) + load<u64>((<usize>load<u8>(at)) << 3, GEAR_SHIFTED);
    if (!(hash & shifted)) return <u32>(at - start);
    hash += load<u64>((<usize>load<u8>(at, 1)) << 3, GEAR);
    if (!(hash & mask)) return <u32>(at + 1 - start);
    at += 2;
  }

  mask = looseMask;
  shifted = mask << 1;
  while (at < stop) {
    hash = (hash << 2) + load<u64>((<usize>load<u8>(at)) << 3, GEAR_SHIFTED);
    if (!(hash & shifted)) return <u32>(at - start);
    hash += load<u64>((<usize>load<u8>(at, 1)) << 3, GEAR);
    if (!(hash & mask)) return <u32>(at + 1 - start);
    at += 2;
  }
  return limit;
}
