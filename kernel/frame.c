// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames: decompressed parts of blobs; where blobs are verified, whole blobs.
 * Small files share a frame, and two reads of a large file may need parts of
 * one.
 */
#include "blob.h"

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>

static int check_digest(struct puzzlefs_blob *blob,
			const struct puzzlefs_reader *reader, const u8 *stored,
			size_t length)
{
	u8 digest[PFS_DIGEST_BYTES];
	int err;

	err = puzzlefs_sha256(stored, length, digest);
	if (err)
		return err;
	if (!memcmp(digest, blob->id.digest, PFS_DIGEST_BYTES))
		return 0;
	puzzlefs_count_verify_failure(blob, reader);
	puzzlefs_report_blob(blob, reader, "sha256 of its %zu bytes is %*phN",
			     length, PFS_DIGEST_BYTES, digest);
	return -EUCLEAN;
}

static int decompress(struct puzzlefs_blob *blob,
		      const struct puzzlefs_reader *reader,
		      const struct puzzlefs_extent *extent, const u8 *stored,
		      u8 *data)
{
	int err;

	err = puzzlefs_decompress(data, extent->content_length, stored,
				  extent->stored_length);
	if (err == -EUCLEAN)
		puzzlefs_report_blob(blob, reader,
				     "no zstd frame of %u bytes at byte %llu",
				     extent->content_length, extent->stored);
	return err;
}

/* Where the stored bytes of a frame are. */
struct stored {
	const u8 *bytes;
	struct puzzlefs_direct *direct;	/* has them, or NULL */
	u8 *memory;			/* has them, or NULL */
};

static void free_stored(struct stored *stored)
{
	puzzlefs_end_direct(stored->direct);
	kvfree(stored->memory);
}

/* Finds the stored bytes, or reads them, to be kept if there is @keep. */
static int read_stored(struct puzzlefs_blob *blob,
		       const struct puzzlefs_reader *reader,
		       const struct puzzlefs_source *source, bool keep,
		       struct stored *stored)
{
	const struct puzzlefs_extent *extent = source->extent;
	size_t length = extent->stored_length;

	*stored = (struct stored) { };
	if (!keep)
		stored->bytes = puzzlefs_direct_bytes(source->direct, blob,
						      extent->stored, length);
	if (stored->bytes)
		return 0;
	/* What has been read is copied, not read again. */
	if (!keep || !source->direct)
		stored->direct =
			puzzlefs_begin_direct(puzzlefs_file_blob(blob), reader,
					      blob->id.base + extent->stored,
					      length, keep);
	stored->bytes = puzzlefs_direct_bytes(stored->direct, blob,
					      extent->stored, length);
	if (stored->bytes)
		return 0;
	stored->memory = kvmalloc(length, GFP_KERNEL_ACCOUNT);
	stored->bytes = stored->memory;
	if (!stored->memory)
		return -ENOMEM;
	return puzzlefs_read_stored(blob, reader, source->direct,
				    extent->stored, stored->memory, length);
}

/* The same, verified. To be released by free_stored(), also after an error. */
static int get_stored(struct puzzlefs_blob *blob,
		      const struct puzzlefs_reader *reader,
		      const struct puzzlefs_source *source, bool keep,
		      struct stored *stored)
{
	int err = read_stored(blob, reader, source, keep, stored);

	if (!err && blob->store->kind.verify)
		err = check_digest(blob, reader, stored->bytes,
				   source->extent->stored_length);
	return err;
}

static int load_compressed(struct puzzlefs_object *object,
			   const struct puzzlefs_reader *reader,
			   const struct puzzlefs_source *source)
{
	const struct puzzlefs_extent *extent = source->extent;
	struct stored stored;
	u8 *data = NULL;
	int err;

	err = get_stored(object->blob, reader, source, false, &stored);
	if (!err) {
		data = kvmalloc(extent->content_length, GFP_KERNEL_ACCOUNT);
		err = data ? decompress(object->blob, reader, extent,
					stored.bytes, data) : -ENOMEM;
	}
	free_stored(&stored);
	if (err) {
		kvfree(data);
		return err;
	}
	object->frame = data;
	object->bytes = extent->content_length;
	return 0;
}

static int load_frame(struct puzzlefs_object *object,
		      const struct puzzlefs_reader *reader,
		      const struct puzzlefs_source *source)
{
	struct stored stored;
	int err;

	if (object->blob->id.compressed)
		return load_compressed(object, reader, source);
	err = get_stored(object->blob, reader, source, true, &stored);
	if (!err) {
		object->frame = stored.bytes;
		object->bytes = source->extent->content_length;
		if (stored.memory)
			stored.memory = NULL;
		else
			object->buffer = puzzlefs_take_buffer(stored.direct);
	}
	free_stored(&stored);
	return err;
}

/**
 * puzzlefs_get_frame - load an extent of a blob, unless it is in memory
 * @blob: the blob
 * @reader: the inode that needs it, for messages
 * @source: the extent, and a read that may have its bytes
 *
 * Return: the object with the frame, to be released by puzzlefs_put_object();
 * -EIO if it cannot be read, verified or decompressed, -ENOMEM, or another
 * error of the read.
 */
struct puzzlefs_object *
puzzlefs_get_frame(struct puzzlefs_blob *blob,
		   const struct puzzlefs_reader *reader,
		   const struct puzzlefs_source *source)
{
	return puzzlefs_get_object(blob, source->extent->index, load_frame,
				   reader, source);
}

static int load_corrupt(struct puzzlefs_object *object,
			const struct puzzlefs_reader *reader,
			const struct puzzlefs_source *source)
{
	/* Nothing is known of a file that has replaced the corrupt one. */
	return object->generation == source->generation ? -EUCLEAN : -EAGAIN;
}

/**
 * puzzlefs_read_frame - read an extent of a blob into pages
 * @blob: the blob
 * @reader: the inode that needs it, for messages
 * @source: the extent, and a read that may have its bytes
 * @to: destination, which no one can read yet
 *
 * Nothing is kept, but that the extent is corrupt.
 *
 * Return: 0, or an error as of puzzlefs_get_frame().
 */
int puzzlefs_read_frame(struct puzzlefs_blob *blob,
			const struct puzzlefs_reader *reader,
			const struct puzzlefs_source *source, u8 *to)
{
	const struct puzzlefs_extent *extent = source->extent;
	struct puzzlefs_source read = *source;
	struct puzzlefs_object *corrupt;
	struct stored stored;
	int err;

	read.generation = READ_ONCE(puzzlefs_file_blob(blob)->generation);
	err = get_stored(blob, reader, &read, false, &stored);
	if (!err && blob->id.compressed)
		err = decompress(blob, reader, extent, stored.bytes, to);
	else if (!err)
		memcpy(to, stored.bytes, extent->content_length);
	free_stored(&stored);
	if (err != -EUCLEAN)
		return err;
	corrupt = puzzlefs_get_object(blob, extent->index, load_corrupt, reader,
				      &read);
	if (!IS_ERR(corrupt))
		puzzlefs_put_object(corrupt);
	return -EIO;
}
