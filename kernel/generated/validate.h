/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/validate.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_VALIDATE_H
#define _PFS_VALIDATE_H

#include "../format_base.h"
#include "layers.h"
#include "metadata.h"
#include "wire.h"

/* Version of the format. */
#define PFS_MANIFEST_VERSION 3
/* Largest length of the value of an extended attribute. */
#define PFS_MAX_XATTR_VALUE_BYTES 0x10000
/*
 * Largest length of the names of all extended attributes of an inode, each with
 * a NUL: what listxattr(2) returns.
 */
#define PFS_MAX_XATTR_NAMES_BYTES 0x10000
/*
 * Largest number of runs of a file: more than the largest metadata has room
 * for, unless runs share their BlobRef. In the kernel a run takes 32 bytes.
 */
#define PFS_MAX_RUNS 0x1000000
/* Bytes of the smallest inode: its number, and the word with its kind. */
#define PFS_MIN_INODE_BYTES 16
/* Nanoseconds of a second. */
#define PFS_NANOSECONDS 1000000000
/*
 * Words that all pointers together may lead over, for each word of the message:
 * builders do not share objects.
 */
#define PFS_WORK_PER_WORD 4

/* The results of validation. */
struct pfs_summary {
	/* Visible inodes. */
	u64 inodes;
	/* Directory records whose names are not in ascending order. */
	u32 unsorted;
	/* Numbers in the index of their names, which indexNames fills. */
	u64 index;
};

bool pfs_open_rootfs(const struct pfs_message *message,
		     struct pfs_scratch_u53 work, struct pfs_failure *failure,
		     struct pfs_rootfs *out);
bool pfs_check_encoding(const struct pfs_message *message,
			struct pfs_scratch_u53 work,
			struct pfs_failure *failure, struct pfs_rootfs *out);
bool pfs_check_counts(const struct pfs_message *message,
		      struct pfs_rootfs image, struct pfs_failure *failure);
bool pfs_check_record(struct pfs_inode inode, struct pfs_failure *failure,
		      bool *out);
bool pfs_check_target(struct pfs_layers layers, struct pfs_dir_entry entry,
		      u64 dir, struct pfs_failure *failure);
bool pfs_check_root(struct pfs_rootfs image, struct pfs_failure *failure);
bool pfs_validate(struct pfs_rootfs image, struct pfs_scratch_u32 links,
		  struct pfs_scratch_u53 parents, struct pfs_scratch_u53 queue,
		  struct pfs_failure *failure, struct pfs_summary *out);

#endif /* _PFS_VALIDATE_H */
