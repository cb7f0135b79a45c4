// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/layers.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/layers.ts: searchBetween() */
/*
 * The same, between the position without gaps and that with all of them before
 * `ino`.
 */
static u32 pfs_search_between(struct pfs_inode_list inodes, u32 guess, u64 ino)
{
	u64 last = pfs_inode_ino(pfs_inode_at(inodes,
					      pfs_difference(inodes.part.count,
							     1)));
	u64 gaps =
		pfs_difference(pfs_difference(last,
					      pfs_inode_ino(pfs_inode_at(inodes,
									 0))),
			       pfs_difference(inodes.part.count, 1));
	u32 low = pfs_difference(guess, gaps);
	u32 high = guess < inodes.part.count ? guess : inodes.part.count;

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

/* schema/layers.ts: searchFrom() */
/*
 * The position of `ino` among the inodes of a layer, or their number if it is
 * not there. `first` is the number of the first one.
 */
static u32 pfs_search_from(struct pfs_inode_list inodes, u64 first, u64 ino)
{
	u32 guess = pfs_narrow(pfs_difference(ino, first));
	u64 guessed = pfs_inode_ino(pfs_inode_at(inodes, guess));
	u32 nearer;

	if (guessed == ino && guess < inodes.part.count)
		return guess;
	nearer = pfs_difference(guess, pfs_difference(guessed, ino));
	if (pfs_inode_ino(pfs_inode_at(inodes, nearer)) == ino &&
	    nearer < inodes.part.count)
		return nearer;
	return pfs_search_between(inodes, guess, ino);
}

/* schema/layers.ts: searchInodes() */
/*
 * The position of `ino` among the inodes of a layer, or their number if it is
 * not there.
 */
u32 pfs_search_inodes(struct pfs_inode_list inodes, u64 ino)
{
	return pfs_search_from(inodes, pfs_inode_ino(pfs_inode_at(inodes, 0)),
			       ino);
}

/* schema/layers.ts: openLayers() */
/* The layers of an image. */
struct pfs_layers pfs_open_layers(struct pfs_rootfs image)
{
	struct pfs_inode_vector_list all = pfs_rootfs_metadatas(image);
	struct pfs_inode_list newest =
		pfs_inode_vector_inodes(pfs_inode_vector_at(all, 0));

	return (struct pfs_layers) {
		.all = all,
		.newest = newest,
		.first = pfs_inode_ino(pfs_inode_at(newest, 0)),
	};
}

/* schema/layers.ts: olderRecord() */
/* Finds `ino` in a layer that is not the newest one. */
static bool pfs_older_record(struct pfs_layers layers, u64 ino,
			     struct pfs_inode_record *out)
{
	u64 before = layers.newest.part.count;

	for (u32 layer = 1; layer < layers.all.part.count && pfs_tick();
	     layer++) {
		struct pfs_inode_list inodes =
			pfs_inode_vector_inodes(pfs_inode_vector_at(layers.all,
								    layer));
		u32 position = pfs_search_inodes(inodes, ino);

		if (position < inodes.part.count) {
			*out = (struct pfs_inode_record) {
				.ordinal = (u64)pfs_narrow(before) + position,
				.layer = layer,
				.position = position,
				.inode = pfs_inode_at(inodes, position),
			};
			return true;
		}
		before = (u64)pfs_narrow(before) + inodes.part.count;
	}
	return false;
}

/* schema/layers.ts: newestRecord() */
/* Finds `ino` in the newest of the layers that has it, perhaps a whiteout. */
bool pfs_newest_record(struct pfs_layers layers, u64 ino,
		       struct pfs_inode_record *out)
{
	u32 position = pfs_search_from(layers.newest, layers.first, ino);

	if (position < layers.newest.part.count) {
		*out = (struct pfs_inode_record) {
			.ordinal = position,
			.layer = 0,
			.position = position,
			.inode = pfs_inode_at(layers.newest, position),
		};
		return true;
	}
	return pfs_older_record(layers, ino, out);
}

/* schema/layers.ts: hasInode() */
/* Whether any layer has `ino`; a whiteout counts. */
bool pfs_has_inode(struct pfs_layers layers, u64 ino)
{
	struct pfs_inode_record found;
	bool found_found;

	found_found = pfs_newest_record(layers, ino, &found);
	return found_found;
}

/* schema/layers.ts: resolveInode() */
/* Inode `ino` as newestRecord finds it; a whiteout means absent. */
bool pfs_resolve_inode(struct pfs_layers layers, u64 ino,
		       struct pfs_inode_record *out)
{
	struct pfs_inode_record found;
	bool found_found;

	found_found = pfs_newest_record(layers, ino, &found);
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
	struct pfs_layers layers = pfs_open_layers(image);

	return pfs_resolve_inode(layers, ino, out);
}

/* schema/layers.ts: findInode() */
/*
 * Inode `ino`: that of the newest layer that has it, unless it is a whiteout.
 */
bool pfs_find_inode(struct pfs_rootfs image, u64 ino, struct pfs_inode *out)
{
	struct pfs_inode_record found;
	bool found_found;

	found_found = pfs_find_inode_record(image, ino, &found);
	if (!found_found)
		return false;
	*out = found.inode;
	return true;
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
