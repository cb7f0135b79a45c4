// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Made from schema/lookup.ts by `make codegen`: change that, not this. */
#include "format.h"

/* A position in a listing is the layer times this, plus the entry. */
#define PFS_LAYER_SPAN 4294967296ULL

/* The position of `ino` in a layer, or of the first inode after it. */
static u32 pfs_search_inodes(struct pfs_inode_list inodes, u64 ino)
{
	u32 guess = pfs_narrow(ino > pfs_inode_ino(pfs_inode_at(inodes, 0)) ?
			       ino - pfs_inode_ino(pfs_inode_at(inodes, 0)) :
			       0);
	u32 low;
	u32 high;

	if (guess < inodes.part.count &&
	    pfs_inode_ino(pfs_inode_at(inodes, guess)) == ino)
		return guess;
	low = 0;
	high = inodes.part.count;
	for (u64 measure, bound = U64_MAX; low < high; bound = measure) {
		u32 middle;

		measure = high > low ? high - low : 0;
		if (measure >= bound)
			break;
		middle = ((u64)low + high) / 2;
		if (pfs_inode_ino(pfs_inode_at(inodes, middle)) < ino)
			low = pfs_narrow((u64)middle + 1);
		else
			high = middle;
	}
	return low;
}

/* The record of `ino` in one layer. */
static bool pfs_inode_in(struct pfs_inode_vector layer, u64 ino,
			 struct pfs_inode *out)
{
	struct pfs_inode_list inodes = pfs_inode_vector_inodes(layer);
	struct pfs_inode inode = pfs_inode_at(inodes,
					      pfs_search_inodes(inodes, ino));

	if (ino == 0 || pfs_inode_ino(inode) != ino)
		return false;
	*out = inode;
	return true;
}

/* Whether any layer holds `ino`, be it as a whiteout. */
bool pfs_is_held(struct pfs_rootfs image, u64 ino)
{
	struct pfs_inode_vector_list layer_list;

	layer_list = pfs_rootfs_metadatas(image);
	for (u32 layer_index = 0; layer_index < layer_list.part.count;
	     layer_index++) {
		struct pfs_inode_vector layer = pfs_inode_vector_at(layer_list,
								    layer_index);
		struct pfs_inode inode;
		bool inode_found;

		inode_found = pfs_inode_in(layer, ino, &inode);
		if (inode_found)
			return true;
	}
	return false;
}

/* Finds `ino` in the newest layer that holds it; a whiteout means absent. */
bool pfs_find_place(struct pfs_rootfs image, u64 ino, struct pfs_place *out)
{
	u64 before = 0;
	struct pfs_inode_vector_list layer_list;

	layer_list = pfs_rootfs_metadatas(image);
	for (u32 layer_index = 0; layer_index < layer_list.part.count;
	     layer_index++) {
		struct pfs_inode_vector layer = pfs_inode_vector_at(layer_list,
								    layer_index);
		struct pfs_inode_list inodes = pfs_inode_vector_inodes(layer);
		u32 index = pfs_search_inodes(inodes, ino);
		struct pfs_inode inode = pfs_inode_at(inodes, index);

		if (index < inodes.part.count && pfs_inode_ino(inode) == ino) {
			if (pfs_inode_mode_kind(inode) == PFS_INODE_MODE_WHT)
				return false;
			*out = (struct pfs_place) {
				.ordinal = (u64)pfs_narrow(before) + index,
				.inode = inode,
			};
			return true;
		}
		before = (u64)pfs_narrow(before) + inodes.part.count;
	}
	return false;
}

/* Finds `ino` in the newest layer that holds it; a whiteout means absent. */
bool pfs_find_inode(struct pfs_rootfs image, u64 ino, struct pfs_inode *out)
{
	struct pfs_place place;
	bool place_found;

	place_found = pfs_find_place(image, ino, &place);
	if (!place_found)
		return false;
	*out = place.inode;
	return true;
}

/*
 * The position of `name` in a directory, or its length: by halving where the
 * names are sorted.
 */
static u32 pfs_search_names(struct pfs_dir_entry_list entries, bool sorted,
			    struct pfs_bytes name)
{
	u32 low;
	u32 high;

