// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stores: directories of blobs on a lower filesystem.
 */
#include "blob.h"

#include <linux/backing-dev.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/mount.h>
#include <linux/rhashtable.h>
#include <linux/security.h>
#include <linux/slab.h>

static LIST_HEAD(stores);
static DEFINE_MUTEX(stores_lock);

/* Whether security modules give both the same label. */
static bool same_label(const struct cred *a, const struct cred *b)
{
	struct lsm_prop one = {}, other = {};

	security_cred_getlsmprop(a, &one);
	security_cred_getlsmprop(b, &other);
	return !memcmp(&one, &other, sizeof(one));
}

/* Whether two processes may read the same files. */
static bool same_rights(const struct cred *a, const struct cred *b)
{
	return a->user_ns == b->user_ns && !cred_fscmp(a, b) &&
	       cap_issubset(a->cap_effective, b->cap_effective) &&
	       cap_issubset(b->cap_effective, a->cap_effective) &&
	       same_label(a, b);
}

static bool same_store(const struct puzzlefs_store *store,
		       const struct path *root,
		       struct puzzlefs_store_kind kind)
{
	return d_inode(store->root.dentry) == d_inode(root->dentry) &&
	       mnt_idmap(store->root.mnt) == mnt_idmap(root->mnt) &&
	       store->kind.verify == kind.verify &&
	       store->kind.verity == kind.verity &&
	       !store->kind.single && !kind.single &&
	       same_rights(store->cred, current_cred());
}

static struct puzzlefs_store *new_store(const struct path *root,
					struct puzzlefs_store_kind kind,
					struct file_system_type *pages)
{
	struct puzzlefs_store *store;
	struct vfsmount *mount;
	int err;

	store = kzalloc(sizeof(*store), GFP_KERNEL);
	if (!store)
		return ERR_PTR(-ENOMEM);
	err = puzzlefs_init_blobs(store);
	if (err)
		goto no_blobs;
	store->pages = kern_mount(pages);
	err = PTR_ERR_OR_ZERO(store->pages);
	if (err)
		goto no_pages;
	err = puzzlefs_setup_readahead(store->pages->mnt_sb);
	if (err)
		goto no_mount;
	/* User space cannot unmount, remount or cover a private mount. */
	mount = clone_private_mount(root);
	err = PTR_ERR_OR_ZERO(mount);
	if (err)
		goto no_mount;
	mount->mnt_flags |= MNT_READONLY | MNT_NOATIME;
	store->root.mnt = mount;
	store->root.dentry = mount->mnt_root;
	store->cred = get_current_cred();
	store->kind = kind;
	store->users = 1;
	ratelimit_state_init(&store->messages, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	return store;

no_mount:
	kern_unmount(store->pages);
no_pages:
	rhashtable_destroy(&store->blobs);
no_blobs:
	kfree(store);
	return ERR_PTR(err);
}

/* More than the usual 128 KiB, as folios are filled with whole chunks. */
#define READAHEAD_BYTES SZ_1M

/**
 * puzzlefs_setup_readahead - set up a backing device for readahead
 * @sb: the superblock; without a device it would not read ahead at all
 *
 * Return: 0 or an error.
 */
int puzzlefs_setup_readahead(struct super_block *sb)
{
	int err = super_setup_bdi(sb);

	if (err)
		return err;
	sb->s_bdi->ra_pages = READAHEAD_BYTES >> PAGE_SHIFT;
	sb->s_bdi->io_pages = READAHEAD_BYTES >> PAGE_SHIFT;
	return 0;
}

/**
 * puzzlefs_get_store - get the store of a directory and current credentials
 * @root: the directory of blobs
 * @kind: how blobs are verified, and whether the store is shared
 * @pages: the type of the hidden superblock that a new store gets
 *
 * Return: the store, to be released by puzzlefs_put_store(), or an error
 * pointer.
 */
struct puzzlefs_store *puzzlefs_get_store(const struct path *root,
					  struct puzzlefs_store_kind kind,
					  struct file_system_type *pages)
{
	struct puzzlefs_store *store;

	mutex_lock(&stores_lock);
	list_for_each_entry(store, &stores, stores) {
		if (same_store(store, root, kind)) {
			store->users++;
			goto out;
		}
	}
	store = new_store(root, kind, pages);
	if (!IS_ERR(store))
		list_add(&store->stores, &stores);
out:
	mutex_unlock(&stores_lock);
	return store;
}

void puzzlefs_put_store(struct puzzlefs_store *store)
{
	if (IS_ERR_OR_NULL(store))
		return;
	mutex_lock(&stores_lock);
	if (--store->users) {
		mutex_unlock(&stores_lock);
		return;
	}
	list_del(&store->stores);
	mutex_unlock(&stores_lock);

	/* Evicts the hidden inodes; with their contents go the last blobs. */
	kern_unmount(store->pages);
	rhashtable_destroy(&store->blobs);
	/* What workers have closed: it must not keep the lower filesystem. */
	flush_delayed_fput();
	/* mntput() would not free it: it was made by the kernel. */
	kern_unmount(store->root.mnt);
	put_cred(store->cred);
	kfree(store);
}
