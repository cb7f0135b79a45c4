// SPDX-License-Identifier: GPL-2.0-only
/*
 * The runs of a file while it is open: which blobs hold its bytes. All names
 * are looked up here, when the file is opened; reading never does.
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
	kvfree(content->checks);
	kvfree(content);
}

/* Whether opening again may go better: then the file is not opened at all. */
static bool is_transient(int err)
{
	return err == -ENOMEM || err == -EINTR || err == -EAGAIN ||
	       err == -ENFILE || err == -EMFILE || err == -ERESTARTSYS;
}

/* Does not depend on what validation has seen: anything else becomes zeros. */
static void copy_digest(u8 *to, struct pfs_bytes from)
{
	if (from.length == PFS_DIGEST_BYTES)
		memcpy(to, from.data, PFS_DIGEST_BYTES);
	else
		memset(to, 0, PFS_DIGEST_BYTES);
}

/*
 * Opens a run's blob. One that cannot be had leaves the run without: the rest
 * of the file can be read.
 */
static int open_run(struct puzzlefs_content *content, struct inode *inode,
		    struct pfs_blob_ref ref, struct puzzlefs_run *run)
{
	u8 digest[PFS_DIGEST_BYTES], verity[PFS_DIGEST_BYTES];
	struct pfs_bytes recorded = {};
	struct puzzlefs_blob *blob;

	copy_digest(digest, pfs_blob_ref_digest(ref));
	if (content->store->verity &&
	    !pfs_find_verity(puzzlefs_rootfs(inode->i_sb),
			     pfs_blob_ref_digest(ref), &recorded)) {
		pr_err_ratelimited("blob %*phN, needed by inode %llu: the image has no fs-verity digest of it\n",
				   PFS_DIGEST_BYTES, digest, content->ino);
		return 0;
	}
	copy_digest(verity, recorded);
	blob = puzzlefs_get_blob(content->store, digest,
				 pfs_blob_ref_compressed(ref), verity);
	if (!IS_ERR(blob)) {
		run->blob = blob;
		return 0;
	}
	if (is_transient(PTR_ERR(blob)))
		return PTR_ERR(blob);
	pr_err_ratelimited("blob %*phN, needed by inode %llu: %s: %pe\n",
			   PFS_DIGEST_BYTES, digest, content->ino,
			   PTR_ERR(blob) == -EKEYREJECTED ?
			   "another fs-verity digest" :
			   PTR_ERR(blob) == -ENODATA ?
			   "no fs-verity" : "cannot be opened", blob);
	return 0;
}

/* What a run's bytes are verified against: its chunk, or its whole blob. */
static void find_check(struct inode *inode, struct pfs_blob_ref ref,
		       struct puzzlefs_check *check)
{
	struct pfs_bytes digest = pfs_blob_ref_digest(ref);
	struct pfs_table_chunk found;

	if (pfs_find_table_chunk(puzzlefs_rootfs(inode->i_sb), digest,
				 pfs_blob_ref_compressed(ref),
				 pfs_blob_ref_offset(ref), &found)) {
		struct pfs_blob_ref chunk = pfs_chunk_blob(found.chunk);

		check->offset = pfs_blob_ref_offset(chunk);
		check->length = pfs_chunk_length(found.chunk);
		digest = pfs_chunk_stored_digest(found.chunk);
	}
	copy_digest(check->digest, digest);
}

/* Where holes and data end, so that nobody has to go through their runs. */
static void find_extents(struct puzzlefs_content *content)
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

static struct puzzlefs_content *load_content(struct inode *inode)
{
	struct puzzlefs_sb_info *sbi = PUZZLEFS_SB(inode->i_sb);
	struct puzzlefs_inode *pi = PUZZLEFS_I(inode);
	struct pfs_file_chunk_list chunks = pfs_inode_mode_file(pi->record);
	struct pfs_bytes zeros = { sbi->image.zeros, PFS_DIGEST_BYTES };
	struct puzzlefs_content *content;
	u64 at = 0;
	u32 i;

	content = kvzalloc(struct_size(content, runs, chunks.part.count + 1ULL),
			   GFP_KERNEL);
	if (!content)
		return ERR_PTR(-ENOMEM);
	content->users = 1;
	content->store = sbi->store;
	content->ino = pi->ino;
	if (content->store->verify && chunks.part.count) {
		content->checks = kvcalloc(chunks.part.count,
					   sizeof(*content->checks),
					   GFP_KERNEL);
		if (!content->checks) {
			kvfree(content);
			return ERR_PTR(-ENOMEM);
		}
	}
	for (i = 0; i < chunks.part.count; i++) {
		struct pfs_file_chunk chunk = pfs_file_chunk_at(chunks, i);
		struct pfs_blob_ref ref = pfs_file_chunk_blob(chunk);
		struct puzzlefs_run *run = &content->runs[content->count];
		u64 length = pfs_file_chunk_len(chunk);
		int err;

		if (!length)
			continue;
		run->start = at;
		run->offset = pfs_blob_ref_offset(ref);
		run->hole = pfs_is_hole(chunk, zeros);
		err = run->hole ? 0 : open_run(content, inode, ref, run);
		if (err) {
			free_content(content);
			return ERR_PTR(err);
		}
		if (content->checks && !run->hole)
			find_check(inode, ref,
				   &content->checks[content->count]);
		content->count++;
		at += length;
		cond_resched();
	}
	content->runs[content->count].start = at;
	find_extents(content);
	return content;
}

/**
 * puzzlefs_get_content - the runs behind pages, while somebody has them open
 * @host: the inode that has the pages
 *
 * Return: the content, to be put again, or NULL: nobody has it open.
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

/* Gives the content that @host has, or the fresh one, which it has from now. */
static struct puzzlefs_content *set_content(struct inode *host,
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

/* From now on, the file's pages are those of the shared inode. */
static struct inode *set_shared(struct inode *inode, struct inode *shared)
{
	struct puzzlefs_inode *pi = PUZZLEFS_I(inode);
	struct inode *host = shared;

	spin_lock(&inode->i_lock);
	if (pi->shared) {
		host = pi->shared;
	} else {
		inode->i_mapping = shared->i_mapping;
		/* Pairs with the acquire in puzzlefs_open_content(). */
		smp_store_release(&pi->shared, shared);
		shared = NULL;
	}
	spin_unlock(&inode->i_lock);
	iput(shared);
	return host;
}

/**
 * puzzlefs_open_content - open a file's blobs
 * @inode: the file
 * @host: gets the inode that has its pages
 *
 * Return: the content, to be put again, or an error pointer.
 */
struct puzzlefs_content *puzzlefs_open_content(struct inode *inode,
					       struct inode **host)
{
	struct puzzlefs_content *content;
	struct inode *shared;

	/* Pairs with the release in set_shared(). */
	shared = smp_load_acquire(&PUZZLEFS_I(inode)->shared);
	*host = shared ? shared : inode;
	content = puzzlefs_get_content(*host);
	if (content)
		return content;
	content = load_content(inode);
	if (IS_ERR(content))
		return content;
	if (!shared) {
		shared = puzzlefs_get_shared(content);
		if (shared)
			*host = set_shared(inode, shared);
	}
	return set_content(*host, content);
}
