/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/manifest.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_MANIFEST_H
#define _PFS_MANIFEST_H

#include "../format_base.h"

#define PFS_MAX_MANIFEST_BYTES 67108864
/* Objects and arrays inside each other. */
#define PFS_MAX_DEPTH 32
/* Keys of one object: they are compared each with each. */
#define PFS_MAX_KEYS 64
/* A size that is none. */
#define PFS_NO_SIZE 9007199254740992ULL
/* Room for the positions of the keys of every object that is open. */
#define PFS_KEY_POSITIONS 2145
/* The whole text has been read. */
#define PFS_STEP_NONE 0
#define PFS_STEP_OPENED 1
#define PFS_STEP_CLOSED 2
#define PFS_STEP_SCALAR 3
/* There are no more. */
#define PFS_DESCRIPTOR_NONE 0
#define PFS_DESCRIPTOR_CONFIG 1
#define PFS_DESCRIPTOR_LAYER 2
#define PFS_TYPE_OTHER 0
#define PFS_TYPE_ROOTFS 1
#define PFS_TYPE_CHUNK 2
#define PFS_TYPE_COMPRESSED_CHUNK 3

/*
 * The metadata blob, as the manifest describes it; its digests are in the
 * caller's memory.
 */
struct pfs_rootfs_descriptor {
	/* Where its descriptor ends in the manifest, bytes. */
	u32 end;
	/* Whether an fs-verity digest is annotated. */
	bool has_verity;
	/* Bytes of the blob, or NO_SIZE. */
	u64 size;
};

/*
 * A character of a string: its code point, and where the next one starts. A bad
 * one has `code` BAD_CHARACTER.
 */
struct pfs_character {
	u32 code;
	u64 next;
};

/* A step over the text: what comes next, and how to go on behind it. */
struct pfs_step {
	/* One of STEP_…. */
	u32 kind;
	/* Objects and arrays that are open behind it. */
	u32 depth;
	/* Opening quote of the last key. */
	u64 key;
	/* Where it starts, and where the text goes on. */
	u64 start;
	u64 at;
	u32 want;
};

/*
 * A descriptor of a manifest, and how to go on behind it; its digests are in
 * the caller's memory.
 */
struct pfs_descriptor {
	/* One of DESCRIPTOR_…. */
	u32 kind;
	/* One of TYPE_…. */
	u32 type;
	/*
	 * Whether its digest is of the form that this format knows; that of a
	 * layer always is.
	 */
	bool has_digest;
	/* Whether an fs-verity digest is annotated. */
	bool has_verity;
	/* Bytes of the blob, or NO_SIZE. */
	u64 size;
	bool in_layers;
	struct pfs_step step;
};

bool pfs_manifest_start(struct pfs_bytes json, struct pfs_failure *failure,
			struct pfs_descriptor *out);
bool pfs_next_descriptor(struct pfs_bytes json, struct pfs_scratch_u8 open,
			 struct pfs_scratch_u32 keys,
			 struct pfs_scratch_u8 plain,
			 struct pfs_scratch_u8 digests,
			 struct pfs_descriptor last,
			 struct pfs_failure *failure,
			 struct pfs_descriptor *out);
bool pfs_find_rootfs(struct pfs_bytes json, struct pfs_scratch_u8 open,
		     struct pfs_scratch_u32 keys, struct pfs_scratch_u8 plain,
		     struct pfs_scratch_u8 layer, struct pfs_scratch_u8 digest,
		     struct pfs_scratch_u8 verity, struct pfs_failure *failure,
		     struct pfs_rootfs_descriptor *out);

#endif /* _PFS_MANIFEST_H */
