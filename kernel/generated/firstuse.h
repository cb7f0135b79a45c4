/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/firstuse.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_FIRSTUSE_H
#define _PFS_FIRSTUSE_H

#include "../format_base.h"
#include "layers.h"
#include "metadata.h"
#include "wire.h"

bool pfs_check_outline(const struct pfs_message *message,
		       struct pfs_scratch_u53 work, struct pfs_failure *failure,
		       struct pfs_rootfs *out);
bool pfs_check_inode(struct pfs_rootfs image, struct pfs_layers layers,
		     struct pfs_inode inode, struct pfs_scratch_u53 work,
		     struct pfs_failure *failure);
bool pfs_check_parent(struct pfs_inode inode, u64 dir,
		      struct pfs_failure *failure);

#endif /* _PFS_FIRSTUSE_H */
