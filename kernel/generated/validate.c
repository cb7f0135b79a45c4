// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/validate.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/validate.ts: openRootfs() */
/*
 * The root of the metadata; sets the work that the size of the message allows.
 */
bool pfs_open_rootfs(const struct pfs_message *message,
		     struct pfs_scratch_u53 work, struct pfs_failure *failure,
		     struct pfs_rootfs *out)
{
	struct pfs_struct_part part;
	struct pfs_rootfs image;

	if (!pfs_checked_root(message, failure, &part))
		return false;
	image = (struct pfs_rootfs) { .part = part };
	if (pfs_rootfs_manifest_version(image) != PFS_MANIFEST_VERSION)
		return pfs_fail(failure, PFS_RULE_MANIFEST_VERSION, 0,
				(u64)image.part.at * 8);
	pfs_scratch_u53_set(work, 0,
			    message->bytes.length / 8 * PFS_WORK_PER_WORD);
	*out = image;
	return true;
}

/* schema/validate.ts: checkCounts() */
/*
 * Checks that the layers, and the inodes of all of them, are few enough to be
 * counted and given memory.
 */
bool pfs_check_counts(const struct pfs_message *message,
		      struct pfs_rootfs image, struct pfs_failure *failure)
{
	if (pfs_rootfs_metadatas(image).part.count > PFS_MAX_LAYERS)
		return pfs_fail(failure, PFS_RULE_TOO_MANY_LAYERS, 0,
				(u64)image.part.at * 8);
	if (pfs_count_records(image) >
	    message->bytes.length / PFS_MIN_INODE_BYTES)
		return pfs_fail(failure, PFS_RULE_TOO_MANY_INODES, 0,
				(u64)image.part.at * 8);
	return pfs_finished(failure);
}

/* schema/validate.ts: checkEncoding() */
/*
 * First step: checks the encoding. After it, countRecords returns how much
 * memory `validate` needs. `work` is one number.
 */
bool pfs_check_encoding(const struct pfs_message *message,
			struct pfs_scratch_u53 work,
			struct pfs_failure *failure, struct pfs_rootfs *out)
{
	struct pfs_rootfs image;

	if (!pfs_open_rootfs(message, work, failure, &image))
		return false;
	if (!pfs_follow_rootfs(image, work, failure))
		return false;
	if (!pfs_check_counts(message, image, failure))
		return false;
	*out = image;
	return true;
}

/* schema/validate.ts: checkSum() */
/* Checks that a sum is less than U53_END. */
static noinline_for_stack bool
pfs_check_sum(u64 a, u64 b, struct pfs_inode inode, struct pfs_failure *failure)
{
	if (a >= PFS_U53_END || b >= PFS_U53_END ||
	    b >= pfs_difference(PFS_U53_END, a))
		return pfs_fail(failure, PFS_RULE_CHUNK_LIST_OVERFLOW,
				pfs_inode_ino(inode), (u64)inode.part.at * 8);
	return true;
}

/* schema/validate.ts: checkChunks() */
static noinline_for_stack bool
pfs_check_chunks(struct pfs_file_chunk_list chunks, struct pfs_inode inode,
		 struct pfs_failure *failure)
{
	u64 size = 0;

	if (chunks.part.count > PFS_MAX_RUNS)
		return pfs_fail(failure, PFS_RULE_TOO_MANY_RUNS,
				pfs_inode_ino(inode), (u64)inode.part.at * 8);
	for (u32 chunk_index = 0; chunk_index < chunks.part.count && pfs_tick();
	     chunk_index++) {
		struct pfs_file_chunk chunk = pfs_file_chunk_at(chunks,
								chunk_index);
		struct pfs_blob_ref blob = pfs_file_chunk_blob(chunk);
		u64 len = pfs_file_chunk_len(chunk);

		if (pfs_blob_ref_digest(blob).length != PFS_DIGEST_BYTES)
			return pfs_fail(failure, PFS_RULE_DIGEST_LENGTH,
					pfs_inode_ino(inode),
					(u64)chunk.part.at * 8);
		if (!pfs_check_sum(pfs_blob_ref_offset(blob), len, inode,
				   failure))
			return false;
		if (!pfs_check_sum(size, len, inode, failure))
			return false;
		if (!pfs_checked_add(size, len, failure, &size))
			return false;
	}
	return pfs_finished(failure);
}

