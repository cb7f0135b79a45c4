// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/directories.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* Entries that nextVisibleEntry looks at before it returns. */
#define PFS_ENTRIES_AT_ONCE 128

/* schema/directories.ts: searchNames() */
/*
 * The position of `name` in a directory record, or the number of its entries.
 * `start` is the record's indexStart.
 */
static u32 pfs_search_names(struct pfs_dir_entry_list entries,
			    struct pfs_scratch_u32 index, u32 start,
			    struct pfs_bytes name)
{
	u32 low = 0;
	u32 high = entries.part.count;

	for (u64 bound = U64_MAX;
	     low < high && pfs_halves(&bound, pfs_difference(high, low));) {
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

/* schema/directories.ts: hasName() */
/* Whether `name` is in a directory record whose names are sorted. */
static bool pfs_has_name(struct pfs_dir_entry_list entries,
			 struct pfs_bytes name)
{
	u32 low = 0;
	u32 high = entries.part.count;

	for (u64 bound = U64_MAX;
	     low < high && pfs_halves(&bound, pfs_difference(high, low));) {
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

/* schema/directories.ts: findDirRecord() */
/*
 * The record of directory `dir` in the newest of the layers from `from` on in
 * which it is a directory.
 */
bool pfs_find_dir_record(struct pfs_layers layers, u64 dir, u32 from,
			 struct pfs_dir_record *out)
{
	for (u32 layer = from; layer < layers.all.part.count && pfs_tick();
	     layer++) {
		struct pfs_inode_list inodes =
			pfs_inode_vector_inodes(pfs_inode_vector_at(layers.all,
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
				.before = 0,
				.covered = from > 0,
			};
			return true;
		}
	}
	return false;
}

/* schema/directories.ts: findListed() */
/* The same for a listing, in which newer records have `before` entries. */
static bool pfs_find_listed(struct pfs_layers layers, u64 dir, u32 from,
			    u32 before, struct pfs_dir_record *out)
{
	struct pfs_dir_record listed;
	bool listed_found;

	listed_found = pfs_find_dir_record(layers, dir, from, &listed);
	if (!listed_found)
		return false;
	*out = (struct pfs_dir_record) {
		.layer = listed.layer,
		.position = listed.position,
		.entries = listed.entries,
		.look_below = listed.look_below,
		.before = before,
		.covered = true,
	};
	return true;
}

/* schema/directories.ts: newestDirRecord() */
/*
 * The newest record of a directory, which findInodeRecord found; it has no
 * names if that is of another kind.
 */
static struct pfs_dir_record
pfs_newest_dir_record(struct pfs_inode_record directory)
{
	struct pfs_dir dir = pfs_inode_mode_dir(directory.inode);

	return (struct pfs_dir_record) {
		.layer = directory.layer,
		.position = directory.position,
		.entries = pfs_dir_entries(dir),
		.look_below = pfs_dir_look_below(dir),
		.before = 0,
		.covered = false,
	};
}

/* schema/directories.ts: findEntry() */
/*
 * The position of `name` among the entries of a directory record, or their
 * number.
 */
static u32 pfs_find_entry(struct pfs_scratch_u32 index,
			  struct pfs_dir_record record, struct pfs_bytes name)
{
	u32 start = pfs_index_start(index, record.layer, record.position);
	u32 found = pfs_search_names(record.entries, index, start, name);

	return found;
}

/* schema/directories.ts: findNameBelow() */
/* Finds `name` in the records of directory `dir` in layers from `from` on. */
static bool pfs_find_name_below(struct pfs_layers layers,
				struct pfs_scratch_u32 index, u64 dir,
				struct pfs_bytes name, u32 from,
				struct pfs_inode_record *out)
{
	u32 layer = from;

	for (u64 bound = U64_MAX;
	     layer < PFS_MAX_LAYERS &&
	     pfs_decreases(&bound, pfs_difference(PFS_MAX_LAYERS, layer));) {
		struct pfs_dir_record record;
		bool record_found;
		struct pfs_dir_entry_list entries;
		u32 found;

		record_found = pfs_find_dir_record(layers, dir, layer, &record);
		if (!record_found)
			return false;
		entries = record.entries;
		found = pfs_find_entry(index, record, name);
		if (found < entries.part.count)
			return pfs_resolve_inode(layers,
						 pfs_dir_entry_ino(pfs_dir_entry_at(entries,
										    found)),
						 out);
		if (!record.look_below)
			return false;
		layer = pfs_narrow((u64)record.layer + 1);
	}
	return false;
}

/* schema/directories.ts: findName() */
/*
 * The record of the inode of `name` in a directory, which findInodeRecord
 * found. `index` was filled by indexNames; it is empty if all names are sorted.
 */
bool pfs_find_name(struct pfs_layers layers, struct pfs_scratch_u32 index,
		   struct pfs_inode_record directory, struct pfs_bytes name,
		   struct pfs_inode_record *out)
{
	struct pfs_dir_record newest = pfs_newest_dir_record(directory);
	struct pfs_dir_entry_list entries = newest.entries;
	u32 found = pfs_find_entry(index, newest, name);

	if (found < entries.part.count)
		return pfs_resolve_inode(layers,
					 pfs_dir_entry_ino(pfs_dir_entry_at(entries, found)),
					 out);
	if (!newest.look_below)
		return false;
	return pfs_find_name_below(layers, index,
				   pfs_inode_ino(directory.inode), name,
				   pfs_narrow((u64)newest.layer + 1), out);
}

/* schema/directories.ts: isHidden() */
/*
 * Whether a layer newer than `layer` has `name` in directory `dir`, and so
 * hides the one of `layer`.
 */
bool pfs_is_hidden(struct pfs_layers layers, u32 layer, u64 dir,
		   struct pfs_bytes name)
{
	for (u32 newer = 0; newer < layer && pfs_tick(); newer++) {
		struct pfs_inode_list inodes =
			pfs_inode_vector_inodes(pfs_inode_vector_at(layers.all,
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

/* schema/directories.ts: resolveEntry() */
/*
 * The inode that an entry of a directory record shows; undefined if a newer
 * record hides it, or for a whiteout.
 */
static bool pfs_resolve_entry(struct pfs_layers layers,
			      struct pfs_dir_record record, u64 dir,
			      struct pfs_dir_entry entry,
			      struct pfs_inode_record *out)
{
	if (record.covered &&
	    pfs_is_hidden(layers, record.layer, dir, pfs_dir_entry_name(entry)))
		return false;
	return pfs_resolve_inode(layers, pfs_dir_entry_ino(entry), out);
}

/* schema/directories.ts: entriesUntil() */
/* How many entries a record and the newer ones have. */
static u32 pfs_entries_until(struct pfs_dir_record record)
{
	return pfs_narrow((u64)record.before + record.entries.part.count);
}

/* schema/directories.ts: openListing() */
/*
 * The record with which a listing of a directory, which findInodeRecord found,
 * continues after `cookie`; 0 starts one. Cookies come from user space and may
 * have any value: only records that show through are returned.
 */
bool pfs_open_listing(struct pfs_layers layers,
		      struct pfs_inode_record directory, u64 cookie,
		      struct pfs_dir_record *out)
{
	struct pfs_dir_record newest = pfs_newest_dir_record(directory);
	u32 before = newest.entries.part.count;
	u32 layer;

	if (cookie < before) {
		*out = newest;
		return true;
	}
	if (!newest.look_below)
		return false;
	layer = pfs_narrow((u64)newest.layer + 1);
	for (u64 bound = U64_MAX;
	     layer < PFS_MAX_LAYERS &&
	     pfs_decreases(&bound, pfs_difference(PFS_MAX_LAYERS, layer));) {
		struct pfs_dir_record record;
		bool record_found;

		record_found =
			pfs_find_listed(layers, pfs_inode_ino(directory.inode),
					layer, before, &record);
		if (!record_found)
			return false;
		before = pfs_entries_until(record);
		if (cookie < before) {
			*out = record;
			return true;
		}
		if (!record.look_below)
			return false;
		layer = pfs_narrow((u64)record.layer + 1);
	}
	return false;
}

/* schema/directories.ts: nextListing() */
/*
 * The record with which a listing continues after the last entry of `record`.
 */
bool pfs_next_listing(struct pfs_layers layers, u64 dir,
		      struct pfs_dir_record record, struct pfs_dir_record *out)
{
	if (!record.look_below)
		return false;
	return pfs_find_listed(layers, dir, pfs_narrow((u64)record.layer + 1),
			       pfs_entries_until(record), out);
}

/* schema/directories.ts: firstAfter() */
/* The index of the first entry of a record after `cookie`. */
static u32 pfs_first_after(struct pfs_dir_record record, u64 cookie)
{
	return pfs_narrow(pfs_difference(cookie, record.before));
}

/* schema/directories.ts: visibleEntry() */
/*
 * The first entry from `from` on and before `end` that a record of directory
 * `dir` shows.
 */
static bool pfs_visible_entry(struct pfs_layers layers, u64 dir,
			      struct pfs_dir_record record, u32 from, u32 end,
			      struct pfs_visible_entry *out)
{
	struct pfs_dir_entry_list entries = record.entries;
	u32 last = pfs_at_most(entries.part.count, end);

	for (u32 i = from; i < last && pfs_tick(); i++) {
		struct pfs_dir_entry entry = pfs_dir_entry_at(entries, i);
		struct pfs_inode_record found;
		bool found_found;

		found_found = pfs_resolve_entry(layers, record, dir, entry,
						&found);
		if (found_found) {
			u64 next = (u64)record.before + i + 1;

			*out = (struct pfs_visible_entry) {
				.cookie = next,
				.shown = true,
				.entry = entry,
				.ordinal = found.ordinal,
				.inode = found.inode,
			};
			return true;
		}
	}
	return false;
}

/* schema/directories.ts: nextVisibleEntry() */
/*
 * The first name after `cookie` that a record of directory `dir` shows. It
 * looks at few entries: a result that is not shown has the cookie with which
 * the listing goes on.
 */
bool pfs_next_visible_entry(struct pfs_layers layers, u64 dir,
			    struct pfs_dir_record record, u64 cookie,
			    struct pfs_visible_entry *out)
{
	u32 from = pfs_first_after(record, cookie);
	u32 end = pfs_narrow((u64)from + PFS_ENTRIES_AT_ONCE);
	struct pfs_visible_entry found;
	bool found_found;
	u64 next;

	found_found = pfs_visible_entry(layers, dir, record, from, end, &found);
	if (found_found) {
		*out = found;
		return true;
	}
	if (end >= record.entries.part.count)
		return false;
	next = (u64)record.before + end;
	*out = (struct pfs_visible_entry) {
		.cookie = next,
		.shown = false,
		.entry = pfs_dir_entry_at(record.entries, end),
		.ordinal = 0,
		.inode = pfs_inode_at(layers.newest, layers.newest.part.count),
	};
	return true;
}

/* schema/directories.ts: nextName() */
/*
 * The first name after `cookie` that directory `dir` shows; 0 starts a listing.
 */
bool pfs_next_name(struct pfs_rootfs image, u64 dir, u64 cookie,
		   struct pfs_visible_entry *out)
{
	struct pfs_layers layers = pfs_open_layers(image);
	struct pfs_inode_record directory;
	bool directory_found;
	struct pfs_dir_record first;
	bool first_found;
	struct pfs_visible_entry visible;
	bool visible_found;
	bool below;
	u32 layer;
	u32 before;

	directory_found = pfs_resolve_inode(layers, dir, &directory);
	if (!directory_found)
		return false;
	first_found = pfs_open_listing(layers, directory, cookie, &first);
	if (!first_found)
		return false;
	visible_found = pfs_visible_entry(layers, dir, first,
					  pfs_first_after(first, cookie),
					  first.entries.part.count, &visible);
	if (visible_found) {
		*out = visible;
		return true;
	}
	below = first.look_below;
	layer = first.layer;
	before = pfs_entries_until(first);
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
			pfs_find_listed(layers, dir, pfs_narrow((u64)layer + 1),
					before, &record);
		if (!record_found)
			return false;
		shown_found =
			pfs_visible_entry(layers, dir, record,
					  pfs_first_after(record, cookie),
					  record.entries.part.count, &shown);
		if (shown_found) {
			*out = shown;
			return true;
		}
		below = record.look_below;
		layer = record.layer;
		before = pfs_entries_until(record);
	}
	return false;
}
