/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/lookup.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_LOOKUP_H
#define _PFS_LOOKUP_H

#include "../format_base.h"
#include "metadata.h"

/* The root directory's inode number. */
#define PFS_ROOT_INO 1
/*
 * An inode is looked up in one layer after the other: with more of them a small
 * image would cost minutes.
 */
#define PFS_MAX_LAYERS 128
/*
 * Records of one directory that look below: a name is looked up in one after
 * the other.
 */
#define PFS_MAX_LOOK_BELOW 16

/*
 * An inode, and its number among all inode records of the image, layer after
 * layer.
 */
struct pfs_inode_record {
	u64 ordinal;
	struct pfs_inode inode;
};

/* A name that a directory shows; `cookie` resumes the listing after it. */
struct pfs_visible_entry {
	u64 cookie;
	struct pfs_dir_entry entry;
	u64 ordinal;
	struct pfs_inode inode;
};

/*
 * A record of a directory: its layer, its position among the inodes there, and
 * its names.
 */
struct pfs_dir_record {
	u32 layer;
	u32 position;
	struct pfs_dir_entry_list entries;
	bool look_below;
};

bool pfs_has_inode(struct pfs_inode_vector_list layers, u64 ino);
bool pfs_resolve_inode(struct pfs_inode_vector_list layers,
		       struct pfs_inode_list newest, u64 ino,
		       struct pfs_inode_record *out);
bool pfs_find_inode_record(struct pfs_rootfs image, u64 ino,
			   struct pfs_inode_record *out);
bool pfs_find_inode(struct pfs_rootfs image, u64 ino, struct pfs_inode *out);
bool pfs_find_dir_record(struct pfs_inode_vector_list layers, u64 dir, u32 from,
			 struct pfs_dir_record *out);
bool pfs_find_name(struct pfs_rootfs image, struct pfs_scratch_u32 index,
		   u64 dir, struct pfs_bytes name, struct pfs_inode *out);
bool pfs_resolve_entry(struct pfs_inode_vector_list layers,
		       struct pfs_inode_list newest, u32 layer, u64 dir,
		       struct pfs_dir_entry entry,
		       struct pfs_inode_record *out);
bool pfs_open_listing(struct pfs_rootfs image, u64 dir, u64 cookie,
		      struct pfs_dir_record *out);
bool pfs_next_listing(struct pfs_rootfs image, u64 dir,
		      struct pfs_dir_record record, struct pfs_dir_record *out);
bool pfs_next_visible_entry(struct pfs_rootfs image, u64 dir,
			    struct pfs_dir_record record, u64 cookie,
			    struct pfs_visible_entry *out);
bool pfs_next_name(struct pfs_rootfs image, u64 dir, u64 cookie,
		   struct pfs_visible_entry *out);
u64 pfs_count_records(struct pfs_rootfs image);

#endif /* _PFS_LOOKUP_H */
