// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/metadata.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/generated/checks.ts: followDirEntry() */
/* Follows every pointer of a DirEntry strictly. */
bool pfs_follow_dir_entry(struct pfs_dir_entry self,
			  struct pfs_scratch_u53 work,
			  struct pfs_failure *failure)
{
	struct pfs_bytes unused;

	return pfs_checked_data(self.part, 0, work, failure, &unused);
}

/* schema/generated/checks.ts: followDir() */
/* Follows every pointer of a Dir strictly. */
bool pfs_follow_dir(struct pfs_dir self, struct pfs_scratch_u53 work,
		    struct pfs_failure *failure)
{
	struct pfs_dir_entry_list entries;

	if (!pfs_checked_list(self.part, 0, work, failure, &entries.part))
		return false;
	for (u32 item_index = 0; item_index < entries.part.count && pfs_tick();
	     item_index++) {
		struct pfs_dir_entry item = pfs_dir_entry_at(entries,
							     item_index);

		if (!pfs_follow_dir_entry(item, work, failure))
			return false;
	}
	return pfs_finished(failure);
}

/* schema/generated/checks.ts: followBlobRef() */
/* Follows every pointer of a BlobRef strictly. */
bool pfs_follow_blob_ref(struct pfs_blob_ref self, struct pfs_scratch_u53 work,
			 struct pfs_failure *failure)
{
	struct pfs_bytes unused;

	return pfs_checked_data(self.part, 0, work, failure, &unused);
}

/* schema/generated/checks.ts: followFileChunk() */
/* Follows every pointer of a FileChunk strictly. */
bool pfs_follow_file_chunk(struct pfs_file_chunk self,
			   struct pfs_scratch_u53 work,
			   struct pfs_failure *failure)
{
	struct pfs_blob_ref blob;

	if (!pfs_checked_struct(self.part, 0, work, failure, &blob.part))
		return false;
	return pfs_follow_blob_ref(blob, work, failure);
}

/* schema/generated/checks.ts: followXattr() */
/* Follows every pointer of a Xattr strictly. */
bool pfs_follow_xattr(struct pfs_xattr self, struct pfs_scratch_u53 work,
		      struct pfs_failure *failure)
{
	struct pfs_bytes unused;

	if (!pfs_checked_data(self.part, 0, work, failure, &unused))
		return false;
	return pfs_checked_data(self.part, 1, work, failure, &unused);
}

/* schema/generated/checks.ts: followInodeAdditional() */
/* Follows every pointer of a InodeAdditional strictly. */
bool pfs_follow_inode_additional(struct pfs_inode_additional self,
				 struct pfs_scratch_u53 work,
				 struct pfs_failure *failure)
{
	struct pfs_xattr_list xattrs;
	struct pfs_bytes unused;

	if (!pfs_checked_list(self.part, 0, work, failure, &xattrs.part))
		return false;
	for (u32 item_index = 0; item_index < xattrs.part.count && pfs_tick();
	     item_index++) {
		struct pfs_xattr item = pfs_xattr_at(xattrs, item_index);

		if (!pfs_follow_xattr(item, work, failure))
			return false;
	}
	return pfs_checked_data(self.part, 1, work, failure, &unused) &&
	       pfs_finished(failure);
}

/* schema/generated/checks.ts: followInode() */
/* Follows every pointer of a Inode strictly. */
bool pfs_follow_inode(struct pfs_inode self, struct pfs_scratch_u53 work,
		      struct pfs_failure *failure)
{
	struct pfs_inode_additional additional;
	enum pfs_inode_mode mode_kind;

	if (!pfs_checked_struct(self.part, 1, work, failure, &additional.part))
		return false;
	if (!pfs_follow_inode_additional(additional, work, failure))
		return false;
	mode_kind = pfs_inode_mode_kind(self);
	if (mode_kind == PFS_INODE_MODE_CHR) {
		struct pfs_chr unused;

		if (!pfs_checked_struct(self.part, 0, work, failure,
					&unused.part))
			return false;
	}
	if (mode_kind == PFS_INODE_MODE_DIR) {
		struct pfs_dir dir;

		if (!pfs_checked_struct(self.part, 0, work, failure, &dir.part))
			return false;
		if (!pfs_follow_dir(dir, work, failure))
			return false;
	}
	if (mode_kind == PFS_INODE_MODE_BLK) {
		struct pfs_blk unused;

		if (!pfs_checked_struct(self.part, 0, work, failure,
					&unused.part))
			return false;
	}
	if (mode_kind == PFS_INODE_MODE_FILE) {
		struct pfs_file_chunk_list file;

		if (!pfs_checked_list(self.part, 0, work, failure, &file.part))
			return false;
		for (u32 item_index = 0;
		     item_index < file.part.count && pfs_tick(); item_index++) {
			struct pfs_file_chunk item =
				pfs_file_chunk_at(file, item_index);

			if (!pfs_follow_file_chunk(item, work, failure))
				return false;
		}
	}
	return pfs_finished(failure);
}

