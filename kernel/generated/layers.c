// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/layers.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/layers.ts: searchInodes() */
/*
 * The position of `ino` among the inodes of a layer, or their number if it is
 * not there.
 */
u32 pfs_search_inodes(struct pfs_inode_list inodes, u64 ino)
{
	u64 first = pfs_inode_ino(pfs_inode_at(inodes, 0));
	u64 last = pfs_inode_ino(pfs_inode_at(inodes,
					      pfs_difference(inodes.part.count,
							     1)));
	u32 guess = pfs_narrow(pfs_difference(ino, first));
	u64 gaps;
	u32 low;
	u32 high;

	if (guess < inodes.part.count &&
	    pfs_inode_ino(pfs_inode_at(inodes, guess)) == ino)
		return guess;
	gaps = pfs_difference(pfs_difference(last, first),
			      pfs_difference(inodes.part.count, 1));
	low = pfs_difference(guess, gaps);
	high = guess < inodes.part.count ? guess : inodes.part.count;
	for (u64 bound = U64_MAX;
	     low < high && pfs_halves(&bound, pfs_difference(high, low));) {
		u32 middle = ((u64)low + high) / 2;
		u64 found = pfs_inode_ino(pfs_inode_at(inodes, middle));

		if (found == ino)
			return middle;
		if (found < ino)
			low = pfs_narrow((u64)middle + 1);
		else
			high = middle;
	}
	return inodes.part.count;
}

/* schema/layers.ts: hasInode() */
/* Whether any layer has `ino`; a whiteout counts. */
bool pfs_has_inode(struct pfs_inode_vector_list layers, u64 ino)
{
	for (u32 layer = 0; layer < layers.part.count && pfs_tick(); layer++) {
		struct pfs_inode_list inodes =
			pfs_inode_vector_inodes(pfs_inode_vector_at(layers,
								    layer));

		if (pfs_search_inodes(inodes, ino) < inodes.part.count)
			return true;
	}
	return false;
}

/* schema/layers.ts: newestRecord() */
/*
 * Finds `ino` in the newest of the layers that has it, perhaps a whiteout.
 * `newest` is the inodes of the first layer: a caller that looks up many reads
 * them once.
 */
bool pfs_newest_record(struct pfs_inode_vector_list layers,
		       struct pfs_inode_list newest, u64 ino,
		       struct pfs_inode_record *out)
{
	u32 first = pfs_search_inodes(newest, ino);
	u64 before;

	if (first < newest.part.count) {
		*out = (struct pfs_inode_record) {
			.ordinal = first,
			.inode = pfs_inode_at(newest, first),
		};
		return true;
	}
	before = newest.part.count;
	for (u32 layer = 1; layer < layers.part.count && pfs_tick(); layer++) {
		struct pfs_inode_list inodes =
			pfs_inode_vector_inodes(pfs_inode_vector_at(layers,
								    layer));
		u32 index = pfs_search_inodes(inodes, ino);

		if (index < inodes.part.count) {
			*out = (struct pfs_inode_record) {
				.ordinal = (u64)pfs_narrow(before) + index,
				.inode = pfs_inode_at(inodes, index),
			};
			return true;
		}
		before = (u64)pfs_narrow(before) + inodes.part.count;
	}
	return false;
}

/* schema/layers.ts: resolveInode() */
/* Inode `ino` as newestRecord finds it; a whiteout means absent. */
bool pfs_resolve_inode(struct pfs_inode_vector_list layers,
		       struct pfs_inode_list newest, u64 ino,
		       struct pfs_inode_record *out)
{
	struct pfs_inode_record found;
	bool found_found;

	found_found = pfs_newest_record(layers, newest, ino, &found);
	if (!found_found)
		return false;
	if (pfs_inode_mode_kind(found.inode) == PFS_INODE_MODE_WHT)
		return false;
	*out = found;
	return true;
}

/* schema/layers.ts: findInodeRecord() */
/*
 * The record of inode `ino`: that of the newest layer that has it, unless it is
 * a whiteout.
 */
bool pfs_find_inode_record(struct pfs_rootfs image, u64 ino,
			   struct pfs_inode_record *out)
{
	struct pfs_inode_vector_list layers = pfs_rootfs_metadatas(image);

	return pfs_resolve_inode(layers,
				 pfs_inode_vector_inodes(pfs_inode_vector_at(layers, 0)),
				 ino, out);
}

/* schema/layers.ts: resolvedInode() */
/* The inode that resolveInode finds. */
bool pfs_resolved_inode(struct pfs_inode_vector_list layers,
			struct pfs_inode_list newest, u64 ino,
			struct pfs_inode *out)
{
	struct pfs_inode_record found;
	bool found_found;

	found_found = pfs_resolve_inode(layers, newest, ino, &found);
	if (!found_found)
		return false;
	*out = found.inode;
	return true;
}

/* schema/layers.ts: findInode() */
/*
 * Inode `ino`: that of the newest layer that has it, unless it is a whiteout.
 */
bool pfs_find_inode(struct pfs_rootfs image, u64 ino, struct pfs_inode *out)
{
	struct pfs_inode_vector_list layers = pfs_rootfs_metadatas(image);

	return pfs_resolved_inode(layers,
				  pfs_inode_vector_inodes(pfs_inode_vector_at(layers, 0)),
				  ino, out);
}

/* schema/layers.ts: countRecords() */
/* How many inode records the image has, in all layers. */
u64 pfs_count_records(struct pfs_rootfs image)
{
	u64 records = 0;
	struct pfs_inode_vector_list layer_list;

	layer_list = pfs_rootfs_metadatas(image);
	for (u32 layer_index = 0;
	     layer_index < layer_list.part.count && pfs_tick(); layer_index++) {
		struct pfs_inode_vector layer =
			pfs_inode_vector_at(layer_list, layer_index);

		records = (u64)pfs_narrow(records) +
			  pfs_inode_vector_inodes(layer).part.count;
	}
	return records;
}
