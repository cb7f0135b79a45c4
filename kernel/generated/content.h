/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/content.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_CONTENT_H
#define _PFS_CONTENT_H

#include "../format_base.h"
#include "metadata.h"

/*
 * Zeros in the blob to which holes refer: 1024 zstd frames of RLE blocks, then
 * their seek table.
 */
#define PFS_ZERO_BLOB_BYTES 0x40000000
/* Zeros in each frame of that blob. */
#define PFS_ZERO_FRAME_BYTES 0x100000
/* Zeros in each RLE block of a frame of that blob. */
#define PFS_ZERO_BLOCK_BYTES 0x20000
/*
 * Builders write holes in aligned blocks of this size, bytes, and to the end of
 * the file; the rest of a hole is zeros. So data between small holes stays
 * together in chunks, and file systems with blocks of up to this size report
 * the same holes.
 */
#define PFS_HOLE_BLOCK_BYTES 0x10000

/* A run of a file: its index, and the byte of the file at which it starts. */
struct pfs_chunk_place {
	u32 index;
	u64 start;
};

/* If pfs_stopped(), the result has no meaning: */
struct pfs_chunk_place pfs_find_chunk(struct pfs_file_chunk_list chunks,
				      u64 offset);
/* If pfs_stopped(), the result has no meaning: */
u64 pfs_file_size(struct pfs_file_chunk_list chunks);
bool pfs_zero_blob_digest(struct pfs_scratch_u8 digest);
bool pfs_is_hole(struct pfs_file_chunk chunk, struct pfs_bytes zeros);
/* If pfs_stopped(), the result has no meaning: */
u64 pfs_data_size(struct pfs_file_chunk_list chunks, struct pfs_bytes zeros);
/* If pfs_stopped(), the result has no meaning: */
u64 pfs_content_bytes(struct pfs_rootfs image, struct pfs_scratch_u32 links);
bool pfs_check_run_end(u64 end, u64 blob_bytes, u64 ino,
		       struct pfs_failure *failure);
bool pfs_find_verity(struct pfs_rootfs image, struct pfs_bytes digest,
		     struct pfs_bytes *out);

#endif /* _PFS_CONTENT_H */
