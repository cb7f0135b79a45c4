/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/metadata.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_CHECKS_H
#define _PFS_CHECKS_H

#include "../format_base.h"
#include "metadata.h"

bool pfs_follow_dir_entry(struct pfs_dir_entry self,
			  struct pfs_scratch_u53 work,
			  struct pfs_failure *failure);
bool pfs_follow_dir(struct pfs_dir self, struct pfs_scratch_u53 work,
		    struct pfs_failure *failure);
bool pfs_follow_blob_ref(struct pfs_blob_ref self, struct pfs_scratch_u53 work,
			 struct pfs_failure *failure);
bool pfs_follow_file_chunk(struct pfs_file_chunk self,
			   struct pfs_scratch_u53 work,
			   struct pfs_failure *failure);
bool pfs_follow_xattr(struct pfs_xattr self, struct pfs_scratch_u53 work,
		      struct pfs_failure *failure);
bool pfs_follow_inode_additional(struct pfs_inode_additional self,
				 struct pfs_scratch_u53 work,
				 struct pfs_failure *failure);
bool pfs_follow_inode(struct pfs_inode self, struct pfs_scratch_u53 work,
		      struct pfs_failure *failure);
bool pfs_follow_inode_vector(struct pfs_inode_vector self,
			     struct pfs_scratch_u53 work,
			     struct pfs_failure *failure);
bool pfs_follow_verity_data(struct pfs_verity_data self,
			    struct pfs_scratch_u53 work,
			    struct pfs_failure *failure);
bool pfs_follow_rootfs(struct pfs_rootfs self, struct pfs_scratch_u53 work,
		       struct pfs_failure *failure);
bool pfs_follow_pack(struct pfs_pack self, struct pfs_scratch_u53 work,
		     struct pfs_failure *failure);
bool pfs_follow_bundle(struct pfs_bundle self, struct pfs_scratch_u53 work,
		       struct pfs_failure *failure);

#endif /* _PFS_CHECKS_H */
