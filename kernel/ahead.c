// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads of a window of a file that have begun before their bytes are needed.
 * What follows each other in a file of blobs is one read.
 */
#include "internal.h"

#include <linux/fadvise.h>

/* Bytes that are under way for one window. */
#define MAX_AHEAD_BYTES SZ_2M
/* Bytes between two ranges that are read, and not used. */
#define MAX_GAP SZ_16K

/* A range of a file of blobs. */
struct puzzlefs_range {
	struct puzzlefs_blob *file;	/* NULL: there is nothing to read */
	u64 start;
	u64 end;
	u64 next;			/* what follows what it is for */
};

/*
 * Starts readahead of the lower filesystem for a range of a blob, so that it
 * reads while we work. Best effort: errors are ignored, the actual read will
 * report them. What drop_behind() has dropped is not read again.
 */
static void read_lower_ahead(struct puzzlefs_blob *blob, struct file *file,
			     u64 from, u64 length)
{
	u64 size = READ_ONCE(blob->size);

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
	if (length)
		vfs_fadvise(file, blob->id.base + from, length,
			    POSIX_FADV_WILLNEED);
}

/*
 * Sets the range to the next frames of a compressed blob that are not in memory,
 * from @offset on, as many as one read takes. Here, range->next is an offset in
 * the blob.
 */
static void find_frames(struct puzzlefs_blob *blob,
			const struct puzzlefs_reader *reader, u64 offset,
			struct puzzlefs_range *range)
{
	u64 end = range->next;
	struct puzzlefs_object *table;
	struct puzzlefs_extent extent;

	range->end = 0;
	table = puzzlefs_get_table(blob, reader, NULL);
	if (IS_ERR(table))
		return;
	while (offset < end &&
	       !puzzlefs_find_extent(blob, table->table, offset, &extent)) {
		u64 stored_end = extent.stored + extent.stored_length;

		cond_resched();
		if (!range->end && puzzlefs_is_loaded(blob, extent.index)) {
			offset = extent.content + extent.content_length;
			continue;
		}
		if (!range->end)
			range->start = extent.stored;
		else if (stored_end - range->start > PUZZLEFS_MAX_DIRECT)
			range->next = offset;
		if (range->next < end)
			break;
		range->end = stored_end;
		offset = extent.content + extent.content_length;
	}
	puzzlefs_put_object(table);
}

/* What is read next to have the bytes from @offset to range->next of a blob. */
static void find_range(struct puzzlefs_content *content,
		       const struct puzzlefs_run *run,
		       struct puzzlefs_blob *blob, u64 offset,
		       struct puzzlefs_range *range)
{
	bool verify = blob->store->kind.verify;
	u64 size = READ_ONCE(blob->size);

	range->file = puzzlefs_file_blob(blob);
	range->start = offset;
	range->end = range->next;
	if (blob->id.compressed && !verify &&
	    (size > PUZZLEFS_SMALL_BLOB ||
	     puzzlefs_is_loaded(blob, PUZZLEFS_TABLE_INDEX))) {
		find_frames(blob, &content->reader, offset, range);
	} else if (blob->id.compressed || verify) {
		/* The whole blob, with its seek table. */
		range->start = 0;
		range->end = puzzlefs_is_loaded(blob, 0) ? 0 : size;
	} else if (puzzlefs_keeps_pieces(content, run, blob)) {
		/* Pieces, see read_raw(). */
		range->end = 0;
	}
	if (range->end > size || range->start >= range->end ||
	    range->end - range->start > PUZZLEFS_MAX_DIRECT)
		range->file = NULL;
	range->start += blob->id.base;
	range->end += blob->id.base;
}

/* What is read next of a file of blobs, for bytes from ahead->pos on. */
static struct puzzlefs_range next_range(struct puzzlefs_ahead *ahead)
{
	struct puzzlefs_content *content = ahead->content;
	struct puzzlefs_run *run = &content->runs[ahead->index];
	struct puzzlefs_blob *blob = run->hole ? NULL :
		puzzlefs_readable_blob(run->blob);
	u64 end = min(ahead->end, run[1].start);
	struct puzzlefs_range range = { .next = end };
	/* From an offset in the file to one in the blob; may wrap. */
	u64 shift = run->offset - run->start;
	struct puzzlefs_object *file;

