/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/json.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_JSON_H
#define _PFS_JSON_H

#include "../format_base.h"

/* Largest depth of objects and arrays. */
#define PFS_MAX_DEPTH 32
/* Largest number of keys of one object: each is compared with all others. */
#define PFS_MAX_KEYS 64
/* Room for a mark of everything that is open, by depth. */
#define PFS_OPEN_MARKS (PFS_MAX_DEPTH + 1)
/* Room for those of every object that may be open, by depth. */
#define PFS_KEY_POSITIONS ((PFS_MAX_DEPTH + 1) * (PFS_MAX_KEYS + 1))
/* Marks of what is open at a depth. */
#define PFS_OBJECT 1
#define PFS_ARRAY 2
/* The whole text has been read. */
#define PFS_STEP_NONE 0
#define PFS_STEP_OPENED 1
#define PFS_STEP_CLOSED 2
#define PFS_STEP_SCALAR 3

/*
 * A step of the scanner: an object or array that is opened or closed, or a
 * scalar; and the state after it.
 */
struct pfs_step {
	/* One of STEP_…. */
	u32 kind;
	/* Objects and arrays that are open after it. */
	u32 depth;
	/* Position of the last key. */
	u64 key;
	/* Where it starts. */
	u64 start;
	/* Where the scan goes on. */
	u64 at;
	/* One of WANT_…: what may come next. */
	u32 want;
};

struct pfs_step pfs_scan_start(void);
bool pfs_next_step(struct pfs_bytes json, struct pfs_scratch_u8 open,
		   struct pfs_scratch_u32 keys, struct pfs_step last,
		   struct pfs_failure *failure, struct pfs_step *out);

#endif /* _PFS_JSON_H */
