// SPDX-License-Identifier: GPL-2.0-only
/*
 * The store: a directory of blobs on another file system.
 */
#include "internal.h"

#include <linux/cred.h>
#include <linux/file.h>
#include <linux/mount.h>
#include <linux/namei.h>
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
	static u64 stores_made;		/* under stores_lock */
	struct puzzlefs_store *store;
	struct vfsmount *mount;

	store = kzalloc(sizeof(*store), GFP_KERNEL);
	if (!store)
		return ERR_PTR(-ENOMEM);
	/* A mount that nobody can unmount, remount or mount over. */
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
	store->id = ++stores_made;
	spin_lock_init(&store->lock);
	hash_init(store->blobs);
	INIT_LIST_HEAD(&store->idle);
	return store;
}

/**
 * puzzlefs_get_store - the store of a directory, for the current credentials
 * @root: the directory of blobs
 * @verify: whether every chunk is checked against its sha256
 * @verity: whether every blob is checked against its fs-verity digest
 *
 * Return: the store, to be put again, or an error pointer.
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
	/* Made by the kernel, and so not unmounted by its last user. */
	kern_unmount(store->root.mnt);
	put_cred(store->cred);
	kfree(store);
}

/**
 * puzzlefs_open_stored - open a blob's file
 * @store: where it is
 * @digest: its sha256, 32 bytes
 *
 * Looks the name up, and so must never be called where pages are read: that
 * may happen inside a listing of the very directory.
 *
 * Return: the file, to be put by fput(), or an error pointer.
 */
struct file *puzzlefs_open_stored(const struct puzzlefs_store *store,
				  const u8 *digest)
{
	char name[PFS_HEX_DIGITS + 1] = {};
	struct pfs_scratch_u8 digits = { name, PFS_HEX_DIGITS };
	const struct cred *old;
	struct file *file;

	pfs_format_hex((struct pfs_bytes) { digest, PFS_DIGEST_BYTES }, digits);
	old = override_creds(store->cred);
	/* Not to wait for the other end, should it be a pipe. */
	file = file_open_root(&store->root, name,
			      O_RDONLY | O_LARGEFILE | O_NONBLOCK, 0);
	revert_creds(old);
	if (IS_ERR(file))
		return file;
	if (!S_ISREG(file_inode(file)->i_mode)) {
		fput(file);
		return ERR_PTR(-EUCLEAN);
	}
	return file;
}

/**
 * puzzlefs_read_stored - read all of a range of a blob's file
 * @file: the file
 * @buffer: where to
 * @length: bytes
 * @offset: where the range starts
 *
 * Return: 0, -EIO where the file ends earlier, or what the read failed with.
 */
int puzzlefs_read_stored(struct file *file, void *buffer, size_t length,
			 u64 offset)
{
	loff_t at = offset;

	while (length) {
		ssize_t count = kernel_read(file, buffer, length, &at);

		if (count <= 0)
			return count ? count : -EIO;
		buffer += count;
		length -= count;
	}
	return 0;
}
