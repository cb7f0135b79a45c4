// SPDX-License-Identifier: GPL-2.0-only
/*
 * The runs of files: which blobs hold their bytes. All names of blobs are
 * looked up here, when a file is opened or read by read(2). Where pages are
 * read, none is.
 */
#include "internal.h"

#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

void puzzlefs_free_content(struct puzzlefs_content *content)
{
	u32 i;

	if (!content)
		return;
	for (i = 0; i < content->count; i++) {
		puzzlefs_put_blob(content->runs[i].blob);
		cond_resched();
	}
	kvfree(content);
}

/* Safe without validation: a digest of another length becomes zeros. */
static void copy_digest(u8 *to, struct pfs_bytes from)
{
	if (from.length == PFS_DIGEST_BYTES)
		memcpy(to, from.data, PFS_DIGEST_BYTES);
	else
		memset(to, 0, PFS_DIGEST_BYTES);
}

/**
 * puzzlefs_blob_id - identify the blob of a run
 * @inode: a file of the image
 * @ref: from the record of the run
 *
 * Return: the blob's identity in the store of the image.
 */
struct puzzlefs_blob_id puzzlefs_blob_id(struct inode *inode,
					 struct pfs_blob_ref ref)
{
	struct puzzlefs_blob_id id = {
		.compressed = pfs_blob_ref_compressed(ref),
	};
	struct pfs_bytes verity = {};

	copy_digest(id.digest, pfs_blob_ref_digest(ref));
	if (PUZZLEFS_SB(inode->i_sb)->store->kind.verity &&
	    pfs_find_verity(puzzlefs_rootfs(inode->i_sb),
			    pfs_blob_ref_digest(ref), &verity))
		copy_digest(id.verity, verity);
	puzzlefs_find_place(&PUZZLEFS_SB(inode->i_sb)->places, &id);
	return id;
}

/* Sets the blob of a run. Its file is not looked up yet. */
static int set_blob(struct puzzlefs_content *content, struct inode *inode,
		    struct pfs_blob_ref ref, struct puzzlefs_run *run)
{
	struct puzzlefs_blob_id id = puzzlefs_blob_id(inode, ref);
	struct puzzlefs_blob *blob = puzzlefs_get_blob(content->store, &id);

	if (IS_ERR(blob))
		return PTR_ERR(blob);
	run->blob = blob;
	return 0;
}

/* Links each run to the next one of the other kind, for SEEK_HOLE and _DATA. */
static void link_runs(struct puzzlefs_content *content)
{
	u32 next = content->count;
	u32 i;

	for (i = content->count; i-- > 0;) {
		struct puzzlefs_run *run = &content->runs[i];

		if (i + 1 < content->count && run[1].hole != run->hole)
			next = i + 1;
		run->next = next;
	}
}

/* Fills the runs of a new content. */
static int load_runs(struct puzzlefs_content *content, struct inode *inode,
		     struct pfs_file_chunk_list chunks)
{
	struct puzzlefs_image *image = &PUZZLEFS_SB(inode->i_sb)->image;
	struct pfs_bytes zeros = { image->zeros, PFS_DIGEST_BYTES };
	u64 pos = 0;
	u32 i;

	for (i = 0; i < chunks.part.count; i++) {
		struct pfs_file_chunk chunk = pfs_file_chunk_at(chunks, i);
		struct puzzlefs_run *run = &content->runs[content->count];
		u64 length = pfs_file_chunk_len(chunk);
		int err = 0;

		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
		if (!length)
			continue;
		run->start = pos;
		run->offset = pfs_blob_ref_offset(pfs_file_chunk_blob(chunk));
		run->hole = pfs_is_hole(chunk, zeros);
		content->count++;
		if (!run->hole)
			err = set_blob(content, inode,
				       pfs_file_chunk_blob(chunk), run);
		if (err)
			return err;
		pos += length;
	}
	content->runs[content->count].start = pos;
	link_runs(content);
	return 0;
}

/**
 * puzzlefs_load_content - get the blobs of a file
 * @inode: the file
 *
 * Return: the content, for puzzlefs_complete_content(), or an error pointer.
 */
struct puzzlefs_content *puzzlefs_load_content(struct inode *inode)
{
	struct puzzlefs_inode *pi = PUZZLEFS_I(inode);
	struct pfs_file_chunk_list chunks = pfs_inode_mode_file(pi->record.inode);
	struct puzzlefs_content *content;
	int err;

	/* An image that asks for more than there is gets no warning. */
	content = kvzalloc(struct_size(content, runs, chunks.part.count + 1ULL),
			   GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!content)
		return ERR_PTR(-ENOMEM);
	content->store = PUZZLEFS_SB(inode->i_sb)->store;
	content->located = -1;
	strscpy(content->reader.mount, inode->i_sb->s_id,
		sizeof(content->reader.mount));
	content->reader.ino = pi->ino;
	err = load_runs(content, inode, chunks);
	if (!err)
		return content;
	puzzlefs_free_content(content);
	return ERR_PTR(err);
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

/* Looks a run's blob up. Whether it is missing is returned in @missing. */
static int locate_run(const struct puzzlefs_reader *reader,
		      struct puzzlefs_run *run, bool *missing)
{
	int err = puzzlefs_locate_blob(run->blob, reader);

	if (!err || puzzlefs_is_transient(err))
		return err;
	*missing = true;
	return 0;
}

/* Whether all blobs have been found, and none has failed since then. */
bool puzzlefs_is_complete(const struct puzzlefs_content *content)
{
	int failures = atomic_read(&content->failures);

	/* Pairs with the release in puzzlefs_complete_content(). */
	return smp_load_acquire(&content->located) == failures;
}

/**
 * puzzlefs_complete_content - look up blobs whose files have not been found
 * @content: the runs of a file
 * @pos: start of the range of the file that is about to be read
 * @length: length of the range; U64_MAX: all of the file
 * @quiet: do not log what is missing
 *
 * Must not be called where pages are read, see puzzlefs_find_lower(). Reading
 * from a blob whose file is missing fails, and the rest can be read.
 *
 * Return: 0, also if a file is missing, or a transient error.
 */
int puzzlefs_complete_content(struct puzzlefs_content *content, u64 pos,
			      u64 length, bool quiet)
{
	struct puzzlefs_reader reader = content->reader;
	u64 size = content->runs[content->count].start;
	u64 end;
	struct puzzlefs_blob *last = NULL;
	int failures = atomic_read(&content->failures);
	bool missing = false;
	int err = 0;
	u32 i;

	/* Pairs with the release below: all blobs are seen with their files. */
	if (smp_load_acquire(&content->located) == failures || pos >= size)
		return 0;
	reader.quiet = quiet;
	/* Whole pages are read. */
	end = length < size - pos ? round_up(pos + length, PAGE_SIZE) : size;
	pos = round_down(pos, PAGE_SIZE);
	for (i = puzzlefs_find_run(content, pos);
	     i < content->count && content->runs[i].start < end; i++) {
		struct puzzlefs_run *run = &content->runs[i];

		if (!run->blob || run->blob == last)
			continue;
		last = run->blob;
		err = locate_run(&reader, run, &missing);
		cond_resched();
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		if (err)
			break;
	}
	if (err || missing || pos || end < size)
		return err;
	/*
	 * What failed meanwhile is looked up the next time. Pairs with the
	 * acquire above.
	 */
	smp_store_release(&content->located, failures);
	return 0;
}
