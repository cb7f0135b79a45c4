import type { Kind } from "./status.ts";

const typeBits = { fifo: 0o1, chr: 0o2, dir: 0o4, blk: 0o6, file: 0o10, lnk: 0o12, sock: 0o14 } as const;

/** st_mode */
export function modeOf(kind: Kind, permissions: number): number {
  return typeBits[kind] * 4096 + permissions;
}