	if (!sorted) {
		for (u32 i = 0; i < entries.part.count; i++) {
			if (pfs_same_bytes(pfs_dir_entry_name(pfs_dir_entry_at(entries, i)),
					   name))
				return i;
		}
		return entries.part.count;
	}
	low = 0;
	high = entries.part.count;
	for (u64 measure, bound = U64_MAX; low < high; bound = measure) {
		u32 middle;

		measure = high > low ? high - low : 0;
		if (measure >= bound)
			break;
		middle = ((u64)low + high) / 2;
		if (pfs_compare_names(pfs_dir_entry_name(pfs_dir_entry_at(entries, middle)),
				      name) == 0)
			low = pfs_narrow((u64)middle + 1);
		else
			high = middle;
	}
	if (low < entries.part.count &&
	    pfs_same_bytes(pfs_dir_entry_name(pfs_dir_entry_at(entries, low)),
			   name))
		return low;
	return entries.part.count;
}

/*
 * The record of directory `dir` in the newest layer from `from` on that holds
 * it as a directory.
 */
bool pfs_find_dir_record(struct pfs_rootfs image, u64 dir, u32 from,
			 struct pfs_dir_record *out)
{
	struct pfs_inode_vector_list layers = pfs_rootfs_metadatas(image);

	for (u32 layer = from; layer < layers.part.count; layer++) {
		struct pfs_inode inode;
		bool inode_found;

		inode_found = pfs_inode_in(pfs_inode_vector_at(layers, layer),
					   dir, &inode);
		if (inode_found &&
		    pfs_inode_mode_kind(inode) == PFS_INODE_MODE_DIR) {
			struct pfs_dir record = pfs_inode_mode_dir(inode);

			*out = (struct pfs_dir_record) {
				.layer = layer,
				.entries = pfs_dir_entries(record),
				.look_below = pfs_dir_look_below(record),
			};
			return true;
		}
	}
	return false;
}

/*
 * Finds what `name` stands for in directory `dir`. `sorted`: every directory
 * of the image has sorted names,
 * as validate has seen. Directories that look below always have.
 */
bool pfs_find_name(struct pfs_rootfs image, bool sorted, u64 dir,
		   struct pfs_bytes name, struct pfs_inode *out)
{
	struct pfs_inode directory;
	bool directory_found;
	u32 layer;

	directory_found = pfs_find_inode(image, dir, &directory);
	if (!directory_found)
		return false;
	if (pfs_inode_mode_kind(directory) != PFS_INODE_MODE_DIR)
		return false;
	layer = 0;
	for (u64 measure, bound = U64_MAX; layer < PFS_MAX_LAYERS;
	     bound = measure) {
		struct pfs_dir_record record;
		bool record_found;
		struct pfs_dir_entry_list entries;
		u32 index;

		measure = layer < PFS_MAX_LAYERS ? PFS_MAX_LAYERS - layer : 0;
		if (measure >= bound)
			break;
		record_found = pfs_find_dir_record(image, dir, layer, &record);
		if (!record_found)
			return false;
		entries = record.entries;
		index = pfs_search_names(entries, sorted || record.look_below,
					 name);
		if (index < entries.part.count)
			return pfs_find_inode(image,
					      pfs_dir_entry_ino(pfs_dir_entry_at(entries, index)),
					      out);
		if (!record.look_below)
			return false;
		layer = pfs_narrow((u64)record.layer + 1);
	}
	return false;
}

/*
 * Whether a layer newer than `layer` lists `name` in directory `dir`, and so
 * decides what it is.
 */
static bool pfs_hidden(struct pfs_rootfs image, u32 layer, u64 dir,
		       struct pfs_bytes name)
{
	struct pfs_inode_vector_list layers = pfs_rootfs_metadatas(image);

	for (u32 newer = 0; newer < layer; newer++) {
		struct pfs_inode inode;
		bool inode_found;

		inode_found = pfs_inode_in(pfs_inode_vector_at(layers, newer),
					   dir, &inode);
		if (inode_found &&
		    pfs_inode_mode_kind(inode) == PFS_INODE_MODE_DIR) {
			struct pfs_dir_entry_list entries =
				pfs_dir_entries(pfs_inode_mode_dir(inode));

			if (pfs_search_names(entries, true, name) <
			    entries.part.count)
				return true;
		}
	}
	return false;
}