/* schema/validate.ts: checkXattrs() */
static noinline_for_stack bool
pfs_check_xattrs(struct pfs_inode_additional additional, struct pfs_inode inode,
		 struct pfs_failure *failure)
{
	u32 names = 0;
	struct pfs_xattr_list xattr_list;

	xattr_list = pfs_inode_additional_xattrs(additional);
	for (u32 xattr_index = 0;
	     xattr_index < xattr_list.part.count && pfs_tick(); xattr_index++) {
		struct pfs_xattr xattr = pfs_xattr_at(xattr_list, xattr_index);
		u32 length = pfs_xattr_key(xattr).length;

		if (length == 0 || length > PFS_MAX_NAME_BYTES ||
		    pfs_has_nul(pfs_xattr_key(xattr)))
			return pfs_fail(failure, PFS_RULE_XATTR_NAME,
					pfs_inode_ino(inode),
					(u64)xattr.part.at * 8);
		if (pfs_xattr_val(xattr).length > PFS_MAX_XATTR_VALUE_BYTES)
			return pfs_fail(failure, PFS_RULE_XATTR_VALUE,
					pfs_inode_ino(inode),
					(u64)xattr.part.at * 8);
		names = pfs_narrow((u64)names + length + 1);
		if (names > PFS_MAX_XATTR_NAMES_BYTES)
			return pfs_fail(failure, PFS_RULE_XATTR_NAMES,
					pfs_inode_ino(inode),
					(u64)xattr.part.at * 8);
	}
	return pfs_finished(failure);
}

/* schema/validate.ts: checkName() */
static noinline_for_stack bool
pfs_check_name(struct pfs_dir_entry entry, struct pfs_bytes name,
	       struct pfs_inode inode, struct pfs_failure *failure)
{
	u64 at = (u64)entry.part.at * 8;
	u32 found;

	if (name.length == 0 || name.length > PFS_MAX_NAME_BYTES)
		return pfs_fail(failure, PFS_RULE_DIR_ENTRY_NAME_LENGTH,
				pfs_inode_ino(inode), at);
	found = pfs_separator(name);
	if (found == PFS_SLASH)
		return pfs_fail(failure, PFS_RULE_DIR_ENTRY_NAME_SLASH,
				pfs_inode_ino(inode), at);
	if (found != PFS_NO_SEPARATOR)
		return pfs_fail(failure, PFS_RULE_DIR_ENTRY_NAME_NUL,
				pfs_inode_ino(inode), at);
	if (pfs_is_dots(name))
		return pfs_fail(failure, PFS_RULE_DIR_ENTRY_NAME_DOTS,
				pfs_inode_ino(inode), at);
	return true;
}

/* schema/validate.ts: checkDir() */
/* Checks the entries of a directory record; returns whether they are sorted. */
static noinline_for_stack bool
pfs_check_dir(struct pfs_dir dir, struct pfs_inode inode,
	      struct pfs_failure *failure, bool *out)
{
	struct pfs_dir_entry_list entries = pfs_dir_entries(dir);
	bool sorted = true;
	struct pfs_bytes previous =
		pfs_slice(pfs_dir_entry_name(pfs_dir_entry_at(entries, 0)), 0,
			  0);

