// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lower filesystem: files of blobs are found, opened and read.
 */
#include "blob.h"

#include <linux/cred.h>
#include <linux/file.h>
#include <linux/namei.h>

/* What a read-only open(2) of the path would refuse. */
static int check_lower(const struct puzzlefs_store *store,
		       const struct path *path)
{
	if (path->mnt != store->root.mnt)
		return -EXDEV;
	if (!d_is_reg(path->dentry))
		return -EUCLEAN;
	return path_permission(path, MAY_READ);
}

/**
 * puzzlefs_find_lower - look up the file of a blob
 * @store: the directory that it is in
 * @digest: its sha256, 32 bytes
 *
 * Must not be called where pages are read: a page fault may occur while the
 * same directory is locked by a listing.
 *
 * Return: the dentry, to be released by dput(), or an error pointer.
 */
struct dentry *puzzlefs_find_lower(const struct puzzlefs_store *store,
				   const u8 *digest)
{
	char name[PFS_HEX_DIGITS + 1] = {};
	struct pfs_scratch_u8 digits = { name, PFS_HEX_DIGITS };
	const struct cred *old;
	struct path path;
	int err;

	pfs_format_hex((struct pfs_bytes) { digest, PFS_DIGEST_BYTES }, digits);
	old = override_creds(store->cred);
	err = vfs_path_lookup(store->root.dentry, store->root.mnt, name,
			      LOOKUP_FOLLOW, &path);
	if (!err) {
		err = check_lower(store, &path);
		if (!err)
			dget(path.dentry);
		path_put(&path);
	}
	revert_creds(old);
	return err ? ERR_PTR(err) : path.dentry;
}

/**
 * puzzlefs_open_lower - open the file of a blob
 * @store: the directory that it is in
 * @dentry: the file, from puzzlefs_find_lower()
 *
 * Looks nothing up, takes no lock of a directory, and does not count as an open
 * file of the caller.
 *
 * Return: the file, to be released by fput(), or an error pointer.
 */
struct file *puzzlefs_open_lower(const struct puzzlefs_store *store,
				 struct dentry *dentry)
{
	struct path path = { .mnt = store->root.mnt, .dentry = dentry };
	const struct cred *old = override_creds(store->cred);
	struct file *file;

	file = kernel_file_open(&path, O_RDONLY | O_LARGEFILE, store->cred);
	revert_creds(old);
	return file;
}

/**
 * puzzlefs_read_lower - read a whole range of a blob's file
 * @file: the file
 * @buffer: destination
 * @length: bytes
 * @offset: start of the range
 *
 * Return: 0, -EIO if the file ends earlier, or the error of the read.
 */
int puzzlefs_read_lower(struct file *file, void *buffer, size_t length,
			u64 offset)
{
	loff_t pos = offset;

	while (length) {
		ssize_t count = kernel_read(file, buffer, length, &pos);

		if (count <= 0)
			return count ? count : -EIO;
		buffer += count;
		length -= count;
	}
	return 0;
}

/**
 * puzzlefs_is_transient - whether an error says nothing about the blob
 * @err: the error
 *
 * Return: true if the same call may succeed when another task makes it, or a
 * little later.
 */
bool puzzlefs_is_transient(int err)
{
	return err == -ENOMEM || err == -EINTR || err == -EAGAIN ||
	       err == -ENFILE || err == -EMFILE || err == -ERESTARTSYS;
}

/**
 * puzzlefs_rule_error - the error of bytes that violate a rule
 * @failure: of generated code
 *
 * Return: -EUCLEAN, -EOPNOTSUPP if the bytes are newer than this driver, or
 * -EINTR if the task was killed: then there is nothing to report.
 */
int puzzlefs_rule_error(const struct pfs_failure *failure)
{
	if (failure->rule == PFS_RULE_NONE)
		return -EINTR;
	return pfs_rule_unsupported[failure->rule] ? -EOPNOTSUPP : -EUCLEAN;
}
