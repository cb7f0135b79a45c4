// Code generated from schema/filetypes.ts by make codegen. DO NOT EDIT.

export const S_IFMT = 0o170000;

export const S_IFIFO = 0o10000;

export const S_IFCHR = 0o20000;

export const S_IFDIR = 0o40000;

export const S_IFBLK = 0o60000;

export const S_IFREG = 0o100000;

export const S_IFLNK = 0o120000;

export const S_IFSOCK = 0o140000;

/** Permissions: rwx for user, group and others, set-user-id, set-group-id and sticky. */
export const MAX_PERMISSIONS = 0o7777;
