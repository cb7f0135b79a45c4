// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading the bytes of a run from its blob: raw ones directly, others by way of
 * decompressed or verified frames.
 */
#include "internal.h"
#include "trace.h"

#include <linux/fadvise.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

/*
 * Drops from the lower page cache what is now in ours. Best effort. Pages that
 * were there before the file was opened are of use to others, and stay.
 */
static void drop_behind(struct puzzlefs_blob *blob, struct file *file,
			u64 from, u64 to, bool last)
{
	u64 size = READ_ONCE(blob->size);

	if (test_bit(PUZZLEFS_BLOB_CACHED, &puzzlefs_file_blob(blob)->flags))
		return;
	/* Partial pages at both ends stay, unless it is all of a small blob. */
	if (last && size <= PUZZLEFS_SMALL_BLOB) {
		from = 0;
		to = size;
	}
	/* In a pack, the next slice needs the last page, and drops it. */
	if (blob->pack) {
		from = round_down(blob->id.base + from, PAGE_SIZE);
		to = round_down(blob->id.base + to, PAGE_SIZE);
	}
	if (from < to)
		vfs_fadvise(file, from, to - from, POSIX_FADV_DONTNEED);
}

/* Raw bytes that are not verified are read straight into the folios. */
static int read_file(struct puzzlefs_blob *blob, struct file *file,
		     const struct puzzlefs_reader *reader, u64 offset,
		     size_t length, struct iov_iter *to)
{
	size_t rest = iov_iter_count(to) - length;
	loff_t pos = blob->id.base + offset;
	ssize_t count = 1;

	iov_iter_truncate(to, length);
	while (iov_iter_count(to) && count > 0)
		count = vfs_iter_read(file, to, &pos, 0);
	length = iov_iter_count(to);
	iov_iter_reexpand(to, length + rest);
	if (!length)
		return 0;
	if (count < 0 && puzzlefs_is_transient(count))
		return count;
	puzzlefs_report_blob(blob, reader, "read at byte %llu failed: %zd",
			     pos - blob->id.base, count);
	return count < 0 ? count : -EIO;
}

static int report_extent(struct puzzlefs_blob *blob,
			 const struct puzzlefs_reader *reader,
			 const struct puzzlefs_table *table, u64 offset,
			 int err)
{
	if (err == -EFBIG)
		puzzlefs_report_blob(blob, reader,
				     "too large to be verified: %llu bytes, %llu stored",
				     table ? table->content_size : blob->size,
				     blob->size);
	else
		puzzlefs_report_blob(blob, reader, "no frame at byte %llu",
				     offset);
	return -EIO;
}

/* Drops a frame that has been read to its end through the lower page cache. */
static void drop_extent(struct puzzlefs_blob *blob,
			const struct puzzlefs_reader *reader,
			const struct puzzlefs_extent *extent, bool last)
{
	struct puzzlefs_object *file = puzzlefs_get_file(blob, reader);

	if (IS_ERR(file))
		return;
	if (!puzzlefs_is_direct(blob, file->file))
		drop_behind(blob, file->file, extent->stored,
			    extent->stored + extent->stored_length, last);
	puzzlefs_put_object(file);
}

/* Reads a part of an extent, from @skip on. */
static int read_extent(struct puzzlefs_blob *blob,
		       const struct puzzlefs_reader *reader,
		       const struct puzzlefs_source *source, size_t skip,
		       size_t length, struct puzzlefs_target *to)
{
	const struct puzzlefs_extent *extent = source->extent;
	struct puzzlefs_object *frame;
	u8 *bytes = NULL;
	int err;

	/* Where all of it is wanted, no memory for it is needed. */
	if (length == extent->content_length &&
	    !puzzlefs_is_loaded(blob, extent->index))
		bytes = puzzlefs_target_bytes(to, length);
	if (bytes) {
		err = puzzlefs_read_frame(blob, reader, source, bytes);
		if (!err)
			iov_iter_advance(&to->iter, length);
		return err;
	}
	frame = puzzlefs_get_frame(blob, reader, source);
	if (IS_ERR(frame))
		return PTR_ERR(frame);
	err = copy_to_iter(frame->frame + skip, length, &to->iter) == length ?
	      0 : -EFAULT;
	puzzlefs_put_object(frame);
	return err;
}

static int read_extents(struct puzzlefs_blob *blob,
			struct puzzlefs_table *table, u64 content_size,
			const struct puzzlefs_reader *reader,
			struct puzzlefs_ahead *ahead, u64 offset,
			size_t length, struct puzzlefs_target *to)
{
	while (length) {
		u64 pos = puzzlefs_target_pos(to);
		struct puzzlefs_extent extent;
		struct puzzlefs_source source = {
			&extent, puzzlefs_find_ahead(ahead, pos) };
		size_t skip, part;
		int err;

		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
		err = puzzlefs_find_extent(blob, table, offset, &extent);
		skip = offset - extent.content;
		if (!err && skip >= extent.content_length)
			err = -EIO;
		if (err)
			return report_extent(blob, reader, table, offset, err);
		part = min_t(size_t, length, extent.content_length - skip);
		err = read_extent(blob, reader, &source, skip, part, to);
		if (err)
			return err;
		offset += part;
		length -= part;
		/* Not before: the next small file needs the rest of it. */
		if ((table || blob->store->kind.verify) &&
		    offset == extent.content + extent.content_length)
			drop_extent(blob, reader, &extent,
				    offset == content_size);
	}
	return 0;
}

