// SPDX-License-Identifier: GPL-2.0-only
/*
 * From blobs into the page cache: one path for all kinds of chunks, used by
 * read(2), mmap(2), execve(2) and splice(2).
 */
#include "internal.h"
#include "trace.h"

#include <linux/cred.h>
#include <linux/fadvise.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

/* Runs of a window whose direct reads are under way at a time. */
#define MAX_DIRECT 16

/*
 * Starts readahead of the lower filesystem for a range of a blob, so that it
 * reads while we work. Best effort: errors are ignored, the actual read will
 * report them. What drop_behind() has dropped is not read again.
 */
static void read_lower_ahead(struct puzzlefs_blob *blob,
			     const struct puzzlefs_reader *reader, u64 from,
			     u64 length)
{
	u64 size = READ_ONCE(blob->size);
	struct puzzlefs_object *file;

	/* A small blob was read with its seek table. */
	if (blob->id.compressed) {
		if (size > PUZZLEFS_SMALL_BLOB ||
		    puzzlefs_is_loaded(blob, PUZZLEFS_TABLE_INDEX))
			return;
		from = 0;
		length = size;
	} else if (size <= PUZZLEFS_SMALL_BLOB) {
		length = size > from ? size - from : 0;
	}
	file = length ? puzzlefs_get_file(blob, reader) : ERR_PTR(-ENOENT);
	if (IS_ERR(file))
		return;
	vfs_fadvise(file->file, blob->id.base + from, length,
		    POSIX_FADV_WILLNEED);
	puzzlefs_put_object(file);
}

/* Whether pieces of the blob are loaded for the file, see read_raw(). */
static bool has_pieces(struct puzzlefs_content *content,
		       struct puzzlefs_blob *blob)
{
	struct puzzlefs_object *file;
	bool direct;

	if (!puzzlefs_is_small(content))
		return false;
	file = puzzlefs_get_file(blob, &content->reader);
	if (IS_ERR(file))
		return false;
	direct = puzzlefs_is_direct(blob, file->file);
	puzzlefs_put_object(file);
	return direct;
}

/*
 * Begins to read the runs of a range, from run @index on: directly where that
 * is possible, which fills @direct.
 */
static void fetch_ahead(struct puzzlefs_content *content, u32 index, u64 pos,
			u64 end, struct puzzlefs_direct **direct)
{
	u32 first = index;

	for (; index < content->count; index++) {
		struct puzzlefs_run *run = &content->runs[index];
		struct puzzlefs_blob *blob = run->hole ? NULL :
			puzzlefs_readable_blob(run->blob);
		u64 skip = pos > run->start ? pos - run->start : 0;
		u64 from = run->offset + skip;
		u64 length = run[1].start - run->start - skip;
		u64 part = min(end, run[1].start) - run->start - skip;
		bool is_raw;

		if (run->start >= end)
			break;
		if (!blob || !puzzlefs_has_file(blob))
			continue;
		is_raw = !blob->id.compressed && !blob->store->kind.verify;
		if (is_raw && has_pieces(content, blob))
			continue;
		if (is_raw && index - first < MAX_DIRECT) {
			struct puzzlefs_direct *read =
				puzzlefs_begin_direct(blob, &content->reader,
						      from, part);

			direct[index - first] = read;
			if (read)
				continue;
		}
		read_lower_ahead(blob, &content->reader, from, length);
	}
}

/* Reads a range of a file. Returns how many bytes were read without error. */
static u64 read_range(struct puzzlefs_content *content, u64 pos, u64 length,
		      struct iov_iter *to, int *err)
{
	const struct cred *old = override_creds(content->store->cred);
	struct puzzlefs_direct *direct[MAX_DIRECT] = {};
	u32 first = puzzlefs_find_run(content, pos);
	u64 end = pos + length;
	u32 index = first;
	u64 at = pos;
	u32 i;

	fetch_ahead(content, index, pos, end, direct);
	*err = 0;
	while (at < end && index < content->count) {
		struct puzzlefs_run *run = &content->runs[index];
		u64 part = min(end, run[1].start) - at;

		cond_resched();
		i = index - first;
		if (fatal_signal_pending(current))
			*err = -EINTR;
		else
			*err = puzzlefs_read_run(content, index,
						 at - run->start, part,
						 i < MAX_DIRECT ? direct[i] :
						 NULL, to);
		if (*err)
			break;
		at += part;
		index++;
	}
	for (i = 0; i < MAX_DIRECT; i++)
		puzzlefs_end_direct(direct[i]);
	if (*err && !puzzlefs_is_transient(*err) && content->runs[index].blob) {
		/* The file may be replaced: it is looked up again. */
		set_bit(PUZZLEFS_BLOB_FAILED,
			&content->runs[index].blob->flags);
		atomic_inc(&content->failures);
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
		/* Pairs with cmpxchg() in puzzlefs_open_content(). */
		content = smp_load_acquire(&PUZZLEFS_I(inode)->content);
		if (content)
			done = read_range(content, pos, wanted, &to, err);
		if (done < wanted)
			return done;
	}
	/* Beyond the end of the file. */
	return done + iov_iter_zero(length - wanted, &to);
}

static int puzzlefs_read_folio(struct file *file, struct folio *folio)
{
	u64 length = folio_size(folio);
	int err;

	trace_puzzlefs_read_folio(folio->mapping->host, folio_pos(folio),
				  length);
	if (fill(folio->mapping->host, folio_pos(folio), length, &err) ==
	    length) {
		flush_dcache_folio(folio);
		folio_mark_uptodate(folio);
	} else if (!err) {
		err = -EIO;
	}
	folio_unlock(folio);
	return err;
}

/*
 * A large folio has one state for all of its pages. If it cannot be read, it is
 * removed, so that each of its pages is read alone: those that can be read are,
 * and others return the error.
 */
static void puzzlefs_readahead(struct readahead_control *rac)
{
	struct address_space *mapping = rac->mapping;
	u64 start = readahead_pos(rac);
	u64 length = readahead_length(rac);
	u64 end = start + length;
	u64 valid = start;		/* end of the folios that are filled */
	struct folio *folio;
	u64 filled;
	int err;

	trace_puzzlefs_readahead(mapping->host, start, length);
	filled = start + fill(mapping->host, start, length, &err);
	while ((folio = readahead_folio(rac))) {
		if (folio_pos(folio) + folio_size(folio) <= filled) {
			valid = folio_pos(folio) + folio_size(folio);
			flush_dcache_folio(folio);
			folio_mark_uptodate(folio);
		}
		folio_unlock(folio);
	}
	if (valid < end)
		invalidate_mapping_pages(mapping, valid >> PAGE_SHIFT,
					 (end - 1) >> PAGE_SHIFT);
}

const struct address_space_operations puzzlefs_aops = {
	.read_folio	= puzzlefs_read_folio,
	.readahead	= puzzlefs_readahead,
};
