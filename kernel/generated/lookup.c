// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/lookup.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* A position in a listing is the layer times this, plus the entry. */
#define PFS_LAYER_SPAN 4294967296ULL

/* schema/lookup.ts: searchInodes() */
/* The position of `ino` in a layer, or the number of its inodes. */
static u32 pfs_search_inodes(struct pfs_inode_list inodes, u64 ino)
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
	     low < high && pfs_decreases(&bound, pfs_difference(high, low));) {
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

/* schema/lookup.ts: hasInode() */
/* Whether any layer holds `ino`, be it as a whiteout. */
bool pfs_has_inode(struct pfs_inode_vector_list layers, u64 ino)
{
	for (u32 layer = 0; layer < layers.part.count; layer++) {
		struct pfs_inode_list inodes =
			pfs_inode_vector_inodes(pfs_inode_vector_at(layers,
								    layer));

		if (pfs_search_inodes(inodes, ino) < inodes.part.count)
			return true;
	}
	return false;
}

/* schema/lookup.ts: notWhiteout() */
/*
 * An inode record as what is found under its number: a whiteout means absent.
 */
static bool pfs_not_whiteout(struct pfs_inode inode, u64 ordinal,
			     struct pfs_inode_record *out)
{
	if (pfs_inode_mode_kind(inode) == PFS_INODE_MODE_WHT)
		return false;
	*out = (struct pfs_inode_record) { .ordinal = ordinal, .inode = inode };
	return true;
}

/* schema/lookup.ts: resolveInode() */
/*
 * Finds `ino` in the newest of the layers that holds it. `newest`: the inodes
 * of the first, at hand for who looks up many.
 */
bool pfs_resolve_inode(struct pfs_inode_vector_list layers,
		       struct pfs_inode_list newest, u64 ino,
		       struct pfs_inode_record *out)
{
	u32 first = pfs_search_inodes(newest, ino);
	u64 before;

	if (first < newest.part.count)
		return pfs_not_whiteout(pfs_inode_at(newest, first), first,
					out);
	before = newest.part.count;
	for (u32 layer = 1; layer < layers.part.count; layer++) {
		struct pfs_inode_list inodes =
			pfs_inode_vector_inodes(pfs_inode_vector_at(layers,
								    layer));
		u32 index = pfs_search_inodes(inodes, ino);

		if (index < inodes.part.count)
			return pfs_not_whiteout(pfs_inode_at(inodes, index),
						(u64)pfs_narrow(before) + index,
						out);
		before = (u64)pfs_narrow(before) + inodes.part.count;
	}
	return false;
}

/* schema/lookup.ts: findInodeRecord() */
/* Finds `ino` in the newest layer that holds it; a whiteout means absent. */
bool pfs_find_inode_record(struct pfs_rootfs image, u64 ino,
			   struct pfs_inode_record *out)
{
	struct pfs_inode_vector_list layers = pfs_rootfs_metadatas(image);

	return pfs_resolve_inode(layers,
				 pfs_inode_vector_inodes(pfs_inode_vector_at(layers, 0)),
				 ino, out);
}

/* schema/lookup.ts: inodeIn() */
static bool pfs_inode_in(struct pfs_inode_vector_list layers,
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

/* schema/lookup.ts: findInode() */
/* Finds `ino` in the newest layer that holds it; a whiteout means absent. */
bool pfs_find_inode(struct pfs_rootfs image, u64 ino, struct pfs_inode *out)
{
	struct pfs_inode_vector_list layers = pfs_rootfs_metadatas(image);

	return pfs_inode_in(layers,
			    pfs_inode_vector_inodes(pfs_inode_vector_at(layers,
									0)),
			    ino, out);
}

/* schema/lookup.ts: searchNames() */
/*
 * The position of `name` in a directory, or its length. `start` is what
 * indexStart gives for the directory.
 */
static u32 pfs_search_names(struct pfs_dir_entry_list entries,
			    struct pfs_scratch_u32 index, u32 start,
			    struct pfs_bytes name)
{
	u32 low = 0;
	u32 high = entries.part.count;

	for (u64 bound = U64_MAX;
	     low < high && pfs_decreases(&bound, pfs_difference(high, low));) {
		u32 middle = ((u64)low + high) / 2;
		u32 position = pfs_sorted_entry(index, start, middle);
		u32 order =
			pfs_compare_names(pfs_dir_entry_name(pfs_dir_entry_at(entries, position)),
					  name);

		if (order == 1)
			return position;
		if (order == 0)
			low = pfs_narrow((u64)middle + 1);
		else
			high = middle;
	}
	return entries.part.count;
}

/* schema/lookup.ts: hasName() */
/* Whether `name` is among the names of a directory that are sorted. */
static bool pfs_has_name(struct pfs_dir_entry_list entries,
			 struct pfs_bytes name)
{
	u32 low = 0;
	u32 high = entries.part.count;

	for (u64 bound = U64_MAX;
	     low < high && pfs_decreases(&bound, pfs_difference(high, low));) {
		u32 middle = ((u64)low + high) / 2;
		u32 order = pfs_compare_names(pfs_dir_entry_name(pfs_dir_entry_at(entries, middle)),
					      name);

		if (order == 1)
			return true;
		if (order == 0)
			low = pfs_narrow((u64)middle + 1);
		else
			high = middle;
	}
	return false;
}

/* schema/lookup.ts: findDirRecord() */
/*
 * The record of directory `dir` in the newest of the layers from `from` on that
 * holds it as a directory.
 */
bool pfs_find_dir_record(struct pfs_inode_vector_list layers, u64 dir, u32 from,
			 struct pfs_dir_record *out)
{
	for (u32 layer = from; layer < layers.part.count; layer++) {
		struct pfs_inode_list inodes =
			pfs_inode_vector_inodes(pfs_inode_vector_at(layers,
								    layer));
		u32 position = pfs_search_inodes(inodes, dir);

		if (position < inodes.part.count &&
		    pfs_inode_mode_kind(pfs_inode_at(inodes, position)) ==
		    PFS_INODE_MODE_DIR) {
			struct pfs_dir record =
				pfs_inode_mode_dir(pfs_inode_at(inodes,
								position));

			*out = (struct pfs_dir_record) {
				.layer = layer,
				.position = position,
				.entries = pfs_dir_entries(record),
				.look_below = pfs_dir_look_below(record),
			};
			return true;
		}
	}
	return false;
}

/* schema/lookup.ts: findName() */
/*
 * Finds what `name` stands for in directory `dir`. `index` is what indexNames
 * made, empty where all names are sorted.
 */
bool pfs_find_name(struct pfs_rootfs image, struct pfs_scratch_u32 index,
		   u64 dir, struct pfs_bytes name, struct pfs_inode *out)
{
	struct pfs_inode_vector_list layers = pfs_rootfs_metadatas(image);
	struct pfs_inode_list newest =
		pfs_inode_vector_inodes(pfs_inode_vector_at(layers, 0));
	struct pfs_inode_record directory;
	bool directory_found;
	u32 layer;

	directory_found = pfs_resolve_inode(layers, newest, dir, &directory);
	if (!directory_found)
		return false;
	if (pfs_inode_mode_kind(directory.inode) != PFS_INODE_MODE_DIR)
		return false;
	layer = 0;
	for (u64 bound = U64_MAX;
	     layer < PFS_MAX_LAYERS &&
	     pfs_decreases(&bound, pfs_difference(PFS_MAX_LAYERS, layer));) {
		struct pfs_dir_record record;
		bool record_found;
		struct pfs_dir_entry_list entries;
		u32 start;
		u32 found;

		record_found = pfs_find_dir_record(layers, dir, layer, &record);
		if (!record_found)
			return false;
		entries = record.entries;
		start = pfs_index_start(index, record.layer, record.position);
		found = pfs_search_names(entries, index, start, name);
		if (found < entries.part.count) {
			struct pfs_dir_entry entry = pfs_dir_entry_at(entries,
								      found);

			return pfs_inode_in(layers, newest,
					    pfs_dir_entry_ino(entry), out);
		}
		if (!record.look_below)
			return false;
		layer = pfs_narrow((u64)record.layer + 1);
	}
	return false;
}

/* schema/lookup.ts: hidden() */
/*
 * Whether a layer newer than `layer` lists `name` in directory `dir`, and so
 * decides what it is.
 */
static bool pfs_hidden(struct pfs_inode_vector_list layers, u32 layer, u64 dir,
		       struct pfs_bytes name)
{
	for (u32 newer = 0; newer < layer; newer++) {
		struct pfs_inode_list inodes =
			pfs_inode_vector_inodes(pfs_inode_vector_at(layers,
								    newer));
		u32 position = pfs_search_inodes(inodes, dir);
		struct pfs_inode inode;

		if (position >= inodes.part.count)
			continue;
		inode = pfs_inode_at(inodes, position);
		if (pfs_inode_mode_kind(inode) == PFS_INODE_MODE_DIR &&
		    pfs_has_name(pfs_dir_entries(pfs_inode_mode_dir(inode)),
				 name))
			return true;
	}
	return false;
}

/* schema/lookup.ts: resolveEntry() */
/*
 * What an entry of a directory's record in `layer` shows: nothing where a newer
 * layer decides, or it is a whiteout.
 */
bool pfs_resolve_entry(struct pfs_inode_vector_list layers,
		       struct pfs_inode_list newest, u32 layer, u64 dir,
		       struct pfs_dir_entry entry, struct pfs_inode_record *out)
{
	if (layer > 0 &&
	    pfs_hidden(layers, layer, dir, pfs_dir_entry_name(entry)))
		return false;
	return pfs_resolve_inode(layers, newest, pfs_dir_entry_ino(entry), out);
}

/* schema/lookup.ts: openListing() */
/*
 * The record with which a listing of directory `dir` goes on after `cookie`; 0
 * starts. A cookie may come from anywhere: only records that show through are
 * listed.
 */
bool pfs_open_listing(struct pfs_rootfs image, u64 dir, u64 cookie,
		      struct pfs_dir_record *out)
{
	struct pfs_inode_vector_list layers = pfs_rootfs_metadatas(image);
	u32 resumed = cookie / PFS_LAYER_SPAN;
	u32 layer;

	if (cookie == 0) {
		struct pfs_inode_record directory;
		bool directory_found;

		directory_found =
			pfs_resolve_inode(layers,
					  pfs_inode_vector_inodes(pfs_inode_vector_at(layers, 0)),
					  dir, &directory);
		if (!directory_found)
			return false;
		if (pfs_inode_mode_kind(directory.inode) != PFS_INODE_MODE_DIR)
			return false;
	}
	layer = 0;
	for (u64 bound = U64_MAX;
	     layer < PFS_MAX_LAYERS &&
	     pfs_decreases(&bound, pfs_difference(PFS_MAX_LAYERS, layer));) {
		struct pfs_dir_record record;
		bool record_found;

		record_found = pfs_find_dir_record(layers, dir, layer, &record);
		if (!record_found)
			return false;
		if (record.layer >= resumed) {
			*out = record;
			return true;
		}
		if (!record.look_below)
			return false;
		layer = pfs_narrow((u64)record.layer + 1);
	}
	return false;
}

/* schema/lookup.ts: nextListing() */
/* The record that a listing goes on with after all of `record`. */
bool pfs_next_listing(struct pfs_rootfs image, u64 dir,
		      struct pfs_dir_record record, struct pfs_dir_record *out)
{
	if (!record.look_below)
		return false;
	return pfs_find_dir_record(pfs_rootfs_metadatas(image), dir,
				   pfs_narrow((u64)record.layer + 1), out);
}

/* schema/lookup.ts: positionAfter() */
static u64 pfs_position_after(u32 layer, u32 index)
{
	return (layer & 65535) * PFS_LAYER_SPAN + index + 1;
}

/* schema/lookup.ts: nextVisibleEntry() */
/* The first name after `cookie` that a record of directory `dir` shows. */
bool pfs_next_visible_entry(struct pfs_rootfs image, u64 dir,
			    struct pfs_dir_record record, u64 cookie,
			    struct pfs_visible_entry *out)
{
	struct pfs_inode_vector_list layers = pfs_rootfs_metadatas(image);
	struct pfs_inode_list newest =
		pfs_inode_vector_inodes(pfs_inode_vector_at(layers, 0));
	struct pfs_dir_entry_list entries = record.entries;
	u32 from = cookie / PFS_LAYER_SPAN == record.layer ?
		   cookie % PFS_LAYER_SPAN : 0;

	for (u32 i = from; i < entries.part.count; i++) {
		struct pfs_dir_entry entry = pfs_dir_entry_at(entries, i);
		struct pfs_inode_record found;
		bool found_found;

		found_found = pfs_resolve_entry(layers, newest, record.layer,
						dir, entry, &found);
		if (found_found) {
			u64 next = pfs_position_after(record.layer, i);

			*out = (struct pfs_visible_entry) {
				.cookie = next,
				.entry = entry,
				.ordinal = found.ordinal,
				.inode = found.inode,
			};
			return true;
		}
	}
	return false;
}

/* schema/lookup.ts: nextName() */
/* The first name that directory `dir` shows after `cookie`; 0 starts. */
bool pfs_next_name(struct pfs_rootfs image, u64 dir, u64 cookie,
		   struct pfs_visible_entry *out)
{
	struct pfs_dir_record first;
	bool first_found;
	struct pfs_visible_entry visible;
	bool visible_found;
	bool below;
	u32 layer;

	first_found = pfs_open_listing(image, dir, cookie, &first);
	if (!first_found)
		return false;
	visible_found = pfs_next_visible_entry(image, dir, first, cookie,
					       &visible);
	if (visible_found) {
		*out = visible;
		return true;
	}
	below = first.look_below;
	layer = first.layer;
	for (u64 bound = U64_MAX;
	     layer < PFS_MAX_LAYERS &&
	     pfs_decreases(&bound, pfs_difference(PFS_MAX_LAYERS, layer));) {
		struct pfs_dir_record record;
		bool record_found;
		struct pfs_visible_entry shown;
		bool shown_found;

		if (!below)
			return false;
		record_found =
			pfs_find_dir_record(pfs_rootfs_metadatas(image), dir,
					    pfs_narrow((u64)layer + 1),
					    &record);
		if (!record_found)
			return false;
		shown_found = pfs_next_visible_entry(image, dir, record, cookie,
						     &shown);
		if (shown_found) {
			*out = shown;
			return true;
		}
		below = record.look_below;
		layer = record.layer;
	}
	return false;
}

/* schema/lookup.ts: countRecords() */
/* How many inode records the image has, in all layers. */
u64 pfs_count_records(struct pfs_rootfs image)
{
	u64 records = 0;
	struct pfs_inode_vector_list layer_list;

	layer_list = pfs_rootfs_metadatas(image);
	for (u32 layer_index = 0; layer_index < layer_list.part.count;
	     layer_index++) {
		struct pfs_inode_vector layer =
			pfs_inode_vector_at(layer_list, layer_index);

		records = (u64)pfs_narrow(records) +
			  pfs_inode_vector_inodes(layer).part.count;
	}
	return records;
}
