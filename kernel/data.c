// SPDX-License-Identifier: GPL-2.0-only
/*
 * From blobs into the page cache: one path for all kinds of chunks, used by
 * read(2), mmap(2), execve(2) and splice(2).
 */
#include "internal.h"
#include "trace.h"

#include <linux/pagemap.h>

static int puzzlefs_read_folio(struct file *file, struct folio *folio)
{
	struct address_space *mapping = folio->mapping;
	size_t length = folio_size(folio);
	struct puzzlefs_fill fill;
	int err;

	trace_puzzlefs_read_folio(mapping->host, folio_pos(folio), length);
	puzzlefs_begin_fill(&fill, mapping, folio_pos(folio), length);
	if (puzzlefs_end_fill(&fill, &err) == length) {
		flush_dcache_folio(folio);
		folio_mark_uptodate(folio);
	} else if (!err) {
		err = -EIO;
	}
	/* Each page is to be read alone: see puzzlefs_unlock_folios(). */
	if (err && !puzzlefs_is_transient(err) && folio_test_large(folio)) {
		puzzlefs_remove_folio(mapping, folio);
		return AOP_TRUNCATED_PAGE;
	}
	folio_unlock(folio);
	return err;
}

static void puzzlefs_readahead(struct readahead_control *rac)
{
	struct address_space *mapping = rac->mapping;
	struct puzzlefs_window *window;
	struct puzzlefs_fill fill;
	u64 start, filled, end;
	int err;

	puzzlefs_expand_window(rac);
	start = readahead_pos(rac);
	trace_puzzlefs_readahead(mapping->host, start, readahead_length(rac));
	window = puzzlefs_get_window(rac, &end);
	/* The page cache has references until they are unlocked. */
	while (readahead_folio(rac))
		;
	puzzlefs_begin_fill(&fill, mapping, start, end - start);
	if (window)
		puzzlefs_start_window(window, mapping, end);
	filled = start + puzzlefs_end_fill(&fill, &err);
	puzzlefs_unlock_folios(mapping, start, end, filled, true);
}

const struct address_space_operations puzzlefs_aops = {
	.read_folio	= puzzlefs_read_folio,
	.readahead	= puzzlefs_readahead,
};
