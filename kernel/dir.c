// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directories: finding a name, and listing them.
 */
#include "internal.h"
#include "compat.h"

/* "." and ".." come first; then positions are cookies, moved by these. */
#define DOTS 2

static struct dentry *puzzlefs_lookup(struct inode *dir, struct dentry *dentry,
				      unsigned int flags)
{
	struct puzzlefs_image *image = &PUZZLEFS_SB(dir->i_sb)->image;
	struct pfs_bytes name = { dentry->d_name.name, dentry->d_name.len };
	struct inode *inode = NULL;
	struct pfs_inode record;

	if (name.length > PFS_MAX_NAME_BYTES)
		return ERR_PTR(-ENAMETOOLONG);
	if (pfs_find_name(image->rootfs, image->index, PUZZLEFS_I(dir)->ino,
			  name, &record))
		inode = puzzlefs_iget(dir->i_sb, pfs_inode_ino(record));
	return d_splice_alias(inode, dentry);
}

static int puzzlefs_readdir(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);
	struct pfs_rootfs rootfs = puzzlefs_rootfs(dir->i_sb);
	struct pfs_listed listed;

	if (!dir_emit_dots(file, ctx))
		return 0;
	while (pfs_next_name(rootfs, PUZZLEFS_I(dir)->ino, ctx->pos - DOTS,
			     &listed)) {
		struct pfs_bytes name = pfs_dir_entry_name(listed.entry);
		u32 mode = pfs_file_type(listed.inode);

		if (!dir_emit(ctx, name.data, name.length,
			      pfs_dir_entry_ino(listed.entry),
			      fs_umode_to_dtype(mode)))
			return 0;
		ctx->pos = listed.cookie + DOTS;
	}
	return 0;
}

const struct file_operations puzzlefs_dir_fops = {
	.llseek		= generic_file_llseek,
	.read		= generic_read_dir,
	.iterate_shared	= puzzlefs_readdir,
	.fsync		= noop_fsync,
};

const struct inode_operations puzzlefs_dir_iops = {
	.lookup		= puzzlefs_lookup,
	.listxattr	= puzzlefs_listxattr,
	PUZZLEFS_GET_ACL,
};