/* schema/generated/checks.ts: followInodeVector() */
/* Follows every pointer of a InodeVector strictly. */
bool pfs_follow_inode_vector(struct pfs_inode_vector self,
			     struct pfs_scratch_u53 work,
			     struct pfs_failure *failure)
{
	struct pfs_inode_list inodes;

	if (!pfs_checked_list(self.part, 0, work, failure, &inodes.part))
		return false;
	for (u32 item_index = 0; item_index < inodes.part.count && pfs_tick();
	     item_index++) {
		struct pfs_inode item = pfs_inode_at(inodes, item_index);

		if (!pfs_follow_inode(item, work, failure))
			return false;
	}
	return pfs_finished(failure);
}

/* schema/generated/checks.ts: followVerityData() */
/* Follows every pointer of a VerityData strictly. */
bool pfs_follow_verity_data(struct pfs_verity_data self,
			    struct pfs_scratch_u53 work,
			    struct pfs_failure *failure)
{
	struct pfs_bytes unused;

	if (!pfs_checked_data(self.part, 0, work, failure, &unused))
		return false;
	return pfs_checked_data(self.part, 1, work, failure, &unused);
}

/* schema/generated/checks.ts: followRootfs() */
/* Follows every pointer of a Rootfs strictly. */
bool pfs_follow_rootfs(struct pfs_rootfs self, struct pfs_scratch_u53 work,
		       struct pfs_failure *failure)
{
	struct pfs_inode_vector_list metadatas;
	struct pfs_verity_data_list fs_verity_data;

	if (!pfs_checked_list(self.part, 0, work, failure, &metadatas.part))
		return false;
	for (u32 item_index = 0;
	     item_index < metadatas.part.count && pfs_tick(); item_index++) {
		struct pfs_inode_vector item = pfs_inode_vector_at(metadatas,
								   item_index);

		if (!pfs_follow_inode_vector(item, work, failure))
			return false;
	}
	if (!pfs_checked_list(self.part, 1, work, failure,
			      &fs_verity_data.part))
		return false;
	for (u32 item_index = 0;
	     item_index < fs_verity_data.part.count && pfs_tick();
	     item_index++) {
		struct pfs_verity_data item = pfs_verity_data_at(fs_verity_data,
								 item_index);

		if (!pfs_follow_verity_data(item, work, failure))
			return false;
	}
	return pfs_finished(failure);
}

/* schema/generated/checks.ts: followPack() */
/* Follows every pointer of a Pack strictly. */
bool pfs_follow_pack(struct pfs_pack self, struct pfs_scratch_u53 work,
		     struct pfs_failure *failure)
{
	struct pfs_bytes unused;

	if (!pfs_checked_data(self.part, 0, work, failure, &unused))
		return false;
	return pfs_checked_data(self.part, 1, work, failure, &unused);
}

/* schema/generated/checks.ts: followBundle() */
/* Follows every pointer of a Bundle strictly. */
bool pfs_follow_bundle(struct pfs_bundle self, struct pfs_scratch_u53 work,
		       struct pfs_failure *failure)
{
	struct pfs_bytes unused;
	struct pfs_pack_list packs;

	if (!pfs_checked_data(self.part, 0, work, failure, &unused))
		return false;
	if (!pfs_checked_data(self.part, 1, work, failure, &unused))
		return false;
	if (!pfs_checked_data(self.part, 2, work, failure, &unused))
		return false;
	if (!pfs_checked_data(self.part, 3, work, failure, &unused))
		return false;
	if (!pfs_checked_list(self.part, 4, work, failure, &packs.part))
		return false;
	for (u32 item_index = 0; item_index < packs.part.count && pfs_tick();
	     item_index++) {
		struct pfs_pack item = pfs_pack_at(packs, item_index);

		if (!pfs_follow_pack(item, work, failure))
			return false;
	}
	return pfs_finished(failure);
}
