// SPDX-License-Identifier: GPL-2.0-only
/*
 * From blobs into the page cache: one path for every kind of chunk, and for
 * read, mmap, exec and splice.
 */
#include "internal.h"

#include <linux/cred.h>
#include <linux/fadvise.h>
#include <linux/pagemap.h>
#include <linux/uio.h>

/**
 * puzzlefs_find_run - the run that holds a byte
 * @content: the runs of a file
 * @pos: of the byte; the file has it
 *
 * Return: its index.
 */
u32 puzzlefs_find_run(const struct puzzlefs_content *content, u64 pos)
{
	u32 low = 0;
	u32 high = content->count;

	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (content->runs[middle].start <= pos)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/*
 * Lets the lower file system read what comes next while this is worked on,
 * but never again what was dropped behind.
 */
static void fetch_ahead(struct puzzlefs_content *content, u32 index, u64 pos,
			u64 end)
{
	for (; index < content->count; index++) {
		struct puzzlefs_run *run = &content->runs[index];
		struct puzzlefs_blob *blob = run->blob;
		u64 skip = pos > run->start ? pos - run->start : 0;
		u64 from = run->offset + skip;
		u64 length = run[1].start - run->start - skip;

		if (run->start >= end)
			break;
		if (!blob)
			continue;
		/* The table of a small one that is ready came with the rest. */
		if (blob->compressed) {
			if (blob->size > PUZZLEFS_SMALL_BLOB ||
			    READ_ONCE(blob->ready))
				continue;
			from = 0;
			length = blob->size;
		} else if (blob->size <= PUZZLEFS_SMALL_BLOB) {
			length = blob->size > from ? blob->size - from : 0;
		}
		if (length)
			vfs_fadvise(blob->file, from, length,
				    POSIX_FADV_WILLNEED);
	}
}

/* The lower page cache need not keep what is in ours now. */
static void drop_behind(struct puzzlefs_blob *blob, u64 from, u64 to, bool last)
{
	/* Pages at the ends stay, as others may want the rest of them. */
	if (last && blob->size <= PUZZLEFS_SMALL_BLOB) {
		from = 0;
		to = blob->size;
	}
	vfs_fadvise(blob->file, from, to - from, POSIX_FADV_DONTNEED);
}

/* Raw bytes that nobody verifies go straight into the folios. */
static int read_direct(struct puzzlefs_blob *blob, u64 ino, u64 offset,
		       size_t length, struct iov_iter *to)
{
	size_t rest = iov_iter_count(to) - length;
	loff_t at = offset;
	ssize_t count = 1;

	iov_iter_truncate(to, length);
	while (iov_iter_count(to) && count > 0)
		count = vfs_iter_read(blob->file, to, &at, 0);
	length = iov_iter_count(to);
	iov_iter_reexpand(to, length + rest);
	if (!length)
		return 0;
	puzzlefs_report_blob(blob, ino, "reading from byte %lld failed: %zd", at,
		       count);
	return count < 0 && count != -EAGAIN ? count : -EIO;
}

static int read_units(struct puzzlefs_blob *blob, u64 ino, u64 offset,
		      size_t length, const struct puzzlefs_check *check,
		      struct iov_iter *to)
{
	while (length) {
		struct puzzlefs_frame *frame;
		struct puzzlefs_unit unit;
		size_t skip, part;
		int err;

		err = puzzlefs_find_unit(blob, offset, check, &unit);
		skip = offset - unit.content;
		if (!err && skip >= unit.content_length)
			err = -EIO;
		if (err) {
			puzzlefs_report_blob(blob, ino, "no chunk to be had at byte %llu: %d",
				       offset, err);
			return -EIO;
		}
		frame = puzzlefs_get_frame(blob, ino, &unit);
		if (IS_ERR(frame))
			return PTR_ERR(frame);
		part = min_t(size_t, length, unit.content_length - skip);
		err = copy_to_iter(frame->data + skip, part, to) == part ?
		      0 : -EFAULT;
		puzzlefs_put_frame(frame);
		if (err)
			return err;
		offset += part;
		length -= part;
		/* Small files share a frame: the last one ends it. */
		if (offset == unit.content + unit.content_length)
			drop_behind(blob, unit.stored,
				    unit.stored + unit.stored_length,
				    offset == blob->content_size);
	}
	return 0;
}

/* Reads a part of one run. */
static int read_run(struct puzzlefs_content *content, u32 index, u64 skip,
		    size_t length, struct iov_iter *to)
{
	struct puzzlefs_run *run = &content->runs[index];
	struct puzzlefs_blob *blob = run->blob;
	u64 end = run->offset + run[1].start - run->start;
	u64 offset = run->offset + skip;
	struct pfs_failure failure;
	int err;

	if (run->hole)
		return iov_iter_zero(length, to) == length ? 0 : -EFAULT;
	/* It could not be opened, and the log says so. */
	if (!blob)
		return -EIO;
	err = puzzlefs_ready_blob(blob, content->ino);
	if (err)
		return err;
	if (!pfs_check_run_end(end, blob->content_size, content->ino,
			       &failure)) {
		puzzlefs_report_blob(blob, content->ino, "%s: it has %llu bytes, not %llu",
			       pfs_rule_names[failure.rule],
			       blob->content_size, end);
		return -EIO;
	}
	if (blob->compressed || content->checks)
		return read_units(blob, content->ino, offset, length,
				  content->checks ? &content->checks[index] :
				  NULL, to);
	err = read_direct(blob, content->ino, offset, length, to);
	if (err)
		return err;
	/* All of the run when it ends: what reads left between them, too. */
	if (offset + length == end)
		drop_behind(blob, run->offset, end, end == blob->content_size);
	else
		drop_behind(blob, offset, offset + length, false);
	return 0;
}

/* Reads a range of a file; gives how many bytes went well. */
static u64 read_range(struct puzzlefs_content *content, u64 pos, u64 length,
		      struct iov_iter *to, int *err)
{
	const struct cred *old = override_creds(content->store->cred);
	u32 index = puzzlefs_find_run(content, pos);
	u64 end = pos + length;
	u64 at = pos;

	fetch_ahead(content, index, pos, end);
	*err = 0;
	while (at < end && index < content->count) {
		struct puzzlefs_run *run = &content->runs[index];
		u64 part = min(end, run[1].start) - at;

		*err = read_run(content, index, at - run->start, part, to);
		if (*err)
			break;
		at += part;
		index++;
	}
	revert_creds(old);
	return at - pos;
}

/* Fills locked folios of the page cache; gives how many bytes are good. */
static u64 fill(struct inode *inode, u64 pos, u64 length, int *err)
{
	u64 size = i_size_read(inode);
	u64 wanted = pos < size ? min(length, size - pos) : 0;
	struct puzzlefs_content *content;
	struct iov_iter to;
	u64 done = 0;

	*err = 0;
	iov_iter_xarray(&to, ITER_DEST, &inode->i_mapping->i_pages, pos,
			length);
	if (wanted) {
		content = puzzlefs_get_content(inode);
		if (!content) {
			*err = -EIO;
			return 0;
		}
		done = read_range(content, pos, wanted, &to, err);
		puzzlefs_put_content(inode, content);
		if (done < wanted)
			return done;
	}
	/* Behind the end of the file. */
	iov_iter_zero(length - wanted, &to);
	return length;
}

static int puzzlefs_read_folio(struct file *file, struct folio *folio)
{
	int err;

	fill(folio->mapping->host, folio_pos(folio), folio_size(folio), &err);
	if (!err) {
		flush_dcache_folio(folio);
		folio_mark_uptodate(folio);
	}
	folio_unlock(folio);
	return err;
}

static void puzzlefs_readahead(struct readahead_control *rac)
{
	u64 start = readahead_pos(rac);
	struct folio *folio;
	u64 end;
	int err;

	end = start + fill(rac->mapping->host, start, readahead_length(rac),
			   &err);
	/* What is not good is read again by itself, and tells its error. */
	while ((folio = readahead_folio(rac))) {
		if (folio_pos(folio) + folio_size(folio) <= end) {
			flush_dcache_folio(folio);
			folio_mark_uptodate(folio);
		}
		folio_unlock(folio);
	}
}

const struct address_space_operations puzzlefs_aops = {
	.read_folio	= puzzlefs_read_folio,
	.readahead	= puzzlefs_readahead,
};
