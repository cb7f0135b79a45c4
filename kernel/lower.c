// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lower filesystem: files of blobs are opened and read.
 */
#include "blob.h"

#include <linux/cred.h>
#include <linux/file.h>
#include <linux/namei.h>

/**
 * puzzlefs_open_lower - open a blob's file
 * @store: the directory that it is in
 * @digest: its sha256, 32 bytes
 *
 * Looks the name up, and so must not be called where pages are read: a page
 * fault may occur while the same directory is locked by a listing.
 *
 * Return: the file, to be released by fput(), or an error pointer.
 */
struct file *puzzlefs_open_lower(const struct puzzlefs_store *store,
				 const u8 *digest)
{
	char name[PFS_HEX_DIGITS + 1] = {};
	struct pfs_scratch_u8 digits = { name, PFS_HEX_DIGITS };
	const struct cred *old;
	struct file *file;

	pfs_format_hex((struct pfs_bytes) { digest, PFS_DIGEST_BYTES }, digits);
	old = override_creds(store->cred);
	/* O_NONBLOCK: if it is a FIFO, do not wait for a writer. */
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
