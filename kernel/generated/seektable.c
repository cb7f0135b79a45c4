// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/seektable.ts by make codegen. DO NOT EDIT. */
#include "format.h"

#define PFS_CHECKSUM_BYTES 4
#define PFS_CHECKSUM_FLAG 0x80
#define PFS_RESERVED_FLAGS 0x7c

/* schema/seektable.ts: storedBound() */
/*
 * An upper bound of the bytes that zstd stores for `content` bytes that do not
 * compress: ZSTD_compressBound and a margin.
 */
static u64 pfs_stored_bound(u32 content)
{
	return (u64)content + content / 256 + 64;
}

/* schema/seektable.ts: readSeekFooter() */
/* Reads the last SEEK_FOOTER_BYTES of a blob of `blobBytes`. */
bool pfs_read_seek_footer(struct pfs_bytes footer, u64 blob_bytes,
			  struct pfs_failure *failure,
			  struct pfs_seek_footer *out)
{
	u32 frames;
	u32 flags;
	u32 entry_bytes;
	u64 table_bytes;

	if (footer.length != PFS_SEEK_FOOTER_BYTES)
		return pfs_fail(failure, PFS_RULE_SEEK_TABLE_TRUNCATED, 0, 0);
	if (pfs_load_u32(footer, 5) != PFS_SEEKABLE_MAGIC)
		return pfs_fail(failure, PFS_RULE_SEEK_TABLE_MAGIC, 0,
				blob_bytes);
	frames = pfs_load_u32(footer, 0);
	flags = pfs_byte(footer, 4);
	if ((flags & PFS_RESERVED_FLAGS) != 0)
		return pfs_fail(failure, PFS_RULE_SEEK_TABLE_FLAGS, 0,
				blob_bytes);
	if (frames > PFS_MAX_FRAMES)
		return pfs_fail(failure, PFS_RULE_SEEK_TABLE_FRAMES, 0,
				blob_bytes);
	entry_bytes = (flags & PFS_CHECKSUM_FLAG) == 0 ? PFS_SEEK_ENTRY_BYTES :
		      PFS_SEEK_ENTRY_BYTES + PFS_CHECKSUM_BYTES;
	table_bytes = (u64)frames * entry_bytes + PFS_SEEK_FOOTER_BYTES +
		      PFS_SKIPPABLE_HEADER_BYTES;
	if (table_bytes > blob_bytes)
		return pfs_fail(failure, PFS_RULE_SEEK_TABLE_TRUNCATED, 0,
				blob_bytes);
	*out = (struct pfs_seek_footer) {
		.frames = frames,
		.entry_bytes = entry_bytes,
		.table_bytes = table_bytes,
	};
	return true;
}

/* schema/seektable.ts: readSeekTable() */
/*
 * Reads the whole table of a blob of `blobBytes`: where each frame starts,
 * `stored` in the blob and `content` in its uncompressed bytes; one more start
 * ends the last frame. Returns the uncompressed size. Both have room for frames
 * + 1.
 */
bool pfs_read_seek_table(struct pfs_bytes table, struct pfs_seek_footer footer,
			 u64 blob_bytes, struct pfs_scratch_u53 stored,
			 struct pfs_scratch_u53 content,
			 struct pfs_failure *failure, u64 *out)
{
	u64 stored_at;
	u64 content_at;
	u64 end;