	for (u32 entry_index = 0;
	     entry_index < entries.part.count && pfs_tick(); entry_index++) {
		struct pfs_dir_entry entry = pfs_dir_entry_at(entries,
							      entry_index);
		struct pfs_bytes name = pfs_dir_entry_name(entry);
		u32 comparison;

		if (!pfs_check_name(entry, name, inode, failure))
			return false;
		if (pfs_dir_entry_ino(entry) == PFS_ROOT_INO)
			return pfs_fail(failure, PFS_RULE_DIR_ENTRY_ROOT,
					pfs_inode_ino(inode),
					(u64)entry.part.at * 8);
		comparison = pfs_compare_names(previous, name);
		if (comparison == 1)
			return pfs_fail(failure, PFS_RULE_DIR_ENTRY_DUPLICATE,
					pfs_inode_ino(inode),
					(u64)entry.part.at * 8);
		if (comparison == 2)
			sorted = false;
		previous = name;
	}
	if (!sorted && pfs_dir_look_below(dir))
		return pfs_fail(failure, PFS_RULE_LOOK_BELOW_UNSORTED,
				pfs_inode_ino(inode), (u64)inode.part.at * 8);
	*out = sorted;
	return pfs_finished(failure);
}

/* schema/validate.ts: checkRecord() */
/*
 * Checks the rules of every inode record, superseded or not; returns whether
 * its names are sorted.
 */
bool pfs_check_record(struct pfs_inode inode, struct pfs_failure *failure,
		      bool *out)
{
	enum pfs_inode_mode kind = pfs_inode_mode_kind(inode);
	u64 at = (u64)inode.part.at * 8;
	struct pfs_inode_additional additional = pfs_inode_additional(inode);
	bool sorted;

	if (kind == PFS_INODE_MODE_INVALID || kind == PFS_INODE_MODE_UNKNOWN)
		return pfs_fail(failure, PFS_RULE_INODE_KIND,
				pfs_inode_ino(inode), at);
	if (pfs_inode_permissions(inode) > PFS_MAX_PERMISSIONS)
		return pfs_fail(failure, PFS_RULE_PERMISSIONS_RANGE,
				pfs_inode_ino(inode), at);
	if (pfs_inode_mtime_nanoseconds(inode) >= PFS_NANOSECONDS)
		return pfs_fail(failure, PFS_RULE_MTIME_NANOSECONDS,
				pfs_inode_ino(inode), at);
	if (kind == PFS_INODE_MODE_CHR &&
	    !pfs_device_fits(pfs_chr_major(pfs_inode_mode_chr(inode)),
			     pfs_chr_minor(pfs_inode_mode_chr(inode))))
		return pfs_fail(failure, PFS_RULE_DEVICE_NUMBER,
				pfs_inode_ino(inode), at);
	if (kind == PFS_INODE_MODE_BLK &&
	    !pfs_device_fits(pfs_blk_major(pfs_inode_mode_blk(inode)),
			     pfs_blk_minor(pfs_inode_mode_blk(inode))))
		return pfs_fail(failure, PFS_RULE_DEVICE_NUMBER,
				pfs_inode_ino(inode), at);
	if (kind == PFS_INODE_MODE_LNK) {
		struct pfs_bytes target =
			pfs_inode_additional_symlink_target(additional);

		if (target.length == 0 ||
		    target.length > PFS_MAX_TARGET_BYTES || pfs_has_nul(target))
			return pfs_fail(failure, PFS_RULE_SYMLINK_TARGET,
					pfs_inode_ino(inode), at);
	}
	if (!pfs_check_xattrs(additional, inode, failure))
		return false;
	if (kind == PFS_INODE_MODE_FILE) {
		if (!pfs_check_chunks(pfs_inode_mode_file(inode), inode,
				      failure))
			return false;
	}
	if (kind != PFS_INODE_MODE_DIR) {
		*out = true;
		return true;
	}
	if (!pfs_check_dir(pfs_inode_mode_dir(inode), inode, failure, &sorted))
		return false;
	*out = sorted;
	return true;
}

/* schema/validate.ts: checkOrder() */
/* Checks that the inode numbers of a layer are in range, and ascend. */
static noinline_for_stack bool pfs_check_order(struct pfs_inode_vector layer,
					       struct pfs_failure *failure)
{
	u64 previous = 0;
	struct pfs_inode_list inode_list;

