// SPDX-License-Identifier: GPL-2.0-only
/*
 * One page cache for files with equal content, in all images of a store.
 *
 * Files with equal runs have their pages in one hidden inode of the store. The
 * i_mapping of each visible inode is that of the hidden one, as with block
 * devices. Equal runs are also verified equally: the store implies credentials
 * and the kind of verification, the key the digests of the blobs.
 *
 * A hidden inode is cached as any other: with the last visible inode it becomes
 * unused, and is evicted when its pages have been, or with the store.
 */
#include "internal.h"

#include <linux/jhash.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

/* Smaller files share chunks with others, and so rarely have equal runs. */
#define MIN_SHARED_BYTES SZ_16K
/* Runs that are hashed at a time. */
#define BATCH 16

/* Images choose digests; they must not be able to choose hash chains. */
static u32 hash_seed __ro_after_init;

/* Kinds of keys. KEY_HASH: the digest is one of struct run_key. */
enum { KEY_RAW, KEY_COMPRESSED, KEY_HOLE, KEY_HASH };

/* Runs with equal keys are equal. Hashed as stored: there is no padding. */
struct run_key {
	u64 length;
	u64 offset;
	u64 hole;
	struct puzzlefs_blob_id id;
};

static void set_run_key(struct inode *inode, struct pfs_file_chunk chunk,
			struct run_key *key)
{
	struct puzzlefs_image *image = &PUZZLEFS_SB(inode->i_sb)->image;
	struct pfs_bytes zeros = { image->zeros, PFS_DIGEST_BYTES };
	struct pfs_blob_ref ref = pfs_file_chunk_blob(chunk);

	memset(key, 0, sizeof(*key));
	key->length = pfs_file_chunk_len(chunk);
	key->hole = pfs_is_hole(chunk, zeros);
	if (key->hole)
		return;
	key->offset = pfs_blob_ref_offset(ref);
	key->id = puzzlefs_blob_id(inode, ref);
}

/* Bytes of a key that matter: fewer if the run is not in a slice. */
static size_t key_length(const struct run_key *key)
{
	return key->id.size ? sizeof(*key) : offsetof(struct run_key, id.pack);
}

/* Hashes the runs of a file. */
static int hash_runs(struct inode *inode, struct pfs_file_chunk_list chunks,
		     u8 *digest)
{
	struct puzzlefs_sha256 *sha256 = puzzlefs_begin_sha256();
	struct run_key key;
	size_t length = 0;
	u8 *keys;
	int err = 0;
	u32 i;

	keys = kmalloc_array(BATCH, sizeof(key), GFP_KERNEL);
	if (!keys || !sha256)
		err = -ENOMEM;
	for (i = 0; i < chunks.part.count && !err; i++) {
		set_run_key(inode, pfs_file_chunk_at(chunks, i), &key);
		memcpy(keys + length, &key, key_length(&key));
		length += key_length(&key);
		if (i % BATCH < BATCH - 1 && i + 1 < chunks.part.count)
			continue;
		err = puzzlefs_add_sha256(sha256, keys, length);
		length = 0;
		cond_resched();
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
	}
	kfree(keys);
	return puzzlefs_end_sha256(sha256, err, digest);
}

/* The key of most files is that of their only run, unless that is a slice. */
static int make_key(struct inode *inode, struct puzzlefs_key *key)
{
	struct pfs_file_chunk_list chunks =
		pfs_inode_mode_file(PUZZLEFS_I(inode)->record.inode);
	bool single = chunks.part.count == 1 &&
		      !PUZZLEFS_SB(inode->i_sb)->store->kind.verity;
	struct run_key only;

	memset(key, 0, sizeof(*key));
	key->size = inode->i_size;
	if (single)
		set_run_key(inode, pfs_file_chunk_at(chunks, 0), &only);
	if (single && !only.id.size) {
		memcpy(key->digest, only.id.digest, PFS_DIGEST_BYTES);
		key->offset = only.offset;
		key->kind = only.hole ? KEY_HOLE :
			    only.id.compressed ? KEY_COMPRESSED : KEY_RAW;
		return 0;
	}
	key->kind = KEY_HASH;
	return hash_runs(inode, chunks, key->digest);
}

static int has_key(struct inode *inode, void *key)
{
	return !memcmp(&PUZZLEFS_I(inode)->key, key,
		       sizeof(struct puzzlefs_key));
}

static int set_key(struct inode *inode, void *key)
{
	PUZZLEFS_I(inode)->key = *(struct puzzlefs_key *)key;
	return 0;
}