	if (table.length != footer.table_bytes)
		return pfs_fail(failure, PFS_RULE_SEEK_TABLE_TRUNCATED, 0, 0);
	if (pfs_load_u32(table, 0) != PFS_SKIPPABLE_MAGIC)
		return pfs_fail(failure, PFS_RULE_SEEK_TABLE_MAGIC, 0, 0);
	if (pfs_load_u32(table, 4) !=
	    pfs_difference(table.length, PFS_SKIPPABLE_HEADER_BYTES))
		return pfs_fail(failure, PFS_RULE_SEEK_TABLE_SIZE, 0, 4);
	stored_at = 0;
	content_at = 0;
	for (u32 i = 0; i < footer.frames && pfs_tick(); i++) {
		u64 entry = (u64)i * footer.entry_bytes +
			    PFS_SKIPPABLE_HEADER_BYTES;

		if (pfs_load_u32(table, entry) < PFS_MIN_FRAME_BYTES)
			return pfs_fail(failure,
					PFS_RULE_SEEK_TABLE_FRAME_TOO_SMALL, 0,
					entry);
		if (pfs_load_u32(table, entry + 4) == 0 &&
		    i + 1 < footer.frames)
			return pfs_fail(failure,
					PFS_RULE_SEEK_TABLE_EMPTY_FRAME, 0,
					entry);
		if (pfs_load_u32(table, entry + 4) > PFS_MAX_FRAME_BYTES)
			return pfs_fail(failure,
					PFS_RULE_SEEK_TABLE_FRAME_TOO_LARGE, 0,
					entry);
		if (pfs_load_u32(table, entry) >
		    pfs_stored_bound(pfs_load_u32(table, entry + 4)))
			return pfs_fail(failure,
					PFS_RULE_SEEK_TABLE_STORED_TOO_LARGE, 0,
					entry);
		if (pfs_load_u32(table, entry) >
		    pfs_difference(blob_bytes, stored_at))
			return pfs_fail(failure, PFS_RULE_SEEK_TABLE_SUM, 0,
					entry);
		pfs_scratch_u53_set(stored, i, stored_at);
		pfs_scratch_u53_set(content, i, content_at);
		if (!pfs_checked_add(stored_at, pfs_load_u32(table, entry),
				     failure, &stored_at))
			return false;
		if (!pfs_checked_add(content_at, pfs_load_u32(table, entry + 4),
				     failure, &content_at))
			return false;
	}
	pfs_scratch_u53_set(stored, footer.frames, stored_at);
	pfs_scratch_u53_set(content, footer.frames, content_at);
	if (!pfs_checked_add(stored_at, table.length, failure, &end))
		return false;
	if (end != blob_bytes)
		return pfs_fail(failure, PFS_RULE_SEEK_TABLE_SUM, 0, 0);
	*out = content_at;
	return pfs_finished(failure);
}

/* schema/seektable.ts: findFrame() */
/*
 * The frame that has byte `offset` of the uncompressed bytes; `frames` if there
 * is none.
 */
u32 pfs_find_frame(struct pfs_scratch_u53 content, u32 frames, u64 offset)
{
	u32 low;
	u32 high;

	if (offset >= pfs_scratch_u53_get(content, frames))
		return frames;
	low = 0;
	high = frames;
	for (u64 bound = U64_MAX;
	     low < high && pfs_halves(&bound, pfs_difference(high, low));) {
		u32 middle = ((u64)low + high) / 2;

		if (pfs_scratch_u53_get(content, pfs_narrow((u64)middle + 1)) <=
		    offset)
			low = pfs_narrow((u64)middle + 1);
		else
			high = middle;
	}
	return low;
}

/* schema/seektable.ts: seekTableBytes() */
/* Bytes of the seek table, without checksums, of `frames` frames. */
u64 pfs_seek_table_bytes(u32 frames)
{
	return (u64)frames * PFS_SEEK_ENTRY_BYTES + PFS_SKIPPABLE_HEADER_BYTES +
	       PFS_SEEK_FOOTER_BYTES;
}

/* schema/seektable.ts: writeSeekTable() */
/*
 * Writes the seek table of `frames` frames, at most MAX_FRAMES: `stored` has
 * the stored size of each, `content` the uncompressed one. `table` has room for
 * seekTableBytes(frames). Frames have no checksums: the blob has its sha256.
 */
void pfs_write_seek_table(struct pfs_scratch_u8 table,
			  struct pfs_scratch_u32 stored,
			  struct pfs_scratch_u32 content, u32 frames)
{
	u64 bytes = pfs_seek_table_bytes(frames);
	u64 footer;

	pfs_put_u32(table, 0, PFS_SKIPPABLE_MAGIC);
	pfs_put_u32(table, 4,
		    pfs_narrow(pfs_difference(bytes,
					      PFS_SKIPPABLE_HEADER_BYTES)));
	for (u32 i = 0; i < frames && pfs_tick(); i++) {
		u64 entry = (u64)i * PFS_SEEK_ENTRY_BYTES +
			    PFS_SKIPPABLE_HEADER_BYTES;

		pfs_put_u32(table, entry, pfs_scratch_u32_get(stored, i));
		pfs_put_u32(table, entry + 4, pfs_scratch_u32_get(content, i));
	}
	footer = pfs_difference(bytes, PFS_SEEK_FOOTER_BYTES);
	pfs_put_u32(table, footer, frames);
	pfs_scratch_u8_set(table, footer + 4, 0);
	pfs_put_u32(table, footer + 5, PFS_SEEKABLE_MAGIC);
}