	inode_list = pfs_inode_vector_inodes(layer);
	for (u32 inode_index = 0;
	     inode_index < inode_list.part.count && pfs_tick(); inode_index++) {
		struct pfs_inode inode = pfs_inode_at(inode_list, inode_index);
		u64 ino = pfs_inode_ino(inode);

		if (ino == 0 || ino >= PFS_U53_END)
			return pfs_fail(failure, PFS_RULE_INO_RANGE, ino,
					(u64)inode.part.at * 8);
		if (ino <= previous)
			return pfs_fail(failure, PFS_RULE_INO_ORDER, ino,
					(u64)inode.part.at * 8);
		previous = ino;
	}
	return pfs_finished(failure);
}

/* schema/validate.ts: checkDigests() */
static noinline_for_stack bool pfs_check_digests(struct pfs_rootfs image,
						 struct pfs_failure *failure)
{
	struct pfs_verity_data_list item_list;

	item_list = pfs_rootfs_fs_verity_data(image);
	for (u32 item_index = 0;
	     item_index < item_list.part.count && pfs_tick(); item_index++) {
		struct pfs_verity_data item = pfs_verity_data_at(item_list,
								 item_index);

		if (pfs_verity_data_digest(item).length != PFS_DIGEST_BYTES ||
		    pfs_verity_data_verity(item).length != PFS_DIGEST_BYTES)
			return pfs_fail(failure, PFS_RULE_DIGEST_LENGTH, 0,
					(u64)item.part.at * 8);
	}
	return pfs_finished(failure);
}

/* schema/validate.ts: countName() */
static void pfs_count_name(struct pfs_scratch_u32 links, u64 ordinal)
{
	pfs_scratch_u32_set(links, ordinal,
			    pfs_narrow((u64)pfs_scratch_u32_get(links,
								ordinal) + 1));
}

/* schema/validate.ts: checkTarget() */
/* Checks that some layer has the inode of an entry of directory `dir`. */
bool pfs_check_target(struct pfs_layers layers, struct pfs_dir_entry entry,
		      u64 dir, struct pfs_failure *failure)
{
	if (!pfs_has_inode(layers, pfs_dir_entry_ino(entry)))
		return pfs_fail(failure, PFS_RULE_DIR_ENTRY_DANGLING, dir,
				(u64)entry.part.at * 8);
	return pfs_finished(failure);
}

/* schema/validate.ts: checkRoot() */
/* Checks that the root is there, and a directory. */
bool pfs_check_root(struct pfs_rootfs image, struct pfs_failure *failure)
{
	struct pfs_inode root;
	bool root_found;

	root_found = pfs_find_inode(image, PFS_ROOT_INO, &root);
	if (!root_found)
		return pfs_fail(failure, PFS_RULE_ROOT_INODE, PFS_ROOT_INO,
				(u64)image.part.at * 8);
	if (pfs_inode_mode_kind(root) != PFS_INODE_MODE_DIR)
		return pfs_fail(failure, PFS_RULE_ROOT_INODE, PFS_ROOT_INO,
				(u64)root.part.at * 8);
	return pfs_finished(failure);
}

/* schema/validate.ts: checkUnreached() */
/*
 * Checks the directory records that the walk did not reach: none is of the
 * newest layer, and their entries' inodes exist.
 */
static noinline_for_stack bool
pfs_check_unreached(struct pfs_layers layers, struct pfs_scratch_u53 parents,
		    struct pfs_failure *failure)
{
	u64 ordinal = 0;

