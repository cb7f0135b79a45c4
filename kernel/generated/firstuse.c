// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/firstuse.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/firstuse.ts: checkOutline() */
/*
 * Checks what is needed to find inodes, and that there is a root if the image
 * records its tree. `work` is one number, which checkInode takes too.
 */
bool pfs_check_outline(const struct pfs_message *message,
		       struct pfs_scratch_u53 work, struct pfs_failure *failure,
		       struct pfs_rootfs *out)
{
	struct pfs_rootfs image;
	struct pfs_inode_vector_list layers;
	struct pfs_verity_data_list unused;

	if (!pfs_open_rootfs(message, work, failure, &image))
		return false;
	if (!pfs_checked_list(image.part, 0, work, failure, &layers.part))
		return false;
	if (layers.part.count > PFS_MAX_LAYERS)
		return pfs_fail(failure, PFS_RULE_TOO_MANY_LAYERS, 0,
				(u64)image.part.at * 8);
	for (u32 layer_index = 0; layer_index < layers.part.count && pfs_tick();
	     layer_index++) {
		struct pfs_inode_vector layer =
			pfs_inode_vector_at(layers, layer_index);
		struct pfs_inode_list unused;

		if (!pfs_checked_list(layer.part, 0, work, failure,
				      &unused.part))
			return false;
	}
	if (!pfs_check_counts(message, image, failure))
		return false;
	if (!pfs_checked_list(image.part, 1, work, failure, &unused.part))
		return false;
	if (pfs_records_tree(image)) {
		if (!pfs_check_root(image, failure))
			return false;
	}
	*out = image;
	return pfs_finished(failure);
}

/* schema/firstuse.ts: checkOneRecord() */
/*
 * Checks one record of an inode; of a directory also the names in it, and that
 * their inodes exist.
 */
static noinline_for_stack bool
pfs_check_one_record(struct pfs_layers layers, struct pfs_inode inode,
		     struct pfs_scratch_u53 work, struct pfs_failure *failure)
{
	bool sorted;
	struct pfs_dir_entry_list entry_list;

	if (!pfs_follow_inode(inode, work, failure))
		return false;
	if (!pfs_check_record(inode, failure, &sorted))
		return false;
	if (!sorted)
		return pfs_fail(failure, PFS_RULE_RECORDED_UNSORTED,
				pfs_inode_ino(inode), (u64)inode.part.at * 8);
	if (pfs_inode_mode_kind(inode) != PFS_INODE_MODE_DIR)
		return pfs_finished(failure);
	entry_list = pfs_dir_entries(pfs_inode_mode_dir(inode));
	for (u32 entry_index = 0;
	     entry_index < entry_list.part.count && pfs_tick(); entry_index++) {
		struct pfs_dir_entry entry = pfs_dir_entry_at(entry_list,
							      entry_index);

		if (!pfs_check_target(layers, entry, pfs_inode_ino(inode),
				      failure))
			return false;
	}
	return pfs_finished(failure);
}

/* schema/firstuse.ts: checkInode() */
/*
 * Checks a visible inode of an image that records its tree, before its first
 * use: every rule that concerns it alone, and that it has only the recorded
 * traits. Not that numbers of links and parents are true, for which `validate`
 * walks the tree.
 */
bool pfs_check_inode(struct pfs_rootfs image, struct pfs_layers layers,
		     struct pfs_inode inode, struct pfs_scratch_u53 work,
		     struct pfs_failure *failure)
{
	u32 traits = pfs_traits_of(inode);
	u32 layer;
	u32 records_above;

	if ((traits | pfs_rootfs_traits(image)) != pfs_rootfs_traits(image))
		return pfs_fail(failure, PFS_RULE_RECORDED_TOTALS,
				pfs_inode_ino(inode), (u64)inode.part.at * 8);
	if (pfs_inode_mode_kind(inode) != PFS_INODE_MODE_DIR) {
		if (!pfs_check_one_record(layers, inode, work, failure))
			return false;
		return pfs_finished(failure);
	}
	layer = 0;
	records_above = 0;
	for (u64 bound = U64_MAX;
	     layer < PFS_MAX_LAYERS &&
	     pfs_decreases(&bound, pfs_difference(PFS_MAX_LAYERS, layer));) {
		struct pfs_dir_record record;
		bool record_found;
		struct pfs_inode_list inodes;

		record_found = pfs_find_dir_record(layers, pfs_inode_ino(inode),
						   layer, &record);
		if (!record_found)
			break;
		if (records_above > PFS_MAX_LOOK_BELOW)
			return pfs_fail(failure, PFS_RULE_LOOK_BELOW_DEPTH,
					pfs_inode_ino(inode),
					(u64)inode.part.at * 8);
		records_above = pfs_narrow((u64)records_above + 1);
		inodes = pfs_inode_vector_inodes(pfs_inode_vector_at(layers.all,
								     record.layer));
		if (!pfs_check_one_record(layers,
					  pfs_inode_at(inodes, record.position),
					  work, failure))
			return false;
		if (!record.look_below)
			break;
		layer = pfs_narrow((u64)record.layer + 1);
	}
	if (pfs_dir_links(pfs_inode_mode_dir(inode)) < 2)
		return pfs_fail(failure, PFS_RULE_RECORDED_LINKS,
				pfs_inode_ino(inode), (u64)inode.part.at * 8);
	if (pfs_dir_parent(pfs_inode_mode_dir(inode)) == 0)
		return pfs_fail(failure, PFS_RULE_RECORDED_PARENT,
				pfs_inode_ino(inode), (u64)inode.part.at * 8);
	return pfs_finished(failure);
}

/* schema/firstuse.ts: checkParent() */
/*
 * Checks that a directory that was found in directory `dir` records it as its
 * parent: so it has one name, and no cycle is reached.
 */
bool pfs_check_parent(struct pfs_inode inode, u64 dir,
		      struct pfs_failure *failure)
{
	if (pfs_inode_mode_kind(inode) == PFS_INODE_MODE_DIR &&
	    pfs_dir_parent(pfs_inode_mode_dir(inode)) != dir)
		return pfs_fail(failure, PFS_RULE_RECORDED_PARENT,
				pfs_inode_ino(inode), (u64)inode.part.at * 8);
	return true;
}
