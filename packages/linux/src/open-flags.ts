/** Flags that several system calls take, and node:fs does not have. */

/** In place of a directory descriptor: the current directory (absolute paths ignore it anyway). */
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
/** Of faccessat(2): with the effective ids. */
export const AT_EACCESS = 0x200;
/** Of unlinkat(2). */
export const AT_REMOVEDIR = 0x200;
export const AT_EMPTY_PATH = 0x1000;
export const AT_RECURSIVE = 0x8000;

/** These two have the same values on x86-64 and arm64. */
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;