	for (u32 layer = 0; layer < layers.all.part.count && pfs_tick();
	     layer++) {
		struct pfs_inode_list inode_list;

		inode_list =
			pfs_inode_vector_inodes(pfs_inode_vector_at(layers.all,
								    layer));
		for (u32 inode_index = 0;
		     inode_index < inode_list.part.count && pfs_tick();
		     inode_index++) {
			struct pfs_inode inode = pfs_inode_at(inode_list,
							      inode_index);

			if (pfs_inode_mode_kind(inode) == PFS_INODE_MODE_DIR &&
			    pfs_scratch_u53_get(parents, ordinal) == 0) {
				struct pfs_dir_entry_list entry_list;

				if (layer == 0)
					return pfs_fail(failure,
							PFS_RULE_DIR_UNREACHABLE,
							pfs_inode_ino(inode),
							(u64)inode.part.at * 8);
				entry_list = pfs_dir_entries(pfs_inode_mode_dir(inode));
				for (u32 entry_index = 0;
				     entry_index < entry_list.part.count &&
				     pfs_tick(); entry_index++) {
					struct pfs_dir_entry entry =
						pfs_dir_entry_at(entry_list,
								 entry_index);

					if (!pfs_check_target(layers, entry,
							      pfs_inode_ino(inode),
							      failure))
						return false;
				}
			}
			ordinal = (u64)pfs_narrow(ordinal) + 1;
		}
	}
	return pfs_finished(failure);
}

/* schema/validate.ts: checkTree() */
/*
 * Walks the effective tree from its root, and checks that every directory has
 * one parent, that none is its own ancestor, and that all of the newest layer
 * are reached (those of older layers may be superseded). Returns the number of
 * visible inodes.
 */
static noinline_for_stack bool
pfs_check_tree(struct pfs_rootfs image, struct pfs_scratch_u32 links,
	       struct pfs_scratch_u53 parents, struct pfs_scratch_u53 queue,
	       struct pfs_failure *failure, u64 *out)
{
	struct pfs_layers layers = pfs_open_layers(image);
	struct pfs_inode_record root;
	bool root_found;
	u64 queued;
	u64 visible;

	if (!pfs_check_root(image, failure))
		return false;
	root_found = pfs_resolve_inode(layers, PFS_ROOT_INO, &root);
	if (!root_found) {
		*out = 0;
		return pfs_finished(failure);
	}
	pfs_scratch_u53_set(parents, root.ordinal, PFS_ROOT_INO);
	pfs_scratch_u32_set(links, root.ordinal, 2);
	pfs_scratch_u53_set(queue, 0, PFS_ROOT_INO);
	queued = 1;
	visible = 1;
	for (u64 i = 0; i < queued && pfs_tick(); i++) {
		u64 dir = pfs_scratch_u53_get(queue, i);
		struct pfs_inode_record above;
		bool above_found;
		u32 layer;
		u32 records_above;

		above_found = pfs_resolve_inode(layers, dir, &above);
		if (!above_found)
			continue;
		layer = 0;
		records_above = 0;
		for (u64 bound = U64_MAX;
		     layer < PFS_MAX_LAYERS &&
		     pfs_decreases(&bound,
				   pfs_difference(PFS_MAX_LAYERS, layer));) {
			struct pfs_dir_record record;
			bool record_found;
			struct pfs_dir_entry_list entry_list;

			record_found = pfs_find_dir_record(layers, dir, layer,
							   &record);
			if (!record_found)
				break;
			if (records_above > PFS_MAX_LOOK_BELOW)
				return pfs_fail(failure,
						PFS_RULE_LOOK_BELOW_DEPTH, dir,
						(u64)above.inode.part.at * 8);
			records_above = pfs_narrow((u64)records_above + 1);
			entry_list = record.entries;
			for (u32 entry_index = 0;
			     entry_index < entry_list.part.count && pfs_tick();
			     entry_index++) {
				struct pfs_dir_entry entry =
					pfs_dir_entry_at(entry_list,
							 entry_index);
				struct pfs_inode_record shown;
				bool shown_found;
				u64 ordinal;

				if (record.covered &&
				    pfs_is_hidden(layers, record.layer, dir,
						  pfs_dir_entry_name(entry))) {
					if (!pfs_check_target(layers, entry,
							      dir, failure))
						return false;
					continue;
				}
				shown_found = pfs_newest_record(layers,
								pfs_dir_entry_ino(entry),
								&shown);
				if (!shown_found)
					return pfs_fail(failure,
							PFS_RULE_DIR_ENTRY_DANGLING,
							dir,
							(u64)entry.part.at * 8);
				if (pfs_inode_mode_kind(shown.inode) ==
				    PFS_INODE_MODE_WHT)
					continue;
				ordinal = shown.ordinal;
				if (pfs_inode_mode_kind(shown.inode) !=
				    PFS_INODE_MODE_DIR) {
					if (pfs_scratch_u32_get(links,
								ordinal) == 0)
						visible = visible + 1;
					pfs_count_name(links, ordinal);
					continue;
				}
				if (pfs_scratch_u53_get(parents, ordinal) != 0)
					return pfs_fail(failure,
							PFS_RULE_DIR_PARENTS,
							pfs_dir_entry_ino(entry),
							(u64)shown.inode.part.at * 8);
				pfs_scratch_u53_set(parents, ordinal, dir);
				pfs_scratch_u32_set(links, ordinal, 2);
				pfs_count_name(links, above.ordinal);
				pfs_scratch_u53_set(queue, queued,
						    pfs_dir_entry_ino(entry));
				queued = queued + 1;
				visible = visible + 1;
			}
			if (!record.look_below)
				break;
			layer = pfs_narrow((u64)record.layer + 1);
		}
	}
	if (!pfs_check_unreached(layers, parents, failure))
		return false;
	*out = visible;
	return pfs_finished(failure);
}

