// SPDX-License-Identifier: GPL-2.0-only
/*
 * Manifest and metadata, which are read as a whole into private memory.
 */
#include "internal.h"

#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

/**
 * puzzlefs_refuse_blob - report the rule that a blob breaks, while mounting
 * @fc: receives the message
 * @what: kind of the blob
 * @digest: its sha256
 * @failure: the rule
 *
 * Return: the error of the mount.
 */
int puzzlefs_refuse_blob(struct fs_context *fc, const char *what,
			 const u8 *digest, const struct pfs_failure *failure)
{
	int err = puzzlefs_rule_error(failure);

	if (err == -EINTR)
		return err;
	errorfc(fc, "%s %s %*phN: %s (inode %llu, byte %llu)",
		err == -EOPNOTSUPP ? "unsupported" : "corrupt", what,
		PFS_DIGEST_BYTES, digest, pfs_rule_names[failure->rule],
		failure->inode, failure->offset);
	return err;
}

static int check_digest(struct fs_context *fc, const char *what,
			const u8 *digest, struct pfs_bytes bytes)
{
	u8 actual[PFS_DIGEST_BYTES];
	int err = puzzlefs_sha256(bytes.data, bytes.length, actual);

	if (err || !memcmp(actual, digest, PFS_DIGEST_BYTES))
		return err;
	errorfc(fc, "%s %*phN has the sha256 %*phN", what, PFS_DIGEST_BYTES,
		digest, PFS_DIGEST_BYTES, actual);
	return -EUCLEAN;
}

static int open_checked(struct puzzlefs_sb_info *sbi, struct fs_context *fc,
			const struct puzzlefs_whole *blob, struct file **out)
{
	const char *what = blob->what;
	const u8 *digest = blob->digest;
	struct dentry *dentry = puzzlefs_find_lower(sbi->store, digest);
	struct file *file;
	int err = 0;

	if (IS_ERR(dentry)) {
		file = ERR_CAST(dentry);
	} else {
		file = puzzlefs_open_lower(sbi->store, dentry);
		dput(dentry);
	}
	if (IS_ERR(file)) {
		errorfc(fc, "%s %*phN: cannot be opened in %s: %pe", what,
			PFS_DIGEST_BYTES, digest, sbi->oci_root_dir, file);
		return PTR_ERR(file);
	}
	if (sbi->store->kind.verity)
		err = puzzlefs_check_verity(file, blob->verity);
	if (err) {
		errorfc(fc, "%s %*phN has %s", what, PFS_DIGEST_BYTES, digest,
			err == -ENODATA ? "no fs-verity" :
			"a different fs-verity digest");
		fput(file);
		return err;
	}
	*out = file;
	return 0;
}

/**
 * puzzlefs_read_whole - read a blob into private memory, and check its digest
 * @sbi: has the store
 * @fc: receives messages
 * @blob: the blob; its limits are checked before memory is allocated
 * @bytes: receives the memory, to be released by vfree()
 *
 * With fs-verity the lower filesystem checks what is read, and so the sha256,
 * which only names the file then, is not computed.
 *
 * Return: 0; -EUCLEAN or -EOPNOTSUPP for a blob of another digest or size,
 * -ENODATA or -EKEYREJECTED for one of another fs-verity digest, or the error
 * of a read.
 */
int puzzlefs_read_whole(struct puzzlefs_sb_info *sbi, struct fs_context *fc,
			const struct puzzlefs_whole *blob,
			struct pfs_bytes *bytes)
{
	const struct pfs_failure failure = { .rule = blob->too_large };
	struct file *file;
	u8 *data;
	u64 size;
	int err;

	err = open_checked(sbi, fc, blob, &file);
	if (err)
		return err;
	size = i_size_read(file_inode(file));
	if (size > blob->limit) {
		err = puzzlefs_refuse_blob(fc, blob->what, blob->digest,
					   &failure);
		goto out;
	}
	if (blob->size != PFS_NO_SIZE && size != blob->size) {
		errorfc(fc, "%s %*phN has %llu bytes instead of %llu",
			blob->what, PFS_DIGEST_BYTES, blob->digest, size,
			blob->size);
		err = -EUCLEAN;
		goto out;
	}
	/* Long-lived: kmalloc() would round it up to a power of two. */
	data = __vmalloc(max_t(u64, size, 1), GFP_KERNEL_ACCOUNT);
	err = -ENOMEM;
	if (!data)
		goto out;
	*bytes = (struct pfs_bytes) { data, size };
	err = puzzlefs_read_lower(file, data, size, 0);
	if (err)
		errorfc(fc, "%s %*phN: read failed: %d", blob->what,
			PFS_DIGEST_BYTES, blob->digest, err);
	else if (!sbi->store->kind.verity)
		err = check_digest(fc, blob->what, blob->digest, *bytes);
	if (err) {
		vfree(data);
		*bytes = (struct pfs_bytes) { };
	}
out:
	fput(file);
	return err;
}
