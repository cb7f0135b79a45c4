// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct reads: bytes of blobs that do not go through the page cache of the
 * lower filesystem, where they would be a second time. Several are under way at
 * a time. Wherever one is not possible, the caller reads through that cache.
 */
#include "blob.h"

#include <linux/completion.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>

/* Offsets and lengths of direct reads are multiples of this. */
#define DIRECT_ALIGNMENT 4096

/* A range of a file that is being read. */
struct puzzlefs_direct {
	struct kiocb iocb;
	struct completion done;
	struct puzzlefs_blob *blob;	/* the file */
	struct puzzlefs_object *file;
	u64 start;			/* of the range, aligned */
	size_t length;			/* aligned */
	long result;			/* bytes or an error, once done */
	struct puzzlefs_buffer *buffer;
};

static void free_direct(struct puzzlefs_direct *direct)
{
	puzzlefs_free_buffer(direct->buffer);
	puzzlefs_put_object(direct->file);
	kfree(direct);
}

static void complete_direct(struct kiocb *iocb, long result)
{
	struct puzzlefs_direct *direct =
		container_of(iocb, struct puzzlefs_direct, iocb);

	direct->result = result;
	complete_all(&direct->done);
}

static void submit(struct puzzlefs_direct *direct)
{
	struct iov_iter to;
	ssize_t result;

	init_completion(&direct->done);
	init_sync_kiocb(&direct->iocb, direct->file->file);
	direct->iocb.ki_flags |= IOCB_DIRECT;
	direct->iocb.ki_pos = direct->start;
	direct->iocb.ki_complete = complete_direct;
	iov_iter_bvec(&to, ITER_DEST, direct->buffer->pieces,
		      direct->buffer->count, direct->length);
	result = vfs_iocb_iter_read(direct->file->file, &direct->iocb, &to);
	if (result != -EIOCBQUEUED)
		complete_direct(&direct->iocb, result);
}

/**
 * puzzlefs_is_direct - whether a blob is read past the lower page cache
 * @blob: the blob
 * @file: its open file
 *
 * Where others have its pages, these are used. fs-verity checks no other reads.
 *
 * Return: true if direct reads are to be tried.
 */
bool puzzlefs_is_direct(const struct puzzlefs_blob *blob,
			const struct file *file)
{
	if (blob->pack)
		blob = blob->pack;
	return !blob->store->kind.verity &&
	       (file->f_mode & FMODE_CAN_ODIRECT) &&
	       !test_bit(PUZZLEFS_BLOB_CACHED, &blob->flags) &&
	       !test_bit(PUZZLEFS_BLOB_BUFFERED, &blob->flags);
}

/**
 * puzzlefs_begin_direct - begin to read a range of a file
 * @blob: the file, which was found by puzzlefs_locate_blob()
 * @reader: the inode that needs it, for messages
 * @pos: start of the range in the file
 * @length: bytes of the range
 * @keep: the bytes are kept after they were used
 *
 * Return: the read, to be ended by puzzlefs_end_direct(), or NULL if the range
 * is to be read in another way.
 */
struct puzzlefs_direct *
puzzlefs_begin_direct(struct puzzlefs_blob *blob,
		      const struct puzzlefs_reader *reader, u64 pos,
		      size_t length, bool keep)
{
	struct puzzlefs_direct *direct = NULL;
	struct puzzlefs_object *file;

	if (!length || length > PUZZLEFS_MAX_DIRECT)
		return NULL;
	file = puzzlefs_get_file(blob, reader);
	if (IS_ERR(file))
		return NULL;
	if (puzzlefs_is_direct(blob, file->file))
		direct = kzalloc(sizeof(*direct), GFP_KERNEL_ACCOUNT);
	if (!direct) {
		puzzlefs_put_object(file);
		return NULL;
	}
	direct->blob = blob;
	direct->file = file;
	direct->start = round_down(pos, DIRECT_ALIGNMENT);
	direct->length = round_up(pos + length, DIRECT_ALIGNMENT) -
			 direct->start;
	direct->buffer = puzzlefs_alloc_buffer(direct->length, keep);
	if (!direct->buffer) {
		free_direct(direct);
		return NULL;
	}
	submit(direct);
	return direct;
}

/*
 * Waits for a read. Returns whether it has a range of a blob, which then starts
 * at @skip of the buffer.
 */
static bool has_range(struct puzzlefs_direct *direct,
		      struct puzzlefs_blob *blob, u64 offset, size_t length,
		      size_t *skip)
{
	u64 pos = blob->id.base + offset;

	if (!direct || direct->blob != puzzlefs_file_blob(blob) ||
	    pos < direct->start ||
	    pos + length > direct->start + direct->length)
		return false;
	/* What is loaded from it would be taken for that of the new file. */
	if (direct->file->generation != READ_ONCE(direct->blob->generation))
		return false;
	wait_for_completion(&direct->done);
	if (direct->result == -EINVAL || direct->result == -EOPNOTSUPP)
		set_bit(PUZZLEFS_BLOB_BUFFERED, &direct->blob->flags);
	*skip = pos - direct->start;
	return direct->result >= 0 && *skip + length <= direct->result;
}