/* schema/validate.ts: validate() */
/*
 * Second step: every rule but one. `links`, `parents` and `queue` are zeroed
 * and have room for countRecords(image) numbers. Afterwards `links` has the
 * number of links of each visible record, `parents` the parent directory of
 * each visible directory; the index is the ordinal of the record.
 *
 * If `unsorted` of the summary is not 0, indexNames is the third step: it
 * refuses duplicate names.
 */
bool pfs_validate(struct pfs_rootfs image, struct pfs_scratch_u32 links,
		  struct pfs_scratch_u53 parents, struct pfs_scratch_u53 queue,
		  struct pfs_failure *failure, struct pfs_summary *out)
{
	struct pfs_inode_vector_list layers = pfs_rootfs_metadatas(image);
	u32 unsorted = 0;
	u64 index = 0;
	u32 largest = 0;
	u64 visible;

	for (u32 layer_index = 0; layer_index < layers.part.count && pfs_tick();
	     layer_index++) {
		struct pfs_inode_vector layer =
			pfs_inode_vector_at(layers, layer_index);

		if (!pfs_check_order(layer, failure))
			return false;
	}
	if (!pfs_check_digests(image, failure))
		return false;
	for (u32 layer_index = 0; layer_index < layers.part.count && pfs_tick();
	     layer_index++) {
		struct pfs_inode_vector layer =
			pfs_inode_vector_at(layers, layer_index);
		struct pfs_inode_list inode_list;

		inode_list = pfs_inode_vector_inodes(layer);
		for (u32 inode_index = 0;
		     inode_index < inode_list.part.count && pfs_tick();
		     inode_index++) {
			struct pfs_inode inode = pfs_inode_at(inode_list,
							      inode_index);
			bool sorted;

			if (!pfs_check_record(inode, failure, &sorted))
				return false;
			if (!sorted) {
				u32 names;

				if (pfs_records_tree(image))
					return pfs_fail(failure,
							PFS_RULE_RECORDED_UNSORTED,
							pfs_inode_ino(inode),
							(u64)inode.part.at * 8);
				names = pfs_dir_entries(pfs_inode_mode_dir(inode)).part.count;
				unsorted = pfs_narrow((u64)unsorted + 1);
				index = (u64)pfs_narrow(index) +
					PFS_INDEX_HEAD + names;
				if (names > largest)
					largest = names;
			}
		}
	}
	if (!pfs_check_tree(image, links, parents, queue, failure, &visible))
		return false;
	if (!pfs_check_recorded(image, links, parents, visible, failure))
		return false;
	*out = (struct pfs_summary) {
		.inodes = visible,
		.unsorted = unsorted,
		.index = unsorted == 0 ? 0 :
			 (u64)pfs_narrow(index) + 1 + largest,
	};
	return pfs_finished(failure);
}
