// SPDX-License-Identifier: GPL-2.0-only
/*
 * File handles for NFS, overlayfs and open_by_handle_at(2): inode numbers.
 * They remain valid, as an image never changes and its digest is the UUID.
 */
#include "internal.h"

#include <linux/exportfs.h>

/* As XFS: a 64-bit inode number and a generation, then those of the parent. */
#define FILEID_INO64 0x81
#define FILEID_INO64_PARENT 0x82
#define WORDS 3
#define WORDS_PARENT 6

static void put_ino(u32 *words, u64 ino)
{
	words[0] = lower_32_bits(ino);
	words[1] = upper_32_bits(ino);
	words[2] = 0;
}

static u64 get_ino(const u32 *words)
{
	return words[0] | (u64)words[1] << 32;
}

static int puzzlefs_encode_fh(struct inode *inode, u32 *words, int *room,
			      struct inode *parent)
{
	int needed = parent ? WORDS_PARENT : WORDS;
	bool fits = *room >= needed;

	*room = needed;
	if (!fits)
		return FILEID_INVALID;
	put_ino(words, PUZZLEFS_I(inode)->ino);
	if (!parent)
		return FILEID_INO64;
	put_ino(words + WORDS, PUZZLEFS_I(parent)->ino);
	return FILEID_INO64_PARENT;
}

static struct dentry *find_dentry(struct super_block *sb, u64 ino)
{
	return d_obtain_alias(puzzlefs_iget(sb, ino));
}

static struct dentry *puzzlefs_fh_to_dentry(struct super_block *sb,
					    struct fid *fid, int length,
					    int type)
{
	if (length < WORDS ||
	    (type != FILEID_INO64 && type != FILEID_INO64_PARENT))
		return NULL;
	return find_dentry(sb, get_ino(fid->raw));
}

static struct dentry *puzzlefs_fh_to_parent(struct super_block *sb,
					    struct fid *fid, int length,
					    int type)
{
	if (length < WORDS_PARENT || type != FILEID_INO64_PARENT)
		return NULL;
	return find_dentry(sb, get_ino(fid->raw + WORDS));
}

static struct dentry *puzzlefs_get_parent(struct dentry *child)
{
	return find_dentry(child->d_sb, puzzlefs_find_parent(d_inode(child)));
}

const struct export_operations puzzlefs_export_ops = {
	.encode_fh	= puzzlefs_encode_fh,
	.fh_to_dentry	= puzzlefs_fh_to_dentry,
	.fh_to_parent	= puzzlefs_fh_to_parent,
	.get_parent	= puzzlefs_get_parent,
};
