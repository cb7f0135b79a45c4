// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/nameindex.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/nameindex.ts: ascending() */
/* Whether names are in strictly ascending order, as builders write them. */
bool pfs_ascending(struct pfs_dir_entry_list entries)
{
	for (u32 i = 1; i < entries.part.count && pfs_tick(); i++) {
		struct pfs_bytes before =
			pfs_dir_entry_name(pfs_dir_entry_at(entries,
							    pfs_difference(i,
									   1)));
		struct pfs_bytes name =
			pfs_dir_entry_name(pfs_dir_entry_at(entries, i));

		if (pfs_compare_names(before, name) != 0)
			return false;
	}
	return true;
}

/* schema/nameindex.ts: precedes() */
/*
 * Whether the name of the entry at `a` of the index is less than or equal to
 * that at `b`.
 */
static bool pfs_precedes(struct pfs_dir_entry_list entries,
			 struct pfs_scratch_u32 index, u64 a, u64 b)
{
	struct pfs_dir_entry first =
		pfs_dir_entry_at(entries, pfs_scratch_u32_get(index, a));
	struct pfs_dir_entry second =
		pfs_dir_entry_at(entries, pfs_scratch_u32_get(index, b));

	return pfs_compare_names(pfs_dir_entry_name(first),
				 pfs_dir_entry_name(second)) != 2;
}

/* schema/nameindex.ts: copyRun() */
/* Copies `count` numbers of the index. */
static void pfs_copy_run(struct pfs_scratch_u32 index, u32 from, u32 count,
			 u32 to)
{
	for (u32 i = 0; i < count && pfs_tick(); i++)
		pfs_scratch_u32_set(index, (u64)to + i,
				    pfs_scratch_u32_get(index, (u64)from + i));
}

/* schema/nameindex.ts: mergeRuns() */
/*
 * Merges two adjacent sorted runs of the index, `low` to `middle` and `middle`
 * to `end`, into the one that starts at `to`.
 */
static void pfs_merge_runs(struct pfs_dir_entry_list entries,
			   struct pfs_scratch_u32 index, u32 low, u32 middle,
			   u32 end, u32 to)
{
	u32 count = pfs_difference(end, low);
	u32 left;
	u32 right;

	if (middle >= end ||
	    pfs_precedes(entries, index, pfs_difference(middle, 1), middle)) {
		pfs_copy_run(index, low, count, to);
		return;
	}
	left = low;
	right = middle;
	for (u32 i = 0; i < count && pfs_tick(); i++) {
		bool takes_left = right >= end ||
				  (left < middle &&
				   pfs_precedes(entries, index, left, right));

		pfs_scratch_u32_set(index, (u64)to + i,
				    pfs_scratch_u32_get(index,
							takes_left ? left :
							right));
		if (takes_left)
			left = pfs_narrow((u64)left + 1);
		else
			right = pfs_narrow((u64)right + 1);
	}
}

/* schema/nameindex.ts: mergePass() */
/*
 * Merges the runs of `width` names from `from` on in pairs, into runs from `to`
 * on.
 */
static void pfs_merge_pass(struct pfs_dir_entry_list entries,
			   struct pfs_scratch_u32 index, u32 from, u32 to,
			   u32 width)
{
	u32 count = entries.part.count;
	u32 low = 0;

	for (u64 bound = U64_MAX;
	     low < count && pfs_decreases(&bound, pfs_difference(count, low)) &&
	     pfs_tick();) {
		u32 middle = pfs_narrow((u64)from + low + width);
		u32 end = pfs_narrow(low + (u64)width * 2);
		u32 last = pfs_narrow((u64)from + (end < count ? end : count));

		pfs_merge_runs(entries, index, pfs_narrow((u64)from + low),
			       middle, last, pfs_narrow((u64)to + low));
		low = end;
	}
}

/* schema/nameindex.ts: sortNames() */
/*
 * Sorts the names of a record into the index from `start` on; from `spare` on
 * is as much memory for sorting.
 */
static void pfs_sort_names(struct pfs_dir_entry_list entries,
			   struct pfs_scratch_u32 index, u32 start, u32 spare)
{
	u32 count = entries.part.count;
	u32 from = start;
	u32 to = spare;
	u32 width = 1;

	for (u32 i = 0; i < count && pfs_tick(); i++)
		pfs_scratch_u32_set(index, (u64)start + i, i);
	for (u64 bound = U64_MAX;
	     width < count &&
	     pfs_decreases(&bound, pfs_difference(count, width)) &&
	     pfs_tick();) {
		u32 sorted;

		pfs_merge_pass(entries, index, from, to, width);
		sorted = to;
		to = from;
		from = sorted;
		width = pfs_narrow((u64)width * 2);
	}
	if (from != start)
		pfs_copy_run(index, from, count, start);
}

