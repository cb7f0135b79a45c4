/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/filetypes.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_FILETYPES_H
#define _PFS_FILETYPES_H

#include "../format_base.h"

#define PFS_S_IFMT 0170000
#define PFS_S_IFIFO 010000
#define PFS_S_IFCHR 020000
#define PFS_S_IFDIR 040000
#define PFS_S_IFBLK 060000
#define PFS_S_IFREG 0100000
#define PFS_S_IFLNK 0120000
#define PFS_S_IFSOCK 0140000
/*
 * Permissions: rwx for user, group and others, set-user-id, set-group-id and
 * sticky.
 */
#define PFS_MAX_PERMISSIONS 07777

#endif /* _PFS_FILETYPES_H */