/**
 * puzzlefs_copy_direct - wait for a read, and copy a part of its range
 * @direct: the read, or NULL
 * @blob: the blob that is read
 * @offset: start of the part in the blob
 * @length: bytes of the part
 * @to: destination
 *
 * Return: whether the part was copied. If not, it is to be read in another way,
 * which reports errors.
 */
bool puzzlefs_copy_direct(struct puzzlefs_direct *direct,
			  struct puzzlefs_blob *blob, u64 offset,
			  size_t length, struct iov_iter *to)
{
	size_t skip;

	return has_range(direct, blob, offset, length, &skip) &&
	       puzzlefs_copy_buffer(direct->buffer, skip, length, to);
}

/**
 * puzzlefs_direct_bytes - wait for a read, and get the address of its bytes
 * @direct: the read, or NULL
 * @blob: the blob that is read
 * @offset: start of a part in the blob
 * @length: bytes of the part
 *
 * Return: the address of the part, until puzzlefs_end_direct(), or NULL if it
 * is to be read in another way.
 */
const u8 *puzzlefs_direct_bytes(struct puzzlefs_direct *direct,
				struct puzzlefs_blob *blob, u64 offset,
				size_t length)
{
	size_t skip;

	if (!length || !has_range(direct, blob, offset, length, &skip))
		return NULL;
	return puzzlefs_buffer_bytes(direct->buffer, skip, length);
}

/* Takes the memory of a read that is done. */
struct puzzlefs_buffer *puzzlefs_take_buffer(struct puzzlefs_direct *direct)
{
	struct puzzlefs_buffer *buffer = direct->buffer;

	direct->buffer = NULL;
	return buffer;
}

/* Waits for a read, if there is one, and frees it. */
void puzzlefs_end_direct(struct puzzlefs_direct *direct)
{
	if (!direct)
		return;
	wait_for_completion(&direct->done);
	free_direct(direct);
}

/* Reads as much of a range as possible directly. Returns how much that was. */
static size_t read_parts(struct puzzlefs_blob *blob,
			 const struct puzzlefs_reader *reader, u64 offset,
			 u8 *bytes, size_t length)
{
	struct puzzlefs_blob *file = puzzlefs_file_blob(blob);
	size_t done = 0;

	while (done < length) {
		size_t part = min_t(size_t, length - done, PUZZLEFS_MAX_DIRECT);
		struct kvec vector = { bytes + done, part };
		struct puzzlefs_direct *direct;
		struct iov_iter to;
		bool copied;

		cond_resched();
		direct = puzzlefs_begin_direct(file, reader,
					       blob->id.base + offset + done,
					       part, false);
		iov_iter_kvec(&to, ITER_DEST, &vector, 1, part);
		copied = puzzlefs_copy_direct(direct, blob, offset + done,
					      part, &to);
		puzzlefs_end_direct(direct);
		if (!copied)
			break;
		done += part;
	}
	return done;
}

/**
 * puzzlefs_read_stored - read stored bytes of a blob into memory
 * @blob: the blob, which was found by puzzlefs_locate_blob()
 * @reader: the inode that needs it, for messages
 * @direct: a read that may have them, or NULL
 * @offset: start of the range in the blob
 * @bytes: destination
 * @length: bytes of the range
 *
 * An error is reported, unless it is
 * transient.
 *
 * Return: 0, or the error of opening or reading the file.
 */
int puzzlefs_read_stored(struct puzzlefs_blob *blob,
			 const struct puzzlefs_reader *reader,
			 struct puzzlefs_direct *direct, u64 offset, u8 *bytes,
			 size_t length)
{
	struct kvec vector = { bytes, length };
	struct puzzlefs_object *file;
	struct iov_iter to;
	size_t done;
	int err;

	iov_iter_kvec(&to, ITER_DEST, &vector, 1, length);
	if (puzzlefs_copy_direct(direct, blob, offset, length, &to))
		return 0;
	done = read_parts(blob, reader, offset, bytes, length);
	if (done == length)
		return 0;
	file = puzzlefs_get_file(blob, reader);
	if (IS_ERR(file))
		return PTR_ERR(file);
	err = puzzlefs_read_lower(file->file, bytes + done, length - done,
				  blob->id.base + offset + done);
	puzzlefs_put_object(file);
	if (err && !puzzlefs_is_transient(err))
		puzzlefs_report_blob(blob, reader,
				     "read of %zu bytes at byte %llu failed: %d",
				     length, offset, err);
	return err;
}
