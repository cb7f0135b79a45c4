/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/seektable.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_SEEKTABLE_H
#define _PFS_SEEKTABLE_H

#include "../format_base.h"

/*
 * The table's last bytes: the number of frames, a descriptor, a magic number.
 */
#define PFS_SEEK_FOOTER_BYTES 9
/* As many frames as zstd's own reader takes. */
#define PFS_MAX_FRAMES 134217728
/* No frame holds more: a reader can always decompress one whole. */
#define PFS_MAX_FRAME_BYTES 16777216

/* What the last bytes of a blob say of its seek table. */
struct pfs_seek_footer {
	u32 frames;
	/* Bytes an entry: 8, or 12 with a checksum. */
	u8 entry_bytes;
	/*
	 * The whole skippable frame: the table starts that many bytes before
	 * the end of the blob.
	 */
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

#endif /* _PFS_SEEKTABLE_H */
