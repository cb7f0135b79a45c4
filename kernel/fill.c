// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filling locked folios of the page cache from blobs. The reads begin before
 * the bytes are needed, and another task may end it than has begun it.
 */
#include "internal.h"

#include <linux/cred.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

/**
 * puzzlefs_begin_fill - begin to read the bytes of folios
 * @fill: to be ended by puzzlefs_end_fill()
 * @mapping: of the folios, which are locked
 * @pos: start of the first one in the file
 * @length: bytes of all of them
 *
 * Looks no name up.
 */
void puzzlefs_begin_fill(struct puzzlefs_fill *fill,
			 struct address_space *mapping, u64 pos, size_t length)
{
	u64 size = i_size_read(mapping->host);
	struct puzzlefs_content *content;
	const struct cred *old;

	fill->mapping = mapping;
	fill->pos = pos;
	fill->length = length;
	fill->wanted = pos < size ? min_t(u64, length, size - pos) : 0;
	/* Pairs with cmpxchg() in puzzlefs_open_content(). */
	content = smp_load_acquire(&PUZZLEFS_I(mapping->host)->content);
	fill->content = content;
	if (!content || !fill->wanted)
		return;
	fill->index = puzzlefs_find_run(content, pos);
	old = override_creds(content->store->cred);
	puzzlefs_begin_ahead(&fill->ahead, content, fill->index, pos,
			     pos + fill->wanted);
	revert_creds(old);
}

/* Reads what is wanted. Returns how many bytes were read without error. */
static u64 read_runs(struct puzzlefs_fill *fill, struct puzzlefs_target *to,
		     int *err)
{
	struct puzzlefs_content *content = fill->content;
	u64 end = fill->pos + fill->wanted;
	u32 index = fill->index;
	u64 at = fill->pos;

	while (at < end && index < content->count) {
		struct puzzlefs_run *run = &content->runs[index];
		u64 part = min(end, run[1].start) - at;

		cond_resched();
		if (fatal_signal_pending(current))
			*err = -EINTR;
		else
			*err = puzzlefs_read_run(content, index,
						 at - run->start, part,
						 &fill->ahead, to);
		if (*err)
			break;
		at += part;
		index++;
	}
	if (!*err && at < end)
		*err = -EIO;
	if (*err && !puzzlefs_is_transient(*err)) {
		/* The file may be replaced: it is looked up again. */
		if (index < content->count && content->runs[index].blob)
			set_bit(PUZZLEFS_BLOB_FAILED,
				&content->runs[index].blob->flags);
		atomic_inc(&content->failures);
	}
	return at - fill->pos;
}

/**
 * puzzlefs_end_fill - fill folios
 * @fill: was begun by puzzlefs_begin_fill()
 * @err: the error, or 0; an error without a cause is left to the caller
 *
 * Return: how many bytes of the folios are valid.
 */
u64 puzzlefs_end_fill(struct puzzlefs_fill *fill, int *err)
{
	struct puzzlefs_target to;
	const struct cred *old;
	u64 done = 0;

	*err = 0;
	puzzlefs_init_target(&to, fill->mapping, fill->pos, fill->length);
	if (fill->content && fill->wanted) {
		old = override_creds(fill->content->store->cred);
		done = read_runs(fill, &to, err);
		puzzlefs_end_ahead(&fill->ahead);
		revert_creds(old);
	}
	/* Beyond the end of the file. */
	if (done == fill->wanted)
		done += iov_iter_zero(fill->length - done, &to.iter);
	puzzlefs_end_target(&to);
	return done;
}

/* Removes a locked folio from the page cache, and unlocks it. */
void puzzlefs_remove_folio(struct address_space *mapping, struct folio *folio)
{
	folio_get(folio);
	generic_error_remove_folio(mapping, folio);
	folio_unlock(folio);
	folio_put(folio);
}

/**
 * puzzlefs_unlock_folios - hand folios to their readers
 * @mapping: of the folios
 * @pos: start of the first one in the file
 * @end: end of the last one
 * @filled: before this byte, all are valid
 * @remove: large folios that are not valid are removed
 *
 * A large folio has one state for all of its pages. If it is removed, each of
 * its pages is read alone: those that can be read are, and others return the
 * error. That needs a reference to the inode. Without one, only the folios keep
 * it, up to the last one.
 */
void puzzlefs_unlock_folios(struct address_space *mapping, u64 pos, u64 end,
			    u64 filled, bool remove)
{
	while (pos < end) {
		struct folio *folio = xa_load(&mapping->i_pages,
					      pos >> PAGE_SHIFT);

		pos = folio_pos(folio) + folio_size(folio);
		if (pos <= filled) {
			flush_dcache_folio(folio);
			folio_mark_uptodate(folio);
		} else if (remove && folio_test_large(folio)) {
			puzzlefs_remove_folio(mapping, folio);
			continue;
		}
		folio_unlock(folio);
	}
}