/*
 * Gets the hidden inode for a file. NULL for small files, or if memory is
 * short: then the file's own pages are used.
 */
static struct inode *get_shared(struct inode *inode)
{
	struct super_block *sb = PUZZLEFS_SB(inode->i_sb)->store->pages->mnt_sb;
	struct puzzlefs_key key;
	struct inode *shared;
	int err;

	if (inode->i_size < MIN_SHARED_BYTES)
		return NULL;
	err = make_key(inode, &key);
	if (err)
		return err == -EINTR ? ERR_PTR(err) : NULL;
	shared = iget5_locked(sb, jhash(&key, sizeof(key), hash_seed), has_key,
			      set_key, &key);
	if (shared && inode_state_read_once(shared) & I_NEW) {
		shared->i_mode = S_IFREG;
		shared->i_size = key.size;
		shared->i_mapping->a_ops = &puzzlefs_aops;
		mapping_set_large_folios(shared->i_mapping);
		unlock_new_inode(shared);
	}
	return shared;
}

/*
 * Gets the inode that has a file's pages. That is decided once, before there
 * are any.
 */
static struct inode *get_host(struct inode *inode)
{
	struct puzzlefs_inode *pi = PUZZLEFS_I(inode);
	/* Pairs with the release below. */
	struct inode *host = smp_load_acquire(&pi->host);
	struct inode *shared;

	if (host)
		return host;
	shared = get_shared(inode);
	if (IS_ERR(shared))
		return shared;
	host = shared ? shared : inode;
	spin_lock(&inode->i_lock);
	if (pi->host) {
		host = pi->host;
	} else {
		inode->i_mapping = host->i_mapping;
		/* Pairs with the acquire above. */
		smp_store_release(&pi->host, host);
		shared = NULL;
	}
	spin_unlock(&inode->i_lock);
	iput(shared);
	return host;
}

/**
 * puzzlefs_open_content - open a file: the inode with its pages, its blobs
 * @inode: the file; after success its host is set
 * @quiet: do not log what is missing
 *
 * Return: the content, which exists as long as the inode, or an error pointer.
 */
struct puzzlefs_content *puzzlefs_open_content(struct inode *inode, bool quiet)
{
	struct puzzlefs_content *content, *other;
	struct inode *host = get_host(inode);
	int err;

	if (IS_ERR(host))
		return ERR_CAST(host);
	/* Pairs with cmpxchg() below. */
	content = smp_load_acquire(&PUZZLEFS_I(host)->content);
	if (!content) {
		content = puzzlefs_load_content(inode);
		if (IS_ERR(content))
			return content;
		other = cmpxchg(&PUZZLEFS_I(host)->content, NULL, content);
		if (other) {
			puzzlefs_free_content(content);
			content = other;
		}
	}
	err = puzzlefs_complete_content(content, 0, U64_MAX, quiet);
	return err ? ERR_PTR(err) : content;
}

/**
 * puzzlefs_count_shared - count the hidden inodes of a store, and their pages
 * @store: the store
 *
 * Return: both numbers, which may change while they are counted.
 */
struct puzzlefs_shared puzzlefs_count_shared(const struct puzzlefs_store *store)
{
	struct super_block *sb = store->pages->mnt_sb;
	struct puzzlefs_shared shared = {};
	struct inode *pinned = NULL;
	struct inode *inode;

	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		/* The root directory has no content. */
		if (S_ISREG(inode->i_mode)) {
			shared.inodes++;
			shared.pages += READ_ONCE(inode->i_data.nrpages);
		}
		/* An inode that is being freed cannot be pinned. */
		if (!need_resched() || !igrab(inode))
			continue;
		spin_unlock(&sb->s_inode_list_lock);
		iput(pinned);
		pinned = inode;
		cond_resched();
		spin_lock(&sb->s_inode_list_lock);
	}
	spin_unlock(&sb->s_inode_list_lock);
	iput(pinned);
	return shared;
}

static const struct super_operations shared_super_ops = {
	.alloc_inode	= puzzlefs_alloc_inode,
	.free_inode	= puzzlefs_free_inode,
	.evict_inode	= puzzlefs_evict_inode,
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
struct file_system_type puzzlefs_shared_type = {
	.name			= "puzzlefs_shared",
	.init_fs_context	= init_shared_context,
	.kill_sb		= kill_anon_super,
};

void __init puzzlefs_init_shared(void)
{
	hash_seed = get_random_u32();
}
