// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stores: directories of blobs on a lower filesystem.
 */
#include "blob.h"

#include <linux/cred.h>
#include <linux/mount.h>
#include <linux/slab.h>

static LIST_HEAD(stores);
static DEFINE_MUTEX(stores_lock);

static bool same_store(const struct puzzlefs_store *store,
		       const struct path *root, bool verify, bool verity)
{
	return d_inode(store->root.dentry) == d_inode(root->dentry) &&
	       store->verify == verify && store->verity == verity &&
	       store->cred->user_ns == current_cred()->user_ns &&
	       cred_fscmp(store->cred, current_cred()) == 0;
}

static struct puzzlefs_store *new_store(const struct path *root, bool verify,
					bool verity)
{
	static u64 last_id;		/* under stores_lock */
	struct puzzlefs_store *store;
	struct vfsmount *mount;

	store = kzalloc(sizeof(*store), GFP_KERNEL);
	if (!store)
		return ERR_PTR(-ENOMEM);
	/* User space cannot unmount, remount or cover a private mount. */
	mount = clone_private_mount(root);
	if (IS_ERR(mount)) {
		kfree(store);
		return ERR_CAST(mount);
	}
	mount->mnt_flags |= MNT_READONLY | MNT_NOATIME;
	store->root.mnt = mount;
	store->root.dentry = mount->mnt_root;
	store->cred = get_current_cred();
	store->verify = verify;
	store->verity = verity;
	store->users = 1;
	store->id = ++last_id;
	spin_lock_init(&store->lock);
	hash_init(store->blobs);
	INIT_LIST_HEAD(&store->idle);
	return store;
}

/**
 * puzzlefs_get_store - get the store of a directory and current credentials
 * @root: the directory of blobs
 * @verify: whether every chunk is checked against its sha256
 * @verity: whether every blob is checked against its fs-verity digest
 *
 * Return: the store, to be released by puzzlefs_put_store(), or an error
 * pointer.
 */
struct puzzlefs_store *puzzlefs_get_store(const struct path *root, bool verify,
					  bool verity)
{
	struct puzzlefs_store *store;

	mutex_lock(&stores_lock);
	list_for_each_entry(store, &stores, stores) {
		if (same_store(store, root, verify, verity)) {
			store->users++;
			goto out;
		}
	}
	store = new_store(root, verify, verity);
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

	puzzlefs_free_idle_blobs(store);
	/* mntput() would not free it: it was made by the kernel. */
	kern_unmount(store->root.mnt);
	put_cred(store->cred);
	kfree(store);
}
