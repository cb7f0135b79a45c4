/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/nameindex.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_NAMEINDEX_H
#define _PFS_NAMEINDEX_H

#include "../format_base.h"
#include "metadata.h"

/* Numbers in the index for each record, apart from its names. */
#define PFS_INDEX_HEAD 3

/* If pfs_stopped(), the result has no meaning: */
bool pfs_ascending(struct pfs_dir_entry_list entries);
bool pfs_index_names(struct pfs_rootfs image, u32 records,
		     struct pfs_scratch_u32 index, struct pfs_failure *failure);
u32 pfs_index_start(struct pfs_scratch_u32 index, u32 layer, u32 position);
u32 pfs_sorted_entry(struct pfs_scratch_u32 index, u32 start, u32 i);

#endif /* _PFS_NAMEINDEX_H */
