/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/chunkindex.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_CHUNKINDEX_H
#define _PFS_CHUNKINDEX_H

#include "../format_base.h"
#include "bundle.h"
#include "metadata.h"

/* Largest number of bytes of a number. */
#define PFS_NUMBER_BYTES 7
/* Bytes of the index that a chunk needs at most: four numbers. */
#define PFS_INDEX_CHUNK_BYTES (PFS_NUMBER_BYTES * 4)
/*
 * Numbers that are kept while an index is read or written: of each pack where
 * its last run ended, and the bytes of its chunks.
 */
#define PFS_INDEX_POSITIONS (PFS_MAX_PACKS * 2)
/* Values of `forms`: how a chunk is stored. */
#define PFS_FORM_RAW 1
#define PFS_FORM_COMPRESSED 2

/* A number of the index, and where the next one starts. */
struct pfs_index_number {
	u64 number;
	u32 next;
};

/* The head of a run, and where its sizes start. */
struct pfs_index_run {
	u32 pack;
	u64 offset;
	u64 chunks;
	u32 next;
};

bool pfs_check_ranks(struct pfs_rootfs image, struct pfs_failure *failure);
u32 pfs_rank_of(struct pfs_rootfs image, struct pfs_bytes digest);
bool pfs_read_index(struct pfs_rootfs image, struct pfs_scratch_u32 links,
		    struct pfs_bytes index, struct pfs_pack_list packs,
		    struct pfs_scratch_u53 positions,
		    struct pfs_scratch_u8 table, struct pfs_scratch_u8 forms,
		    struct pfs_failure *failure);
/* If pfs_stopped(), the result has no meaning: */
u32 pfs_write_index(struct pfs_scratch_u8 index, struct pfs_scratch_u32 packs,
		    struct pfs_scratch_u53 offsets,
		    struct pfs_scratch_u32 sizes, u32 chunks,
		    struct pfs_scratch_u53 positions);

#endif /* _PFS_CHUNKINDEX_H */
