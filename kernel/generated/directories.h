/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/directories.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_DIRECTORIES_H
#define _PFS_DIRECTORIES_H

#include "../format_base.h"
#include "layers.h"
#include "metadata.h"

/*
 * Largest number of records of one directory with lookBelow: a name is looked
 * up in one after the other.
 */
#define PFS_MAX_LOOK_BELOW 16

/*
 * A name that a directory shows; `cookie` resumes the listing after it: the
 * number of entries of the directory up to this one, in its newer records and
 * in its own, shown or not. It fits in the 31 bits of an offset in 32-bit
 * programs.
 */
struct pfs_visible_entry {
	u64 cookie;
	/*
	 * Whether the directory shows it; otherwise many entries were hidden,
	 * and the listing goes on after `cookie`.
	 */
	bool shown;
	struct pfs_dir_entry entry;
	u64 ordinal;
	struct pfs_inode inode;
};

/*
 * A record of a directory: its layer, its position among the inodes of the
 * layer, and its names; in a listing, also the number of entries of newer
 * records, and whether there are any: a name of theirs hides one of this
 * record.
 */
struct pfs_dir_record {
	u32 layer;
	u32 position;
	struct pfs_dir_entry_list entries;
	bool look_below;
	u32 before;
	bool covered;
};

/* If pfs_stopped(), the result has no meaning: */
bool pfs_find_dir_record(struct pfs_layers layers, u64 dir, u32 from,
			 struct pfs_dir_record *out);
/* If pfs_stopped(), the result has no meaning: */
bool pfs_find_name(struct pfs_layers layers, struct pfs_scratch_u32 index,
		   struct pfs_inode_record directory, struct pfs_bytes name,
		   struct pfs_inode_record *out);
/* If pfs_stopped(), the result has no meaning: */
bool pfs_is_hidden(struct pfs_layers layers, u32 layer, u64 dir,
		   struct pfs_bytes name);
/* If pfs_stopped(), the result has no meaning: */
bool pfs_open_listing(struct pfs_layers layers,
		      struct pfs_inode_record directory, u64 cookie,
		      struct pfs_dir_record *out);
/* If pfs_stopped(), the result has no meaning: */
bool pfs_next_listing(struct pfs_layers layers, u64 dir,
		      struct pfs_dir_record record, struct pfs_dir_record *out);
/* If pfs_stopped(), the result has no meaning: */
bool pfs_next_visible_entry(struct pfs_layers layers, u64 dir,
			    struct pfs_dir_record record, u64 cookie,
			    struct pfs_visible_entry *out);
/* If pfs_stopped(), the result has no meaning: */
bool pfs_next_name(struct pfs_rootfs image, u64 dir, u64 cookie,
		   struct pfs_visible_entry *out);

#endif /* _PFS_DIRECTORIES_H */