/*
 * What an entry of a directory's record in `layer` shows: nothing where a
 * newer layer decides, or it is a whiteout.
 */
bool pfs_find_shown(struct pfs_rootfs image, u32 layer, u64 dir,
		    struct pfs_dir_entry entry, struct pfs_place *out)
{
	if (layer > 0 &&
	    pfs_hidden(image, layer, dir, pfs_dir_entry_name(entry)))
		return false;
	return pfs_find_place(image, pfs_dir_entry_ino(entry), out);
}

static u64 pfs_position_after(u32 layer, u32 index)
{
	return (layer & 65535) * PFS_LAYER_SPAN + index + 1;
}

/* The first name that directory `dir` shows after `cookie`; 0 starts. */
bool pfs_next_name(struct pfs_rootfs image, u64 dir, u64 cookie,
		   struct pfs_listed *out)
{
	u32 layer = cookie / PFS_LAYER_SPAN;
	u32 from = cookie % PFS_LAYER_SPAN;

	if (cookie == 0) {
		struct pfs_inode directory;
		bool directory_found;

		directory_found = pfs_find_inode(image, dir, &directory);
		if (!directory_found)
			return false;
		if (pfs_inode_mode_kind(directory) != PFS_INODE_MODE_DIR)
			return false;
	}
	for (u64 measure, bound = U64_MAX; layer < PFS_MAX_LAYERS;
	     bound = measure) {
		struct pfs_dir_record record;
		bool record_found;
		struct pfs_dir_entry_list entries;

		measure = layer < PFS_MAX_LAYERS ? PFS_MAX_LAYERS - layer : 0;
		if (measure >= bound)
			break;
		record_found = pfs_find_dir_record(image, dir, layer, &record);
		if (!record_found)
			return false;
		if (record.layer != layer)
			from = 0;
		entries = record.entries;
		for (u32 i = from; i < entries.part.count; i++) {
			struct pfs_place place;
			bool place_found;

			place_found = pfs_find_shown(image, record.layer, dir,
						     pfs_dir_entry_at(entries,
								      i),
						     &place);
			if (place_found) {
				u64 next = pfs_position_after(record.layer, i);

				*out = (struct pfs_listed) {
					.cookie = next,
					.entry = pfs_dir_entry_at(entries, i),
					.ordinal = place.ordinal,
					.inode = place.inode,
				};
				return true;
			}
		}
		if (!record.look_below)
			return false;
		layer = pfs_narrow((u64)record.layer + 1);
		from = 0;
	}
	return false;
}

/* How many inode records the image has, in all layers. */
u64 pfs_count_records(struct pfs_rootfs image)
{
	u64 records = 0;
	struct pfs_inode_vector_list layer_list;

	layer_list = pfs_rootfs_metadatas(image);
	for (u32 layer_index = 0; layer_index < layer_list.part.count;
	     layer_index++) {
		struct pfs_inode_vector layer = pfs_inode_vector_at(layer_list,
								    layer_index);

		records = (u64)pfs_narrow(records) +
			pfs_inode_vector_inodes(layer).part.count;
	}
	return records;
}

/* Entries of the largest directory record. */
u32 pfs_largest_directory(struct pfs_rootfs image)
{
	u32 largest = 0;
	struct pfs_inode_vector_list layer_list;

	layer_list = pfs_rootfs_metadatas(image);
	for (u32 layer_index = 0; layer_index < layer_list.part.count;
	     layer_index++) {
		struct pfs_inode_vector layer = pfs_inode_vector_at(layer_list,
								    layer_index);
		struct pfs_inode_list inode_list;

		inode_list = pfs_inode_vector_inodes(layer);
		for (u32 inode_index = 0; inode_index < inode_list.part.count;
		     inode_index++) {
			struct pfs_inode inode = pfs_inode_at(inode_list,
							      inode_index);
			struct pfs_dir_entry_list entries =
				pfs_dir_entries(pfs_inode_mode_dir(inode));

			if (entries.part.count > largest)
				largest = entries.part.count;
		}
	}
	return largest;
}
