// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/recorded.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/recorded.ts: recordsTree() */
/* Whether the image records its tree. */
bool pfs_records_tree(struct pfs_rootfs image)
{
	return pfs_rootfs_inodes(image) != 0;
}

/* schema/recorded.ts: recordedLinks() */
/*
 * The number of links that the image records of a visible inode; of a directory
 * without the record 0.
 */
u32 pfs_recorded_links(struct pfs_inode inode)
{
	u32 links;

	if (pfs_inode_mode_kind(inode) == PFS_INODE_MODE_DIR)
		return pfs_dir_links(pfs_inode_mode_dir(inode));
	links = pfs_inode_additional_links(pfs_inode_additional(inode));
	return links == 0 ? 1 : links;
}

/* schema/recorded.ts: hasPrefix() */
static bool pfs_has_prefix(struct pfs_bytes name, struct pfs_bytes prefix)
{
	return pfs_same_bytes(pfs_slice(name, 0, prefix.length), prefix);
}

/* schema/recorded.ts: traitsOfName() */
/* The bits of an inode that has an extended attribute of this name. */
u32 pfs_traits_of_name(struct pfs_bytes name)
{
	if (pfs_has_prefix(name, PFS_TEXT("system.posix_acl_")))
		return PFS_TRAIT_XATTRS | PFS_TRAIT_ACLS;
	if (pfs_same_bytes(name, PFS_TEXT("security.selinux")))
		return PFS_TRAIT_XATTRS | PFS_TRAIT_SELINUX;
	if (pfs_has_prefix(name, PFS_TEXT("trusted.overlay.")))
		return PFS_TRAIT_XATTRS | PFS_TRAIT_OVERLAY;
	if (pfs_has_prefix(name, PFS_TEXT("user.overlay.")))
		return PFS_TRAIT_XATTRS | PFS_TRAIT_OVERLAY;
	return PFS_TRAIT_XATTRS;
}

/* schema/recorded.ts: traitsOfXattrs() */
static u32 pfs_traits_of_xattrs(struct pfs_inode_additional additional)
{
	u32 traits = 0;
	struct pfs_xattr_list xattr_list;

	xattr_list = pfs_inode_additional_xattrs(additional);
	for (u32 xattr_index = 0;
	     xattr_index < xattr_list.part.count && pfs_tick(); xattr_index++) {
		struct pfs_xattr xattr = pfs_xattr_at(xattr_list, xattr_index);

		traits = traits | pfs_traits_of_name(pfs_xattr_key(xattr));
	}
	return traits;
}

/* schema/recorded.ts: traitsOf() */
/* The bits of Rootfs.traits that an inode has. */
u32 pfs_traits_of(struct pfs_inode inode)
{
	u32 traits = pfs_traits_of_xattrs(pfs_inode_additional(inode));
	struct pfs_chr device;

	if (pfs_inode_mode_kind(inode) != PFS_INODE_MODE_CHR)
		return traits;
	device = pfs_inode_mode_chr(inode);
	return pfs_chr_major(device) == 0 && pfs_chr_minor(device) == 0 ?
	       traits | PFS_TRAIT_OVERLAY : traits;
}

/* schema/recorded.ts: imageTraits() */
/* The bits of all visible inodes. `links` was filled by validate. */
u32 pfs_image_traits(struct pfs_rootfs image, struct pfs_scratch_u32 links)
{
	u32 traits = 0;
	u64 ordinal = 0;
	struct pfs_inode_vector_list layer_list;

	layer_list = pfs_rootfs_metadatas(image);
	for (u32 layer_index = 0;
	     layer_index < layer_list.part.count && pfs_tick(); layer_index++) {
		struct pfs_inode_vector layer =
			pfs_inode_vector_at(layer_list, layer_index);
		struct pfs_inode_list inode_list;

		inode_list = pfs_inode_vector_inodes(layer);
		for (u32 inode_index = 0;
		     inode_index < inode_list.part.count && pfs_tick();
		     inode_index++) {
			struct pfs_inode inode = pfs_inode_at(inode_list,
							      inode_index);

			if (pfs_scratch_u32_get(links, ordinal) != 0)
				traits = traits | pfs_traits_of(inode);
			ordinal = (u64)pfs_narrow(ordinal) + 1;
		}
	}
	return traits;
}

/* schema/recorded.ts: checkRecorded() */
/*
 * Checks that what the image records is what its tree shows. `links` and
 * `parents` were filled by validate.
 */
bool pfs_check_recorded(struct pfs_rootfs image, struct pfs_scratch_u32 links,
			struct pfs_scratch_u53 parents, u64 visible,
			struct pfs_failure *failure)
{
	u64 bytes;
	u32 traits;
	u64 ordinal;
	struct pfs_inode_vector_list layer_list;

	if (!pfs_records_tree(image))
		return pfs_finished(failure);
	bytes = pfs_content_bytes(image, links);
	traits = pfs_image_traits(image, links);
	if (pfs_rootfs_inodes(image) != visible ||
	    pfs_rootfs_content_bytes(image) != bytes ||
	    pfs_rootfs_traits(image) != traits)
		return pfs_fail(failure, PFS_RULE_RECORDED_TOTALS, 0,
				(u64)image.part.at * 8);
	ordinal = 0;
	layer_list = pfs_rootfs_metadatas(image);
	for (u32 layer_index = 0;
	     layer_index < layer_list.part.count && pfs_tick(); layer_index++) {
		struct pfs_inode_vector layer =
			pfs_inode_vector_at(layer_list, layer_index);
		struct pfs_inode_list inode_list;

		inode_list = pfs_inode_vector_inodes(layer);
		for (u32 inode_index = 0;
		     inode_index < inode_list.part.count && pfs_tick();
		     inode_index++) {
			struct pfs_inode inode = pfs_inode_at(inode_list,
							      inode_index);
			u32 counted = pfs_scratch_u32_get(links, ordinal);
			u64 parent = pfs_scratch_u53_get(parents, ordinal);

			ordinal = (u64)pfs_narrow(ordinal) + 1;
			if (counted == 0)
				continue;
			if (pfs_recorded_links(inode) != counted)
				return pfs_fail(failure,
						PFS_RULE_RECORDED_LINKS,
						pfs_inode_ino(inode),
						(u64)inode.part.at * 8);
			if (pfs_inode_mode_kind(inode) == PFS_INODE_MODE_DIR &&
			    pfs_dir_parent(pfs_inode_mode_dir(inode)) != parent)
				return pfs_fail(failure,
						PFS_RULE_RECORDED_PARENT,
						pfs_inode_ino(inode),
						(u64)inode.part.at * 8);
		}
	}
	return pfs_finished(failure);
}
