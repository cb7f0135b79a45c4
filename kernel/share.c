// SPDX-License-Identifier: GPL-2.0-only
/*
 * One page cache for files with equal content, in all images of a store.
 *
 * Files with equal runs have their pages in one hidden inode. The i_mapping of
 * each visible inode is that of the hidden one, as with block devices. Equal
 * runs are also verified equally: the key includes the store, and so
 * credentials and the kind of verification, and the digests of their blobs.
 */
#include "internal.h"
#include "compat.h"

#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>

/* Smaller files share chunks with others, and so rarely have equal runs. */
#define MIN_SHARED_BYTES SZ_16K

static struct vfsmount *shared_mount;

enum { RUN_RAW, RUN_COMPRESSED, RUN_HOLE };

/* Runs with equal keys are equal. Hashed as stored: there is no padding. */
struct run_key {
	u64 start;
	u64 offset;
	u64 store;
	u64 kind;
	u8 digest[PFS_DIGEST_BYTES];
	u8 verity[PFS_DIGEST_BYTES];
};

static int hash_content(const struct puzzlefs_content *content, u8 *hash)
{
	struct run_key *keys;
	u32 i;
	int err;

	keys = kvcalloc(content->count + 1ULL, sizeof(*keys), GFP_KERNEL);
	if (!keys)
		return -ENOMEM;
	for (i = 0; i < content->count; i++) {
		const struct puzzlefs_run *run = &content->runs[i];
		struct run_key *key = &keys[i];

		key->start = run->start;
		key->offset = run->offset;
		key->store = content->store->id;
		if (run->hole) {
			key->kind = RUN_HOLE;
			continue;
		}
		key->kind = run->blob->compressed ? RUN_COMPRESSED : RUN_RAW;
		memcpy(key->digest, run->blob->digest, PFS_DIGEST_BYTES);
		memcpy(key->verity, run->blob->verity, PFS_DIGEST_BYTES);
	}
	/* The size of the file: the end of its last run. */
	keys[i].start = content->runs[i].start;
	err = puzzlefs_sha256(keys, (i + 1ULL) * sizeof(*keys), hash);
	kvfree(keys);
	return err;
}

static int has_key(struct inode *inode, void *key)
{
	return !memcmp(PUZZLEFS_I(inode)->key, key, PFS_DIGEST_BYTES);
}

static int set_key(struct inode *inode, void *key)
{
	memcpy(PUZZLEFS_I(inode)->key, key, PFS_DIGEST_BYTES);
	return 0;
}

static bool is_complete(const struct puzzlefs_content *content)
{
	u32 i;

	for (i = 0; i < content->count; i++)
		if (!content->runs[i].blob && !content->runs[i].hole)
			return false;
	return true;
}

/*
 * Gets the hidden inode for the runs of a file. NULL for small and incomplete
 * files, or if memory is short: then the file's own pages are used.
 */
static struct inode *get_shared(const struct puzzlefs_content *content)
{
	u64 size = content->runs[content->count].start;
	u8 key[PFS_DIGEST_BYTES];
	unsigned long hash;
	struct inode *inode;

	if (size < MIN_SHARED_BYTES || !is_complete(content) ||
	    hash_content(content, key))
		return NULL;
	memcpy(&hash, key, sizeof(hash));
	inode = iget5_locked(shared_mount->mnt_sb, hash, has_key, set_key, key);
	if (inode && puzzlefs_is_new(inode)) {
		inode->i_mode = S_IFREG;
		inode->i_size = size;
		inode->i_mapping->a_ops = &puzzlefs_aops;
		mapping_set_large_folios(inode->i_mapping);
		unlock_new_inode(inode);
	}
	return inode;
}

/* Makes the file use the pages of the shared inode. */
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
 * puzzlefs_open_content - open a file: its blobs, and the pages it shares
 * @inode: the file
 * @host: set to the inode that has the file's pages
 *
 * Return: the content, to be released by puzzlefs_put_content(), or an error
 * pointer.
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
	content = puzzlefs_load_content(inode);
	if (IS_ERR(content))
		return content;
	if (!shared) {
		shared = get_shared(content);
		if (shared)
			*host = set_shared(inode, shared);
	}
	return puzzlefs_set_content(*host, content);
}

/* The pages are freed with the last visible inode that uses them. */
static int drop_shared(struct inode *inode)
{
	return 1;
}

static const struct super_operations shared_super_ops = {
	.alloc_inode	= puzzlefs_alloc_inode,
	.free_inode	= puzzlefs_free_inode,
	.drop_inode	= drop_shared,
	.statfs		= simple_statfs,
};

static int init_shared_context(struct fs_context *fc)
{
	struct pseudo_fs_context *context = init_pseudo(fc, PUZZLEFS_MAGIC);

	if (!context)
		return -ENOMEM;
	context->ops = &shared_super_ops;
	return 0;
}

/* No owner: the mount is internal, and must not pin the module. */
static struct file_system_type shared_fs_type = {
	.name			= "puzzlefs_shared",
	.init_fs_context	= init_shared_context,
	.kill_sb		= kill_anon_super,
};

int __init puzzlefs_init_shared(void)
{
	int err;

	shared_mount = kern_mount(&shared_fs_type);
	if (IS_ERR(shared_mount))
		return PTR_ERR(shared_mount);
	err = puzzlefs_setup_readahead(shared_mount->mnt_sb);
	if (err)
		kern_unmount(shared_mount);
	return err;
}

void puzzlefs_exit_shared(void)
{
	kern_unmount(shared_mount);
}
