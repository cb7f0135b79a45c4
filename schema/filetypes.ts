/** File types: the S_IFMT bits of st_mode, as Linux numbers them. */
import type { u32 } from "./language.ts";

export const S_IFMT: u32 = 0o170000;
export const S_IFIFO: u32 = 0o010000;
export const S_IFCHR: u32 = 0o020000;
export const S_IFDIR: u32 = 0o040000;
export const S_IFBLK: u32 = 0o060000;
export const S_IFREG: u32 = 0o100000;
export const S_IFLNK: u32 = 0o120000;
export const S_IFSOCK: u32 = 0o140000;
/** Permissions: rwx for user, group and others, set-user-id, set-group-id and sticky. */
export const MAX_PERMISSIONS: u32 = 0o7777;
