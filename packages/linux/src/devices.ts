/**
 * Device numbers as Linux passes them to and from user space: 12 bits of major, 20 bits of minor, interleaved in
 * 32 bits (`st_rdev` of node:fs, the last argument of mknod, `rdev` of FUSE).
 */

/** Throws RangeError for numbers that the kernel cannot represent: it would silently make another device. */
export function makedev(major: number, minor: number): number {
  if (
    !Number.isInteger(major) ||
    major < 0 ||
    major > 0xfff ||
    !Number.isInteger(minor) ||
    minor < 0 ||
    minor > 0xfffff
  )
    throw new RangeError(`device number ${major}:${minor} is beyond 4095:1048575`);
  return (minor & 0xff) + major * 0x100 + (minor >>> 8) * 0x100000;
}

/** Major number of a device number. */
export function majorOf(device: number): number {
  return (device >>> 8) & 0xfff;
}

/** Minor number of a device number. */
export function minorOf(device: number): number {
  return (device & 0xff) | ((device >>> 12) & 0xfff00);
}
