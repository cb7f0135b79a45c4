// SPDX-License-Identifier: GPL-2.0-only
/*
 * From blobs into the page cache: one path for all kinds of chunks, used by
 * read(2), mmap(2), execve(2) and splice(2).
 */
#include "internal.h"
#include "trace.h"

#include <linux/cred.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

/* Reads a range of a file. Returns how many bytes were read without error. */
static u64 read_range(struct puzzlefs_content *content, u64 pos, u64 length,
		      struct puzzlefs_target *to, int *err)
{
	const struct cred *old = override_creds(content->store->cred);
	u32 index = puzzlefs_find_run(content, pos);
	struct puzzlefs_ahead ahead;
	u64 end = pos + length;
	u64 at = pos;

	puzzlefs_begin_ahead(&ahead, content, index, pos, end);
	*err = 0;
	while (at < end && index < content->count) {
		struct puzzlefs_run *run = &content->runs[index];
		u64 part = min(end, run[1].start) - at;

		cond_resched();
		if (fatal_signal_pending(current))
			*err = -EINTR;
		else
			*err = puzzlefs_read_run(content, index,
						 at - run->start, part, &ahead,
						 to);
		if (*err)
			break;
		at += part;
		index++;
	}
	puzzlefs_end_ahead(&ahead);
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
	struct puzzlefs_target to;
	u64 done = 0;

	*err = 0;
	puzzlefs_init_target(&to, inode->i_mapping, pos, length);
	if (wanted) {
		/* Pairs with cmpxchg() in puzzlefs_open_content(). */
		content = smp_load_acquire(&PUZZLEFS_I(inode)->content);
		if (content)
			done = read_range(content, pos, wanted, &to, err);
	}
	/* Beyond the end of the file. */
	if (done == wanted)
		done += iov_iter_zero(length - wanted, &to.iter);
	puzzlefs_end_target(&to);
	return done;
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
