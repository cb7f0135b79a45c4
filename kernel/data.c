// SPDX-License-Identifier: GPL-2.0-only
/*
 * From blobs into the page cache: one path for all kinds of chunks, used by
 * read(2), mmap(2), execve(2) and splice(2).
 */
#include "internal.h"

#include <linux/backing-dev.h>
#include <linux/cred.h>
#include <linux/fadvise.h>
#include <linux/pagemap.h>
#include <linux/uio.h>

/* More than the usual 128 KiB, as folios are filled with whole chunks. */
#define READAHEAD_BYTES SZ_1M

/**
 * puzzlefs_setup_readahead - set up a backing device for readahead
 * @sb: the superblock; without a device it would not read ahead at all
 *
 * Return: 0 or an error.
 */
int puzzlefs_setup_readahead(struct super_block *sb)
{
	int err = super_setup_bdi(sb);

	if (err)
		return err;
	sb->s_bdi->ra_pages = READAHEAD_BYTES >> PAGE_SHIFT;
	sb->s_bdi->io_pages = READAHEAD_BYTES >> PAGE_SHIFT;
	return 0;
}

/**
 * puzzlefs_find_run - find the run that holds a byte
 * @content: the runs of a file
 * @pos: offset of the byte, below the size of the file
 *
 * Return: the index of the run.
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
 * Starts readahead of the lower filesystem for the range, so that it reads
 * while we work. Best effort: errors are ignored, the actual read will report
 * them. What drop_behind() has dropped is not read again.
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
		/* A small blob that is ready was read with its seek table. */
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

/* Drops from the lower page cache what is now in ours. Best effort. */
static void drop_behind(struct puzzlefs_blob *blob, u64 from, u64 to, bool last)
{
	/* Partial pages at both ends stay, unless it is all of a small blob. */
	if (last && blob->size <= PUZZLEFS_SMALL_BLOB) {
		from = 0;
		to = blob->size;
	}
	vfs_fadvise(blob->file, from, to - from, POSIX_FADV_DONTNEED);
}

/* Raw bytes that are not verified are read straight into the folios. */
static int read_direct(struct puzzlefs_blob *blob,
		       const struct puzzlefs_reader *reader, u64 offset,
		       size_t length, struct iov_iter *to)
{
	size_t rest = iov_iter_count(to) - length;
	loff_t pos = offset;
	ssize_t count = 1;

	iov_iter_truncate(to, length);
	while (iov_iter_count(to) && count > 0)
		count = vfs_iter_read(blob->file, to, &pos, 0);
	length = iov_iter_count(to);
	iov_iter_reexpand(to, length + rest);
	if (!length)
		return 0;
	puzzlefs_report_blob(blob, reader, "read at byte %lld failed: %zd",
			     pos, count);
	return count < 0 && count != -EAGAIN ? count : -EIO;
}

static int report_extent(struct puzzlefs_blob *blob,
			 const struct puzzlefs_reader *reader, u64 offset,
			 int err)
{
	if (err == -EFBIG)
		puzzlefs_report_blob(blob, reader,
				     "too large to be verified: %llu bytes, %llu stored",
				     blob->content_size, blob->size);
	else
		puzzlefs_report_blob(blob, reader, "no frame at byte %llu",
				     offset);
	return -EIO;
}

static int read_extents(struct puzzlefs_blob *blob,
			const struct puzzlefs_reader *reader, u64 offset,
			size_t length, struct iov_iter *to)
{
	while (length) {
		struct puzzlefs_frame *frame;
		struct puzzlefs_extent extent;
		size_t skip, part;
		int err;

		err = puzzlefs_find_extent(blob, offset, &extent);
		skip = offset - extent.content;
		if (!err && skip >= extent.content_length)
			err = -EIO;
		if (err)
			return report_extent(blob, reader, offset, err);
		frame = puzzlefs_get_frame(blob, reader, &extent);
		if (IS_ERR(frame))
			return PTR_ERR(frame);
		part = min_t(size_t, length, extent.content_length - skip);
		err = copy_to_iter(frame->data + skip, part, to) == part ?
		      0 : -EFAULT;
		puzzlefs_put_frame(frame);
		if (err)
			return err;
		offset += part;
		length -= part;
		/* Not before: the next small file needs the rest of it. */
		if (offset == extent.content + extent.content_length)
			drop_behind(blob, extent.stored,
				    extent.stored + extent.stored_length,
				    offset == blob->content_size);
	}
	return 0;
}

/* Reads a part of one run. */
static int read_run(struct puzzlefs_content *content, u32 index, u64 skip,
		    size_t length, struct iov_iter *to)
{
	const struct puzzlefs_reader *reader = &content->reader;
	struct puzzlefs_run *run = &content->runs[index];
	struct puzzlefs_blob *blob = run->blob;
	u64 end = run->offset + run[1].start - run->start;
	u64 offset = run->offset + skip;
	struct pfs_failure failure;
	int err;

	if (run->hole)
		return iov_iter_zero(length, to) == length ? 0 : -EFAULT;
	/* It could not be opened, which was logged then. */
	if (!blob)
		return -EIO;
	err = puzzlefs_ready_blob(blob, reader);
	if (err)
		return err;
	if (!pfs_check_run_end(end, blob->content_size, reader->ino,
			       &failure)) {
		puzzlefs_report_blob(blob, reader,
				     "%s: %llu bytes instead of %llu or more",
				     pfs_rule_names[failure.rule],
				     blob->content_size, end);
		return -EIO;
	}
	if (blob->compressed || content->store->verify)
		return read_extents(blob, reader, offset, length, to);
	err = read_direct(blob, reader, offset, length, to);
	if (err)
		return err;
	/* The whole run at its end: earlier reads left partial pages. */
	if (offset + length == end)
		drop_behind(blob, run->offset, end, end == blob->content_size);
	else
		drop_behind(blob, offset, offset + length, false);
	return 0;
}

/* Reads a range of a file. Returns how many bytes were read without error. */
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

/* Fills locked folios of the page cache. Returns how many bytes are valid. */
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
	/* Beyond the end of the file. */
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
	/* Others are read again one by one, and that returns the error. */
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
