// SPDX-License-Identifier: GPL-2.0-only
/*
 * Seek tables of compressed blobs: where their frames are.
 */
#include "blob.h"

#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

/* A seek table of 8 million frames; a larger one is refused. */
#define MAX_TABLE_BYTES SZ_64M
/* What is read to find a seek table: more than most of them have. */
#define TAIL_BYTES SZ_16K
/* Raw blobs that are not verified are loaded in pieces of this size. */
#define PIECE_BYTES SZ_256K
/* Frames, and blobs to be verified, of more stored bytes are refused. */
#define MAX_STORED_BYTES (2 * PFS_MAX_FRAME_BYTES)

static struct pfs_scratch_u53 stored_starts(struct puzzlefs_table *table)
{
	return (struct pfs_scratch_u53) { table->starts, table->frames + 1ULL };
}

static struct pfs_scratch_u53 content_starts(struct puzzlefs_table *table)
{
	return (struct pfs_scratch_u53) {
		table->starts + table->frames + 1, table->frames + 1ULL };
}

static int bad_table(struct puzzlefs_blob *blob,
		     const struct puzzlefs_reader *reader,
		     const struct pfs_failure *failure)
{
	int err = puzzlefs_rule_error(failure);

	if (err == -EINTR)
		return err;
	puzzlefs_report_blob(blob, reader, "%s at byte %llu",
			     pfs_rule_names[failure->rule], failure->offset);
	return -EUCLEAN;
}

static int parse_table(struct puzzlefs_object *object,
		       const struct puzzlefs_reader *reader,
		       struct pfs_bytes bytes, struct pfs_seek_footer footer)
{
	struct puzzlefs_blob *blob = object->blob;
	struct puzzlefs_table *table;
	struct pfs_failure failure;
	size_t length;
	int err = 0;

	length = struct_size(table, starts, 2 * (footer.frames + 1ULL));
	table = kvmalloc(length, GFP_KERNEL_ACCOUNT);
	if (!table)
		return -ENOMEM;
	table->frames = footer.frames;
	if (!pfs_read_seek_table(bytes, footer, blob->size,
				 stored_starts(table), content_starts(table),
				 &failure, &table->content_size))
		err = bad_table(blob, reader, &failure);
	if (err) {
		kvfree(table);
		return err;
	}
	object->table = table;
	object->bytes = length;
	return 0;
}

/* Reads the table that ends a blob of @size bytes, and parses it. */
static int read_entries(struct puzzlefs_object *object,
			const struct puzzlefs_reader *reader, u64 size,
			struct puzzlefs_direct *direct,
			struct pfs_seek_footer footer)
{
	u8 *bytes = kvmalloc(footer.table_bytes, GFP_KERNEL_ACCOUNT);
	int err;

	if (!bytes)
		return -ENOMEM;
	err = puzzlefs_read_stored(object->blob, reader, direct,
				   size - footer.table_bytes, bytes,
				   footer.table_bytes);
	if (!err)
		err = parse_table(object, reader, (struct pfs_bytes) {
					bytes, footer.table_bytes },
				  footer);
	kvfree(bytes);
	return err;
}

static int read_table(struct puzzlefs_object *object,
		      const struct puzzlefs_reader *reader, u64 size,
		      struct puzzlefs_direct *direct)
{
	struct puzzlefs_blob *blob = object->blob;
	u8 bytes[PFS_SEEK_FOOTER_BYTES];
	u32 length = min_t(u64, size, sizeof(bytes));
	struct pfs_seek_footer footer;
	struct pfs_failure failure;
	int err;

	err = puzzlefs_read_stored(blob, reader, direct, size - length, bytes,
				   length);
	if (err)
		return err;
	if (!pfs_read_seek_footer((struct pfs_bytes) { bytes, length }, size,
				  &failure, &footer))
		return bad_table(blob, reader, &failure);
	if (footer.table_bytes > MAX_TABLE_BYTES) {
		puzzlefs_report_blob(blob, reader,
				     "seek table of %llu bytes is too large",
				     footer.table_bytes);
		return -EUCLEAN;
	}
	return read_entries(object, reader, size, direct, footer);
}

static int load_table(struct puzzlefs_object *object,
		      const struct puzzlefs_reader *reader,
		      const struct puzzlefs_source *source)
{
	struct puzzlefs_blob *blob = object->blob;
	u64 size = READ_ONCE(blob->size);
	u64 tail = min_t(u64, size, TAIL_BYTES);
	struct puzzlefs_direct *direct = NULL;
	int err;

	if (!source->direct)
		direct = puzzlefs_begin_direct(puzzlefs_file_blob(blob),
					       reader,
					       blob->id.base + size - tail,
					       tail, false);
	err = read_table(object, reader, size,
			 direct ? direct : source->direct);
	puzzlefs_end_direct(direct);
	return err;
}

/**
 * puzzlefs_get_table - read a blob's seek table, unless it is in memory
 * @blob: a compressed blob, which was found by puzzlefs_locate_blob()
 * @reader: the inode that needs it, for messages
 * @direct: a read that may have its bytes, or NULL
 *
 * Return: the object with the table, to be released by puzzlefs_put_object();
 * -EIO if the table is invalid, -ENOMEM, or the error of the read.
 */
struct puzzlefs_object *puzzlefs_get_table(struct puzzlefs_blob *blob,
					   const struct puzzlefs_reader *reader,
					   struct puzzlefs_direct *direct)
{
	struct puzzlefs_source source = { .direct = direct };

	return puzzlefs_get_object(blob, PUZZLEFS_TABLE_INDEX, load_table,
				   reader, &source);
}

/**
 * puzzlefs_find_extent - find what must be loaded to read a byte of a blob
 * @blob: the blob
 * @table: its seek table, NULL if it is not compressed
 * @offset: uncompressed offset of the byte, below the size of the content
 * @extent: result
 *
 * That is the frame that holds the byte, or a piece of a blob without frames; in
 * a store that verifies, the whole blob, whose digest covers its seek table too.
 *
 * Return: 0, -EFBIG if the extent is too large to be loaded, -EIO if no frame
 * holds the byte.
 */
int puzzlefs_find_extent(const struct puzzlefs_blob *blob,
			 struct puzzlefs_table *table, u64 offset,
			 struct puzzlefs_extent *extent)
{
	u64 stored_length = READ_ONCE(blob->size);
	u64 length = table ? table->content_size : stored_length;

	*extent = (struct puzzlefs_extent) { };
	if (table && !blob->store->kind.verify) {
		struct pfs_scratch_u53 content = content_starts(table);
		struct pfs_scratch_u53 stored = stored_starts(table);
		u32 frame = pfs_find_frame(content, table->frames, offset);

		if (frame >= table->frames)
			return -EIO;
		extent->index = frame;
		extent->content = content.data[frame];
		extent->stored = stored.data[frame];
		length = content.data[frame + 1] - extent->content;
		stored_length = stored.data[frame + 1] - extent->stored;
	}
	if (!table && !blob->store->kind.verify) {
		extent->index = offset / PIECE_BYTES;
		extent->content = (u64)extent->index * PIECE_BYTES;
		extent->stored = extent->content;
		length = min_t(u64, length - extent->content, PIECE_BYTES);
		stored_length = length;
	}
	if (length > PFS_MAX_FRAME_BYTES || stored_length > MAX_STORED_BYTES)
		return -EFBIG;
	extent->content_length = length;
	extent->stored_length = stored_length;
	return 0;
}