/* schema/nameindex.ts: checkTwice() */
/* Refuses a duplicate name. */
static noinline_for_stack bool
pfs_check_twice(struct pfs_inode inode, struct pfs_scratch_u32 index, u32 start,
		struct pfs_failure *failure)
{
	struct pfs_dir_entry_list entries =
		pfs_dir_entries(pfs_inode_mode_dir(inode));

	for (u32 i = 1; i < entries.part.count && pfs_tick(); i++) {
		struct pfs_dir_entry before =
			pfs_dir_entry_at(entries,
					 pfs_scratch_u32_get(index,
							     pfs_difference((u64)start + i, 1)));
		struct pfs_dir_entry entry =
			pfs_dir_entry_at(entries,
					 pfs_scratch_u32_get(index,
							     (u64)start + i));

		if (pfs_same_bytes(pfs_dir_entry_name(before),
				   pfs_dir_entry_name(entry)))
			return pfs_fail(failure, PFS_RULE_DIR_ENTRY_DUPLICATE,
					pfs_inode_ino(inode),
					(u64)entry.part.at * 8);
	}
	return pfs_finished(failure);
}

/* schema/nameindex.ts: indexNames() */
/*
 * Last step of validation: fills the index. `records` is the number of
 * directory records that are not sorted, Summary.unsorted; the index has room
 * for Summary.index numbers.
 */
bool pfs_index_names(struct pfs_rootfs image, u32 records,
		     struct pfs_scratch_u32 index, struct pfs_failure *failure)
{
	struct pfs_inode_vector_list layers = pfs_rootfs_metadatas(image);
	u64 head = 1;
	u64 start = 1 + (u64)records * PFS_INDEX_HEAD;

	pfs_scratch_u32_set(index, 0, records);
	for (u32 layer = 0; layer < layers.part.count && pfs_tick(); layer++) {
		struct pfs_inode_list inodes =
			pfs_inode_vector_inodes(pfs_inode_vector_at(layers,
								    layer));

		for (u32 position = 0;
		     position < inodes.part.count && pfs_tick(); position++) {
			struct pfs_inode inode = pfs_inode_at(inodes, position);
			struct pfs_dir_entry_list entries;
			u64 spare;

			if (pfs_inode_mode_kind(inode) != PFS_INODE_MODE_DIR)
				continue;
			entries = pfs_dir_entries(pfs_inode_mode_dir(inode));
			if (pfs_ascending(entries))
				continue;
			pfs_scratch_u32_set(index, head, layer);
			pfs_scratch_u32_set(index, (u64)pfs_narrow(head) + 1,
					    position);
			pfs_scratch_u32_set(index, (u64)pfs_narrow(head) + 2,
					    pfs_narrow(start));
			spare = pfs_difference(index.length,
					       entries.part.count);
			pfs_sort_names(entries, index, pfs_narrow(start),
				       pfs_narrow(spare));
			if (!pfs_check_twice(inode, index, pfs_narrow(start),
					     failure))
				return false;
			head = (u64)pfs_narrow(head) + PFS_INDEX_HEAD;
			start = (u64)pfs_narrow(start) + entries.part.count;
		}
	}
	return pfs_finished(failure);
}

/* schema/nameindex.ts: indexStart() */
/*
 * Where the part of the directory record at `position` of `layer` starts in the
 * index; 0 if its names are sorted.
 */
u32 pfs_index_start(struct pfs_scratch_u32 index, u32 layer, u32 position)
{
	u32 records = pfs_scratch_u32_get(index, 0);
	u32 low = 0;
	u32 high = records;
	u64 found;

	for (u64 bound = U64_MAX;
	     low < high && pfs_halves(&bound, pfs_difference(high, low));) {
		u32 middle = ((u64)low + high) / 2;
		u64 head = 1 + (u64)middle * PFS_INDEX_HEAD;

		if (pfs_scratch_u32_get(index, head) < layer ||
		    (pfs_scratch_u32_get(index, head) == layer &&
		     pfs_scratch_u32_get(index, head + 1) < position))
			low = pfs_narrow((u64)middle + 1);
		else
			high = middle;
	}
	found = 1 + (u64)low * PFS_INDEX_HEAD;
	if (low >= records || pfs_scratch_u32_get(index, found) != layer ||
	    pfs_scratch_u32_get(index, found + 1) != position)
		return 0;
	return pfs_scratch_u32_get(index, found + 2);
}

/* schema/nameindex.ts: sortedEntry() */
/*
 * The position of entry `i` in ascending order of the names; `start` is the
 * record's indexStart.
 */
u32 pfs_sorted_entry(struct pfs_scratch_u32 index, u32 start, u32 i)
{
	return start == 0 ? i : pfs_scratch_u32_get(index, (u64)start + i);
}
