/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/jsonstring.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_JSONSTRING_H
#define _PFS_JSONSTRING_H

#include "../format_base.h"

/*
 * A character of a string: its code point, or BAD_CHARACTER, and where the next
 * one starts.
 */
struct pfs_character {
	u32 code;
	u64 next;
};

bool pfs_string_end(struct pfs_bytes json, u64 at, struct pfs_failure *failure,
		    u64 *out);
/* If pfs_stopped(), the result has no meaning: */
bool pfs_same_string(struct pfs_bytes json, u64 a, u64 b);
bool pfs_string_is(struct pfs_bytes json, u64 at, struct pfs_bytes wanted);
/* If pfs_stopped(), the result has no meaning: */
u64 pfs_copy_string(struct pfs_bytes json, u64 at, struct pfs_scratch_u8 plain);

#endif /* _PFS_JSONSTRING_H */
