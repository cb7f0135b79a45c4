/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/seektable.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_SEEKTABLE_H
#define _PFS_SEEKTABLE_H

#include "../format_base.h"

/*
 * The last bytes of the table: the number of frames, a descriptor, a magic
 * number.
 */
#define PFS_SEEK_FOOTER_BYTES 9
/*
 * The header of the skippable frame: a magic number and the size of the rest.
 */
#define PFS_SKIPPABLE_HEADER_BYTES 8
/* An entry: the stored and the uncompressed size of a frame. */
#define PFS_SEEK_ENTRY_BYTES 8
#define PFS_SEEKABLE_MAGIC 0x8f92eab1U
#define PFS_SKIPPABLE_MAGIC 0x184d2a5e
/* Largest number of frames: the limit of zstd's own reader. */
#define PFS_MAX_FRAMES 0x8000000
/*
 * Bytes of the smallest frame: a magic number, a descriptor, the size of window
 * or content, and the header of a block.
 */
#define PFS_MIN_FRAME_BYTES 9
/*
 * Largest uncompressed size of a frame, bytes: a reader decompresses frames
 * whole.
 */
#define PFS_MAX_FRAME_BYTES 0x1000000

/* Where the seek table of a blob is, and the form of its entries. */
struct pfs_seek_footer {
	u32 frames;
	/* Bytes of an entry: 8, or 12 with a checksum. */
	u8 entry_bytes;
	/* Bytes of the skippable frame, which ends with the blob. */
	u64 table_bytes;
};

bool pfs_read_seek_footer(struct pfs_bytes footer, u64 blob_bytes,
			  struct pfs_failure *failure,
			  struct pfs_seek_footer *out);
bool pfs_read_seek_table(struct pfs_bytes table, struct pfs_seek_footer footer,
			 u64 blob_bytes, struct pfs_scratch_u53 stored,
			 struct pfs_scratch_u53 content,
			 struct pfs_failure *failure, u64 *out);
u32 pfs_find_frame(struct pfs_scratch_u53 content, u32 frames, u64 offset);
u64 pfs_seek_table_bytes(u32 frames);
/* If pfs_stopped(), the result has no meaning: */
void pfs_write_seek_table(struct pfs_scratch_u8 table,
			  struct pfs_scratch_u32 stored,
			  struct pfs_scratch_u32 content, u32 frames);

#endif /* _PFS_SEEKTABLE_H */
