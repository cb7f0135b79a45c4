// SPDX-License-Identifier: GPL-2.0-only
/*
 * The runs of open files: which blobs hold their bytes. All names of blobs are
 * looked up here, when a file is opened. Reading a file never looks one up.
 */
#include "internal.h"

#include <linux/mm.h>
#include <linux/slab.h>

static void free_content(struct puzzlefs_content *content)
{
	u32 i;

	if (!content)
		return;
	for (i = 0; i < content->count; i++)
		puzzlefs_put_blob(content->runs[i].blob);
	kvfree(content);
}

/* After a transient error open(2) fails, as a second attempt may succeed. */
static bool is_transient(int err)
{
	return err == -ENOMEM || err == -EINTR || err == -EAGAIN ||
	       err == -ENFILE || err == -EMFILE || err == -ERESTARTSYS;
}

/* Safe without validation: a digest of another length becomes zeros. */
static void copy_digest(u8 *to, struct pfs_bytes from)
{
	if (from.length == PFS_DIGEST_BYTES)
		memcpy(to, from.data, PFS_DIGEST_BYTES);
	else
		memset(to, 0, PFS_DIGEST_BYTES);
}

static void report_unavailable(struct inode *inode, const u8 *digest,
			       const char *reason, int err)
{
	puzzlefs_err_ratelimited(inode->i_sb,
				 "blob %*phN, needed by inode %llu: %s: %pe",
				 PFS_DIGEST_BYTES, digest,
				 PUZZLEFS_I(inode)->ino, reason, ERR_PTR(err));
}

static const char *open_failure(int err)
{
	switch (err) {
	case -EKEYREJECTED:
		return "fs-verity digest does not match";
	case -ENODATA:
		return "no fs-verity";
	default:
		return "cannot be opened";
	}
}

/*
 * Opens a run's blob. If that fails permanently, the run has none: reading it
 * fails, and the rest of the file can be read.
 */
static int open_run(struct puzzlefs_content *content, struct inode *inode,
		    struct pfs_blob_ref ref, struct puzzlefs_run *run)
{
	u8 digest[PFS_DIGEST_BYTES], verity[PFS_DIGEST_BYTES];
	struct pfs_bytes recorded = {};
	struct puzzlefs_blob *blob;
	int err;

	copy_digest(digest, pfs_blob_ref_digest(ref));
	if (content->store->verity &&
	    !pfs_find_verity(puzzlefs_rootfs(inode->i_sb),
			     pfs_blob_ref_digest(ref), &recorded)) {
		report_unavailable(inode, digest,
				   "no fs-verity digest in the image",
				   -ENODATA);
		return 0;
	}
	copy_digest(verity, recorded);
	blob = puzzlefs_get_blob(content->store, digest,
				 pfs_blob_ref_compressed(ref), verity);
	if (!IS_ERR(blob)) {
		run->blob = blob;
		return 0;
	}
	err = PTR_ERR(blob);
	if (is_transient(err))
		return err;
	report_unavailable(inode, digest, open_failure(err), err);
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

/**
 * puzzlefs_load_content - open the blobs of a file
 * @inode: the file
 *
 * Return: the content, with one user, or an error pointer.
 */
struct puzzlefs_content *puzzlefs_load_content(struct inode *inode)
{
	struct puzzlefs_sb_info *sbi = PUZZLEFS_SB(inode->i_sb);
	struct puzzlefs_inode *pi = PUZZLEFS_I(inode);
	struct pfs_file_chunk_list chunks = pfs_inode_mode_file(pi->record);
	struct pfs_bytes zeros = { sbi->image.zeros, PFS_DIGEST_BYTES };
	struct puzzlefs_content *content;
	u64 pos = 0;
	u32 i;

	content = kvzalloc(struct_size(content, runs, chunks.part.count + 1ULL),
			   GFP_KERNEL);
	if (!content)
		return ERR_PTR(-ENOMEM);
	content->users = 1;
	content->store = sbi->store;
	strscpy(content->reader.mount, inode->i_sb->s_id,
		sizeof(content->reader.mount));
	content->reader.ino = pi->ino;
	for (i = 0; i < chunks.part.count; i++) {
		struct pfs_file_chunk chunk = pfs_file_chunk_at(chunks, i);
		struct pfs_blob_ref ref = pfs_file_chunk_blob(chunk);
		struct puzzlefs_run *run = &content->runs[content->count];
		u64 length = pfs_file_chunk_len(chunk);
		int err;

		if (!length)
			continue;
		run->start = pos;
		run->offset = pfs_blob_ref_offset(ref);
		run->hole = pfs_is_hole(chunk, zeros);
		err = run->hole ? 0 : open_run(content, inode, ref, run);
		if (err) {
			free_content(content);
			return ERR_PTR(err);
		}
		content->count++;
		pos += length;
		cond_resched();
	}
	content->runs[content->count].start = pos;
	link_runs(content);
	return content;
}

/**
 * puzzlefs_get_content - get the runs of an open file
 * @host: the inode that has the pages
 *
 * Return: the content, to be released by puzzlefs_put_content(), or NULL if no
 * file with these pages is open.
 */
struct puzzlefs_content *puzzlefs_get_content(struct inode *host)
{
	struct puzzlefs_content *content;

	spin_lock(&host->i_lock);
	content = PUZZLEFS_I(host)->content;
	if (content)
		content->users++;
	spin_unlock(&host->i_lock);
	return content;
}

void puzzlefs_put_content(struct inode *host, struct puzzlefs_content *content)
{
	spin_lock(&host->i_lock);
	if (--content->users)
		content = NULL;
	else
		PUZZLEFS_I(host)->content = NULL;
	spin_unlock(&host->i_lock);
	free_content(content);
}

/**
 * puzzlefs_set_content - set an inode's content unless it has one
 * @host: the inode that has the pages
 * @fresh: content with one user; consumed
 *
 * Return: the content that the inode has now, to be released by
 * puzzlefs_put_content().
 */
struct puzzlefs_content *puzzlefs_set_content(struct inode *host,
					      struct puzzlefs_content *fresh)
{
	struct puzzlefs_content *content;

	spin_lock(&host->i_lock);
	content = PUZZLEFS_I(host)->content;
	if (content) {
		content->users++;
	} else {
		PUZZLEFS_I(host)->content = fresh;
		content = fresh;
		fresh = NULL;
	}
	spin_unlock(&host->i_lock);
	free_content(fresh);
	return content;
}
