/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/names.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_NAMES_H
#define _PFS_NAMES_H

#include "../format_base.h"

/* The result of separator() for a name that has none. */
#define PFS_NO_SEPARATOR 0xff
/*
 * Largest length of a name in a directory, and of the name of an extended
 * attribute.
 */
#define PFS_MAX_NAME_BYTES 255
/*
 * Largest length of a text that hasNul() looks through: the target of a
 * symbolic link.
 */
#define PFS_MAX_TARGET_BYTES 4095

u32 pfs_compare_names(struct pfs_bytes a, struct pfs_bytes b);
bool pfs_same_bytes(struct pfs_bytes a, struct pfs_bytes b);
u32 pfs_separator(struct pfs_bytes name);
bool pfs_has_nul(struct pfs_bytes bytes);
bool pfs_is_dots(struct pfs_bytes name);

#endif /* _PFS_NAMES_H */
