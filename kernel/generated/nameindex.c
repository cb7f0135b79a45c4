// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Made from schema/nameindex.ts by `make codegen`: change that, not this. */
#include "format.h"

/* Whether names ascend, as builders write them. Equal ones do not. */
bool pfs_ascending(struct pfs_dir_entry_list entries)
{
	for (u32 i = 1; i < entries.part.count; i++) {
		struct pfs_bytes before =
			pfs_dir_entry_name(pfs_dir_entry_at(entries,
							    i > 1 ? i - 1 : 0));
		struct pfs_bytes name =
			pfs_dir_entry_name(pfs_dir_entry_at(entries, i));

		if (pfs_compare_names(before, name) != 0)
			return false;
	}
	return true;
}

/* The name of the entry whose position stands at `at` of the index. */
static struct pfs_bytes pfs_name_at(struct pfs_dir_entry_list entries,
				    struct pfs_scratch_u32 index, u64 at)
{
	return pfs_dir_entry_name(pfs_dir_entry_at(entries,
						   pfs_scratch_u32_get(index,
								       at)));
}

/*
 * Moves the number at `place` of a heap of `count` names, which starts at
 * `start` of the index, down to its place.
 */
static void pfs_sift_down(struct pfs_dir_entry_list entries,
			  struct pfs_scratch_u32 index, u32 start, u32 place,
			  u32 count)
{
	u32 root = place;

	for (u32 step = 0; step < 32; step++) {
		u32 left = pfs_narrow((u64)root * 2 + 1);
		u32 right = pfs_narrow((u64)left + 1);
		u32 largest;
		u32 moved;
		u32 other;

		if (left >= count)
			return;
		largest = left;
		if (right < count) {
			u32 order =
				pfs_compare_names(pfs_name_at(entries, index,
							      (u64)start +
							      left),
						  pfs_name_at(entries, index,
							      (u64)start +
							      right));

			if (order == 0)
				largest = right;
		}
		moved = pfs_scratch_u32_get(index, (u64)start + root);
		other = pfs_scratch_u32_get(index, (u64)start + largest);
		if (pfs_compare_names(pfs_dir_entry_name(pfs_dir_entry_at(entries, moved)),
				      pfs_dir_entry_name(pfs_dir_entry_at(entries, other))) !=
		    0)
			return;
		pfs_scratch_u32_set(index, (u64)start + root, other);
		pfs_scratch_u32_set(index, (u64)start + largest, moved);
		root = largest;
	}
}

/*
 * Sorts the names of a record into the index from `start` on, and refuses one
 * that is there twice.
 */
static bool pfs_sort_names(struct pfs_inode inode, struct pfs_scratch_u32 index,
			   u32 start, struct pfs_failure *failure)
{
	struct pfs_dir_entry_list entries =
		pfs_dir_entries(pfs_inode_mode_dir(inode));
	u32 count = entries.part.count;

	for (u32 i = 0; i < count; i++)
		pfs_scratch_u32_set(index, (u64)start + i, i);
	for (u32 i = 0; i < count / 2; i++)
		pfs_sift_down(entries, index, start,
			      count / 2 > i + 1 ? count / 2 - (i + 1) : 0,
			      count);
	for (u32 i = 1; i < count; i++) {
		u32 last = count > i ? count - i : 0;
		u32 moved = pfs_scratch_u32_get(index, start);

		pfs_scratch_u32_set(index, start,
				    pfs_scratch_u32_get(index,
							(u64)start + last));
		pfs_scratch_u32_set(index, (u64)start + last, moved);
		pfs_sift_down(entries, index, start, 0, last);
	}
	for (u32 i = 1; i < count; i++) {
		struct pfs_dir_entry entry = pfs_dir_entry_at(entries,
							      pfs_scratch_u32_get(index,
										  (u64)start +
										  i));
		struct pfs_bytes before = pfs_name_at(entries, index,
						      (u64)start +
						      (i > 1 ? i - 1 : 0));

		if (pfs_same_bytes(before, pfs_dir_entry_name(entry)))
			return pfs_fail(failure, PFS_RULE_DIR_ENTRY_DUPLICATE,
					pfs_inode_ino(inode),
					(u64)entry.part.at * 8);
	}
	return true;
}

/*
 * Last step: fills the index. `records` is how many directory records are not
 * sorted, as validate has counted; the
 * index has room for what it said.
 */
bool pfs_index_names(struct pfs_rootfs image, u32 records,
		     struct pfs_scratch_u32 index, struct pfs_failure *failure)
{
	struct pfs_inode_vector_list layers = pfs_rootfs_metadatas(image);
	u64 head = 1;
	u64 start = 1 + (u64)records * PFS_INDEX_HEAD;

	pfs_scratch_u32_set(index, 0, records);
	for (u32 layer = 0; layer < layers.part.count; layer++) {
		struct pfs_inode_list inodes =
			pfs_inode_vector_inodes(pfs_inode_vector_at(layers,
								    layer));

		for (u32 position = 0; position < inodes.part.count;
		     position++) {
			struct pfs_inode inode = pfs_inode_at(inodes, position);
			struct pfs_dir_entry_list entries;

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
			if (!pfs_sort_names(inode, index, pfs_narrow(start),
					    failure))
				return false;
			head = (u64)pfs_narrow(head) + PFS_INDEX_HEAD;
			start = (u64)pfs_narrow(start) + entries.part.count;
		}
	}
	return true;
}

/*
 * Where the part of the directory record at `position` of `layer` starts in
 * the index; 0 where its names are sorted.
 */
u32 pfs_index_start(struct pfs_scratch_u32 index, u32 layer, u32 position)
{
	u32 records = pfs_scratch_u32_get(index, 0);
	u32 low = 0;
	u32 high = records;
	u64 found;

	for (u64 measure, bound = U64_MAX; low < high; bound = measure) {
		u32 middle;
		u64 head;

		measure = high > low ? high - low : 0;
		if (measure >= bound)
			break;
		middle = ((u64)low + high) / 2;
		head = 1 + (u64)middle * PFS_INDEX_HEAD;
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

/*
 * The entry whose name is number `i` in ascending order; `start` is what
 * indexStart gave.
 */
u32 pfs_sorted_entry(struct pfs_scratch_u32 index, u32 start, u32 i)
{
	return start == 0 ? i : pfs_scratch_u32_get(index, (u64)start + i);
}