/* Checks that a run ends inside its blob. */
static int check_end(struct puzzlefs_blob *blob,
		     const struct puzzlefs_reader *reader, u64 end,
		     u64 content_size)
{
	struct pfs_failure failure;

	if (pfs_check_run_end(end, content_size, reader->ino, &failure))
		return 0;
	if (puzzlefs_rule_error(&failure) == -EINTR)
		return -EINTR;
	puzzlefs_report_blob(blob, reader,
			     "%s: %llu bytes instead of %llu or more",
			     pfs_rule_names[failure.rule], content_size, end);
	return -EIO;
}

/* Reads a part of a run of a compressed blob. */
static int read_compressed(struct puzzlefs_blob *blob,
			   const struct puzzlefs_reader *reader,
			   struct puzzlefs_ahead *ahead, u64 end, u64 offset,
			   size_t length, struct puzzlefs_target *to)
{
	u64 pos = puzzlefs_target_pos(to);
	struct puzzlefs_object *object;
	u64 content_size;
	int err;

	object = puzzlefs_get_table(blob, reader,
				    puzzlefs_find_ahead(ahead, pos));
	if (IS_ERR(object))
		return PTR_ERR(object);
	content_size = object->table->content_size;
	err = check_end(blob, reader, end, content_size);
	if (!err)
		err = read_extents(blob, object->table, content_size, reader,
				   ahead, offset, length, to);
	puzzlefs_put_object(object);
	return err;
}

/* Reads a part of a run of a raw blob through the lower page cache. */
static int read_buffered(struct puzzlefs_blob *blob, struct file *file,
			 const struct puzzlefs_reader *reader, u64 start,
			 u64 end, u64 offset, size_t length,
			 struct iov_iter *to)
{
	int err = read_file(blob, file, reader, offset, length, to);

	/* The whole run at its end: earlier reads left partial pages. */
	if (!err && offset + length == end)
		drop_behind(blob, file, start, end,
			    end == READ_ONCE(blob->size));
	else if (!err)
		drop_behind(blob, file, offset, offset + length, false);
	return err;
}

/* Pieces of a pack have the chunks of many small files. */
static int read_pieces(struct puzzlefs_blob *blob,
		       const struct puzzlefs_reader *reader, u64 offset,
		       size_t length, struct puzzlefs_target *to)
{
	struct puzzlefs_blob *file = puzzlefs_file_blob(blob);

	return read_extents(file, NULL, READ_ONCE(file->size), reader, NULL,
			    blob->id.base + offset, length, to);
}

static int read_raw(struct puzzlefs_content *content, struct puzzlefs_run *run,
		    struct puzzlefs_blob *blob, struct puzzlefs_ahead *ahead,
		    u64 end, u64 offset, size_t length,
		    struct puzzlefs_target *to)
{
	const struct puzzlefs_reader *reader = &content->reader;
	u64 size = READ_ONCE(blob->size);
	u64 pos = puzzlefs_target_pos(to);
	struct puzzlefs_object *object;
	int err;

	err = check_end(blob, reader, end, size);
	if (err)
		return err;
	if (blob->store->kind.verify)
		return read_extents(blob, NULL, size, reader, ahead, offset,
				    length, to);
	if (puzzlefs_copy_direct(puzzlefs_find_ahead(ahead, pos), blob, offset,
				 length, &to->iter))
		return 0;
	object = puzzlefs_get_file(blob, reader);
	if (IS_ERR(object))
		return PTR_ERR(object);
	if (puzzlefs_keeps_pieces(content, run, blob) &&
	    puzzlefs_is_direct(blob, object->file))
		err = read_pieces(blob, reader, offset, length, to);
	else
		err = read_buffered(blob, object->file, reader, run->offset,
				    end, offset, length, &to->iter);
	puzzlefs_put_object(object);
	return err;
}

/**
 * puzzlefs_read_run - read a part of one run of a file
 * @content: the runs of the file
 * @index: which run
 * @skip: where the part starts in the run
 * @length: bytes of the part
 * @ahead: reads that may have its bytes
 * @to: destination
 *
 * Called with the store's credentials. Looks no name up.
 *
 * Return: 0, -EIO or another error of the read. It has been logged, unless it
 * is transient.
 */
int puzzlefs_read_run(struct puzzlefs_content *content, u32 index, u64 skip,
		      size_t length, struct puzzlefs_ahead *ahead,
		      struct puzzlefs_target *to)
{
	const struct puzzlefs_reader *reader = &content->reader;
	struct puzzlefs_run *run = &content->runs[index];
	u64 end = run->offset + run[1].start - run->start;
	u64 offset = run->offset + skip;
	struct puzzlefs_blob *blob;

	trace_puzzlefs_map_run(content, run, skip, length);
	if (run->hole)
		return iov_iter_zero(length, &to->iter) == length ? 0 :
		       -EFAULT;
	blob = puzzlefs_readable_blob(run->blob);
	/* That it is missing was logged when it was looked up. */
	if (!puzzlefs_has_file(blob))
		return -EIO;
	if (blob->id.compressed)
		return read_compressed(blob, reader, ahead, end, offset,
				       length, to);
	return read_raw(content, run, blob, ahead, end, offset, length, to);
}
