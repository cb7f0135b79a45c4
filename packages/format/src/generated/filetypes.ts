// Made from schema/filetypes.ts by `make codegen`: change that, not this.

export const S_IFMT = 61440;

export const S_IFIFO = 4096;

export const S_IFCHR = 8192;

export const S_IFDIR = 16384;

export const S_IFBLK = 24576;

export const S_IFREG = 32768;

export const S_IFLNK = 40960;

export const S_IFSOCK = 49152;

/** Permissions: rwx for user, group and others, set-user-id, set-group-id and sticky. */
export const MAX_PERMISSIONS = 4095;
