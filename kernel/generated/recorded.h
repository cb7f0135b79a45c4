/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/recorded.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_RECORDED_H
#define _PFS_RECORDED_H

#include "../format_base.h"
#include "metadata.h"

/* An extended attribute. */
#define PFS_TRAIT_XATTRS 1
/* A POSIX access control list. */
#define PFS_TRAIT_ACLS 2
/* A label of SELinux. */
#define PFS_TRAIT_SELINUX 4
/*
 * What overlayfs would interpret: its extended attributes, or a character
 * device 0:0.
 */
#define PFS_TRAIT_OVERLAY 8

bool pfs_records_tree(struct pfs_rootfs image);
u32 pfs_recorded_links(struct pfs_inode inode);
u32 pfs_traits_of_name(struct pfs_bytes name);
/* If pfs_stopped(), the result has no meaning: */
u32 pfs_traits_of(struct pfs_inode inode);
/* If pfs_stopped(), the result has no meaning: */
u32 pfs_image_traits(struct pfs_rootfs image, struct pfs_scratch_u32 links);
bool pfs_check_recorded(struct pfs_rootfs image, struct pfs_scratch_u32 links,
			struct pfs_scratch_u53 parents, u64 visible,
			struct pfs_failure *failure);

#endif /* _PFS_RECORDED_H */
