/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/layers.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_LAYERS_H
#define _PFS_LAYERS_H

#include "../format_base.h"
#include "metadata.h"

/* The root directory's inode number. */
#define PFS_ROOT_INO 1
/*
 * Largest number of layers. An inode is looked up in one layer after the other,
 * so more could cost minutes.
 */
#define PFS_MAX_LAYERS 128

/*
 * An inode, and its number among all inode records of the image, layer after
 * layer: it is at `position` of `layer`.
 */
struct pfs_inode_record {
	u64 ordinal;
	u32 layer;
	u32 position;
	struct pfs_inode inode;
};

/*
 * What every look-up begins with, followed once: the layers of an image, the
 * inodes of the newest one, and the number of the first of these.
 */
struct pfs_layers {
	struct pfs_inode_vector_list all;
	struct pfs_inode_list newest;
	u64 first;
};

u32 pfs_search_inodes(struct pfs_inode_list inodes, u64 ino);
struct pfs_layers pfs_open_layers(struct pfs_rootfs image);
/* If pfs_stopped(), the result has no meaning: */
bool pfs_has_inode(struct pfs_layers layers, u64 ino);
/* If pfs_stopped(), the result has no meaning: */
bool pfs_newest_record(struct pfs_layers layers, u64 ino,
		       struct pfs_inode_record *out);
/* If pfs_stopped(), the result has no meaning: */
bool pfs_resolve_inode(struct pfs_layers layers, u64 ino,
		       struct pfs_inode_record *out);
/* If pfs_stopped(), the result has no meaning: */
bool pfs_find_inode_record(struct pfs_rootfs image, u64 ino,
			   struct pfs_inode_record *out);
/* If pfs_stopped(), the result has no meaning: */
bool pfs_find_inode(struct pfs_rootfs image, u64 ino, struct pfs_inode *out);
/* If pfs_stopped(), the result has no meaning: */
u64 pfs_count_records(struct pfs_rootfs image);

#endif /* _PFS_LAYERS_H */
