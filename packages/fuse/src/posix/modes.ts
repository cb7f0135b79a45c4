import type { InodeKind } from "@puzzlefs/reader";

const TYPE_BITS = { fifo: 0o1, chr: 0o2, dir: 0o4, blk: 0o6, file: 0o10, lnk: 0o12, sock: 0o14 } as const;

/** st_mode */
export function modeOf(kind: InodeKind, permissions: number): number {
  return (TYPE_BITS[kind] << 12) | permissions;
}

/** glibc's makedev(3): st_rdev as user space sees it. */
export function deviceNumber({ major, minor }: { major: number; minor: number }): bigint {
  const [x, y] = [BigInt(major), BigInt(minor)];
  return ((x & 0xfffff000n) << 32n) | ((x & 0xfffn) << 8n) | ((y & 0xffffff00n) << 12n) | (y & 0xffn);
}
