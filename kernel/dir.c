// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directories: look-up and listing.
 */
#include "internal.h"
#include "trace.h"

/* Positions 0 and 1 are "." and ".."; later ones are cookies plus this. */
#define DOTS 2

static struct dentry *puzzlefs_lookup(struct inode *dir, struct dentry *dentry,
				      unsigned int flags)
{
	struct puzzlefs_image *image = &PUZZLEFS_SB(dir->i_sb)->image;
	struct pfs_bytes name = { dentry->d_name.name, dentry->d_name.len };
	struct inode *inode = NULL;
	struct pfs_inode_record record;
	bool found;
	int err;

	if (name.length > PFS_MAX_NAME_BYTES)
		return ERR_PTR(-ENAMETOOLONG);
	found = pfs_find_name(image->layers, image->index,
			      PUZZLEFS_I(dir)->record, name, &record);
	if (pfs_stopped())
		return ERR_PTR(-EINTR);
	if (found) {
		err = puzzlefs_check_child(dir->i_sb, record.inode,
					   PUZZLEFS_I(dir)->ino);
		if (err)
			return ERR_PTR(err);
		inode = puzzlefs_iget_record(dir->i_sb, &record);
	}
	trace_puzzlefs_lookup(dir, dentry, IS_ERR_OR_NULL(inode) ? 0 :
			      PUZZLEFS_I(inode)->ino);
	return d_splice_alias(inode, dentry);
}

/*
 * Emits the visible entries of one record; false if the buffer is full, or if
 * many entries after the last one are hidden: @ctx is beyond them. Without any
 * entry the directory would seem to end. An inode that breaks a rule may have
 * no type: looking up its name returns the error.
 */
static bool emit_record(struct inode *dir, const struct pfs_dir_record *record,
			struct dir_context *ctx, bool *emitted)
{
	const struct puzzlefs_image *image = &PUZZLEFS_SB(dir->i_sb)->image;
	struct pfs_visible_entry entry;

	while (pfs_next_visible_entry(image->layers, PUZZLEFS_I(dir)->ino,
				      *record, ctx->pos - DOTS, &entry)) {
		struct pfs_bytes name = pfs_dir_entry_name(entry.entry);
		u32 mode = pfs_file_type(entry.inode);

		if (pfs_stopped())
			return false;
		if (entry.shown && !dir_emit(ctx, name.data, name.length,
					     pfs_dir_entry_ino(entry.entry),
					     fs_umode_to_dtype(mode)))
			return false;
		ctx->pos = entry.cookie + DOTS;
		if (!entry.shown && *emitted)
			return false;
		*emitted |= entry.shown;
	}
	return !pfs_stopped();
}

static int puzzlefs_readdir(struct file *file, struct dir_context *ctx)
{
	struct inode *dir = file_inode(file);
	const struct puzzlefs_image *image = &PUZZLEFS_SB(dir->i_sb)->image;
	struct puzzlefs_inode *pi = PUZZLEFS_I(dir);
	struct pfs_dir_record record;
	bool emitted = ctx->pos < DOTS;

	if (!dir_emit_dots(file, ctx) ||
	    !pfs_open_listing(image->layers, pi->record, ctx->pos - DOTS,
			      &record))
		return pfs_stopped() ? -EINTR : 0;
	while (emit_record(dir, &record, ctx, &emitted) &&
	       pfs_next_listing(image->layers, pi->ino, record, &record))
		;
	return pfs_stopped() ? -EINTR : 0;
}

const struct file_operations puzzlefs_dir_fops = {
	.llseek		= generic_file_llseek,
	.read		= generic_read_dir,
	.iterate_shared	= puzzlefs_readdir,
	.fsync		= noop_fsync,
};

const struct inode_operations puzzlefs_dir_iops = {
	.lookup		= puzzlefs_lookup,
	.getattr	= puzzlefs_getattr,
	.listxattr	= puzzlefs_listxattr,
	.get_inode_acl	= puzzlefs_get_acl,
};
