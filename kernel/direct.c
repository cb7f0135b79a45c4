// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct reads: raw bytes of blobs that do not go through the page cache of the
 * lower filesystem, where they would be a second time. Several are under way at
 * a time. Wherever one is not possible, the caller reads through that cache.
 */
#include "blob.h"

#include <linux/bvec.h>
#include <linux/completion.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

/* Offsets and lengths of direct reads are multiples of this. */
#define DIRECT_ALIGNMENT 4096
/* Memory is allocated in pieces of at most this order. */
#define MAX_ORDER_OF_PIECE 4
#define MAX_PIECES 20

/* A range of a blob that is being read. */
struct puzzlefs_direct {
	struct kiocb iocb;
	struct completion done;
	struct puzzlefs_blob *blob;
	struct puzzlefs_object *file;
	u64 start;			/* of the range in the file, aligned */
	size_t length;			/* aligned */
	long result;			/* bytes or an error, once done */
	unsigned int count;
	struct bio_vec pieces[MAX_PIECES];
};

static void free_direct(struct puzzlefs_direct *direct)
{
	unsigned int i;

	for (i = 0; i < direct->count; i++)
		__free_pages(direct->pieces[i].bv_page,
			     get_order(direct->pieces[i].bv_len));
	if (direct->file)
		puzzlefs_put_object(direct->file);
	kfree(direct);
}

/* Adds memory for the next bytes. Returns how many, 0 if there is none. */
static size_t add_piece(struct puzzlefs_direct *direct, size_t wanted)
{
	unsigned int order = min(get_order(wanted), MAX_ORDER_OF_PIECE);
	struct page *page = NULL;

	if (direct->count == MAX_PIECES)
		return 0;
	/* Large pieces are cheaper, and not worth any effort. */
	if (order)
		page = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_NORETRY |
				   __GFP_NOWARN, order);
	if (!page) {
		order = 0;
		page = alloc_page(GFP_KERNEL_ACCOUNT);
	}
	if (!page)
		return 0;
	bvec_set_page(&direct->pieces[direct->count++], page,
		      PAGE_SIZE << order, 0);
	return PAGE_SIZE << order;
}

static bool allocate(struct puzzlefs_direct *direct)
{
	size_t rest = round_up(direct->length, PAGE_SIZE);

	while (rest) {
		size_t got = add_piece(direct, rest);

		if (!got)
			return false;
		rest -= min(got, rest);
	}
	return true;
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
	iov_iter_bvec(&to, ITER_DEST, direct->pieces, direct->count,
		      direct->length);
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
 * puzzlefs_begin_direct - begin to read a range of a blob's file
 * @blob: the blob, which was found by puzzlefs_locate_blob()
 * @reader: the inode that needs it, for messages
 * @offset: start of the range
 * @length: bytes of the range
 *
 * Return: the read, to be ended by puzzlefs_end_direct(), or NULL if the range
 * is to be read in another way.
 */
struct puzzlefs_direct *
puzzlefs_begin_direct(struct puzzlefs_blob *blob,
		      const struct puzzlefs_reader *reader, u64 offset,
		      size_t length)
{
	struct puzzlefs_direct *direct;

	direct = kzalloc(sizeof(*direct), GFP_KERNEL_ACCOUNT);
	if (!direct)
		return NULL;
	direct->blob = blob;
	offset += blob->id.base;
	direct->start = round_down(offset, DIRECT_ALIGNMENT);
	direct->length = round_up(offset + length, DIRECT_ALIGNMENT) -
			 direct->start;
	direct->file = puzzlefs_get_file(blob, reader);
	if (IS_ERR(direct->file))
		direct->file = NULL;
	if (!direct->file || !puzzlefs_is_direct(blob, direct->file->file) ||
	    !allocate(direct)) {
		free_direct(direct);
		return NULL;
	}
	submit(direct);
	return direct;
}

/* Copies bytes of the pieces, from @skip on. */
static bool copy_pieces(struct puzzlefs_direct *direct, size_t skip,
			size_t length, struct iov_iter *to)
{
	unsigned int i;

	for (i = 0; i < direct->count && length; i++) {
		const struct bio_vec *piece = &direct->pieces[i];
		size_t part;

		if (skip >= piece->bv_len) {
			skip -= piece->bv_len;
			continue;
		}
		part = min_t(size_t, length, piece->bv_len - skip);
		if (copy_to_iter(page_address(piece->bv_page) + skip, part,
				 to) != part)
			return false;
		length -= part;
		skip = 0;
	}
	return !length;
}

/**
 * puzzlefs_copy_direct - wait for a read, and copy a part of its range
 * @direct: the read
 * @offset: start of the part in the blob
 * @length: bytes of the part
 * @to: destination
 *
 * Return: whether the part was copied. If not, nothing was, and the part is to
 * be read in another way, which reports errors.
 */
bool puzzlefs_copy_direct(struct puzzlefs_direct *direct, u64 offset,
			  size_t length, struct iov_iter *to)
{
	struct puzzlefs_blob *blob = direct->blob;
	size_t skip = blob->id.base + offset - direct->start;

	wait_for_completion(&direct->done);
	if (direct->result == -EINVAL || direct->result == -EOPNOTSUPP)
		set_bit(PUZZLEFS_BLOB_BUFFERED,
			&puzzlefs_file_blob(blob)->flags);
	return direct->result >= 0 && skip + length <= direct->result &&
	       copy_pieces(direct, skip, length, to);
}

/* Waits for a read, if there is one, and frees it. */
void puzzlefs_end_direct(struct puzzlefs_direct *direct)
{
	if (!direct)
		return;
	wait_for_completion(&direct->done);
	free_direct(direct);
}