	if (!blob || !puzzlefs_has_file(blob))
		return range;
	file = puzzlefs_get_file(blob, &content->reader);
	if (IS_ERR(file))
		return range;
	if (puzzlefs_is_direct(blob, file->file)) {
		range.next += shift;
		find_range(content, run, blob, ahead->pos + shift, &range);
		range.next -= shift;
	} else {
		read_lower_ahead(blob, file->file, ahead->pos + shift,
				 run[1].start - ahead->pos);
	}
	puzzlefs_put_object(file);
	return range;
}

/* Whether two ranges are read by one read. If so, @range has both then. */
static bool join(struct puzzlefs_range *range,
		 const struct puzzlefs_range *next)
{
	if (range->file != next->file || next->start < range->start ||
	    next->start > range->end + MAX_GAP ||
	    next->end - range->start > PUZZLEFS_MAX_DIRECT)
		return false;
	range->end = max(range->end, next->end);
	range->next = next->next;
	return true;
}

static void begin(struct puzzlefs_ahead *ahead,
		  const struct puzzlefs_range *range)
{
	unsigned int slot = (ahead->first + ahead->count) % PUZZLEFS_MAX_AHEAD;
	size_t bytes = range->end - range->start;
	struct puzzlefs_direct *direct;

	direct = puzzlefs_begin_direct(range->file, &ahead->content->reader,
				       range->start, bytes, false);
	if (!direct)
		return;
	ahead->reads[slot].direct = direct;
	ahead->reads[slot].end = range->next;
	ahead->reads[slot].bytes = bytes;
	ahead->bytes += bytes;
	ahead->count++;
}

/* Begins as many reads as may be under way. */
static void begin_more(struct puzzlefs_ahead *ahead)
{
	const struct puzzlefs_run *runs = ahead->content->runs;
	struct puzzlefs_range range = {};

	while (ahead->pos < ahead->end &&
	       ahead->count < PUZZLEFS_MAX_AHEAD &&
	       ahead->bytes < MAX_AHEAD_BYTES) {
		struct puzzlefs_range next = next_range(ahead);

		if (next.file && range.file && !join(&range, &next)) {
			/* The next one is looked for again. */
			begin(ahead, &range);
			range.file = NULL;
			continue;
		}
		if (next.file && !range.file)
			range = next;
		ahead->pos = next.next;
		if (ahead->pos == runs[ahead->index + 1].start)
			ahead->index++;
		cond_resched();
	}
	if (range.file)
		begin(ahead, &range);
}

/**
 * puzzlefs_begin_ahead - begin to read a range of a file
 * @ahead: the reads, to be ended by puzzlefs_end_ahead()
 * @content: the runs of the file
 * @index: the run at @pos
 * @pos: start of the range
 * @end: its end, not beyond the end of the file
 *
 * Called with the store's credentials. Looks no name up.
 */
void puzzlefs_begin_ahead(struct puzzlefs_ahead *ahead,
			  struct puzzlefs_content *content, u32 index, u64 pos,
			  u64 end)
{
	*ahead = (struct puzzlefs_ahead) {
		.content = content,
		.pos = pos,
		.end = end,
		.index = index,
	};
	begin_more(ahead);
}

static void end_first(struct puzzlefs_ahead *ahead)
{
	puzzlefs_end_direct(ahead->reads[ahead->first].direct);
	ahead->bytes -= ahead->reads[ahead->first].bytes;
	ahead->first = (ahead->first + 1) % PUZZLEFS_MAX_AHEAD;
	ahead->count--;
}

/**
 * puzzlefs_find_ahead - find the read of a byte
 * @ahead: the reads, or NULL
 * @pos: offset of the byte in the file, not before that of the call before
 *
 * Reads for earlier bytes only are ended, and further ones begun.
 *
 * Return: the read that may have the byte, or NULL.
 */
struct puzzlefs_direct *puzzlefs_find_ahead(struct puzzlefs_ahead *ahead,
					    u64 pos)
{
	if (!ahead)
		return NULL;
	while (ahead->count && ahead->reads[ahead->first].end <= pos)
		end_first(ahead);
	begin_more(ahead);
	return ahead->count ? ahead->reads[ahead->first].direct : NULL;
}

void puzzlefs_end_ahead(struct puzzlefs_ahead *ahead)
{
	while (ahead->count)
		end_first(ahead);
}
