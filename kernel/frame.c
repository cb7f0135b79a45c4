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

/* Reads a piece of a raw blob, of which small files need parts. */
static bool read_piece(struct puzzlefs_blob *blob,
		       const struct puzzlefs_reader *reader,
		       const struct puzzlefs_extent *extent, u8 *stored)
{
	struct kvec vector = { stored, extent->stored_length };
	struct puzzlefs_direct *direct;
	struct iov_iter to;
	bool done;

	direct = puzzlefs_begin_direct(blob, reader, extent->stored,
				       extent->stored_length);
	if (!direct)
		return false;
	iov_iter_kvec(&to, ITER_DEST, &vector, 1, vector.iov_len);
	done = puzzlefs_copy_direct(direct, extent->stored,
				    extent->stored_length, &to);
	puzzlefs_end_direct(direct);
	return done;
}

/* Reads the stored bytes of the frame, and verifies them. */
static int read_stored(struct puzzlefs_blob *blob,
		       const struct puzzlefs_reader *reader,
		       const struct puzzlefs_extent *extent, u8 *stored)
{
	struct puzzlefs_object *file;
	int err;

	if (!blob->id.compressed && !blob->store->kind.verify &&
	    read_piece(blob, reader, extent, stored))
		return 0;
	file = puzzlefs_get_file(blob, reader);
	if (IS_ERR(file))
		return PTR_ERR(file);
	err = puzzlefs_read_lower(file->file, stored, extent->stored_length,
				  blob->id.base + extent->stored);
	puzzlefs_put_object(file);
	if (err && !puzzlefs_is_transient(err))
		puzzlefs_report_blob(blob, reader,
				     "read of %u bytes at byte %llu failed: %d",
				     extent->stored_length, extent->stored,
				     err);
	if (!err && blob->store->kind.verify)
		err = check_digest(blob, reader, stored, extent->stored_length);
	return err;
}

static int load_frame(struct puzzlefs_object *object,
		      const struct puzzlefs_reader *reader,
		      const struct puzzlefs_extent *extent)
{
	struct puzzlefs_blob *blob = object->blob;
	u8 *stored, *data;
	int err;

	stored = kvmalloc(extent->stored_length, GFP_KERNEL_ACCOUNT);
	if (!stored)
		return -ENOMEM;
	err = read_stored(blob, reader, extent, stored);
	if (err || !blob->id.compressed) {
		data = stored;
	} else {
		data = kvmalloc(extent->content_length, GFP_KERNEL_ACCOUNT);
		err = data ? decompress(blob, reader, extent, stored, data) :
		      -ENOMEM;
		kvfree(stored);
	}
	if (err) {
		kvfree(data);
		return err;
	}
	object->frame = data;
	object->bytes = extent->content_length;
	return 0;
}

/**
 * puzzlefs_get_frame - load an extent of a blob, unless it is in memory
 * @blob: the blob
 * @reader: the inode that needs it, for messages
 * @extent: the extent
 *
 * Return: the object with the frame, to be released by puzzlefs_put_object();
 * -EIO if it cannot be read, verified or decompressed, -ENOMEM, or another
 * error of the read.
 */
struct puzzlefs_object *puzzlefs_get_frame(struct puzzlefs_blob *blob,
					   const struct puzzlefs_reader *reader,
					   const struct puzzlefs_extent *extent)
{
	return puzzlefs_get_object(blob, extent->index, load_frame, reader,
				   extent);
}
