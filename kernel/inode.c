// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inodes made from their records: attributes, and operations of each type.
 */
#include "internal.h"
#include "trace.h"

#include <linux/pagemap.h>
#include <linux/slab.h>

/* Whether the first chunk is: of most files, all chunks are or none is. */
static bool is_compressed(struct pfs_file_chunk_list chunks)
{
	struct pfs_file_chunk first = pfs_file_chunk_at(chunks, 0);

	return chunks.part.count &&
	       pfs_blob_ref_compressed(pfs_file_chunk_blob(first));
}

/**
 * puzzlefs_getattr - get the attributes of an inode
 * @idmap: of the mount
 * @path: the inode
 * @stat: receives the attributes
 * @request_mask: those of statx(2) that are asked for
 * @flags: AT_ flags
 *
 * Nothing can be modified; there is no direct I/O, whose alignments stay 0.
 *
 * Return: 0.
 */
int puzzlefs_getattr(struct mnt_idmap *idmap, const struct path *path,
		     struct kstat *stat, u32 request_mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);

	if (PUZZLEFS_I(inode)->compressed)
		stat->attributes |= STATX_ATTR_COMPRESSED;
	stat->attributes |= STATX_ATTR_IMMUTABLE;
	stat->attributes_mask |= STATX_ATTR_COMPRESSED | STATX_ATTR_IMMUTABLE;
	generic_fillattr(idmap, request_mask, inode, stat);
	stat->ino = PUZZLEFS_I(inode)->ino;
	if (S_ISREG(inode->i_mode))
		stat->result_mask |= request_mask & STATX_DIOALIGN;
	return 0;
}

static const struct inode_operations puzzlefs_file_iops = {
	.fiemap		= puzzlefs_fiemap,
	.getattr	= puzzlefs_getattr,
	.listxattr	= puzzlefs_listxattr,
	.get_inode_acl	= puzzlefs_get_acl,
};

static const struct inode_operations puzzlefs_symlink_iops = {
	.get_link	= simple_get_link,
	.getattr	= puzzlefs_getattr,
	.listxattr	= puzzlefs_listxattr,
};

static const struct inode_operations puzzlefs_special_iops = {
	.getattr	= puzzlefs_getattr,
	.listxattr	= puzzlefs_listxattr,
	.get_inode_acl	= puzzlefs_get_acl,
};

static dev_t device_of(struct pfs_inode record)
{
	if (pfs_inode_mode_kind(record) == PFS_INODE_MODE_CHR) {
		struct pfs_chr chr = pfs_inode_mode_chr(record);

		return MKDEV(pfs_chr_major(chr), pfs_chr_minor(chr));
	}
	if (pfs_inode_mode_kind(record) == PFS_INODE_MODE_BLK) {
		struct pfs_blk blk = pfs_inode_mode_blk(record);

		return MKDEV(pfs_blk_major(blk), pfs_blk_minor(blk));
	}
	return 0;
}

static int read_symlink(struct inode *inode, struct pfs_inode_additional more)
{
	struct pfs_bytes target = pfs_inode_additional_symlink_target(more);
	char *link;

	link = kmemdup_nul(target.data, target.length, GFP_KERNEL);
	if (!link)
		return -ENOMEM;
	inode->i_link = link;
	inode->i_size = target.length;
	inode->i_op = &puzzlefs_symlink_iops;
	return 0;
}

static int read_file(struct inode *inode, struct pfs_inode record)
{
	const struct puzzlefs_image *image = &PUZZLEFS_SB(inode->i_sb)->image;
	struct pfs_file_chunk_list chunks = pfs_inode_mode_file(record);
	u64 size = pfs_file_size(chunks);
	u64 data = size;

	if (image->has_holes)
		data = pfs_data_size(chunks, (struct pfs_bytes) {
					image->zeros, PFS_DIGEST_BYTES });
	if (pfs_stopped())
		return -EINTR;
	if (size > inode->i_sb->s_maxbytes)
		return -EFBIG;
	PUZZLEFS_I(inode)->compressed = is_compressed(chunks);
	inode->i_size = size;
	inode->i_blocks = DIV_ROUND_UP_ULL(data, 512);
	inode->i_op = &puzzlefs_file_iops;
	inode->i_fop = &puzzlefs_file_fops;
	inode->i_mapping->a_ops = &puzzlefs_aops;
	mapping_set_large_folios(inode->i_mapping);
	return 0;
}

static void set_times(struct inode *inode, struct timespec64 time)
{
	inode_set_mtime_to_ts(inode, time);
	inode_set_atime_to_ts(inode, time);
	inode_set_ctime_to_ts(inode, time);
}

/* Fills a new inode from its record. */
static int read_inode(struct inode *inode, struct pfs_inode record, u32 links)
{
	struct pfs_inode_additional more = pfs_inode_additional(record);
	umode_t mode = pfs_stat_mode(record);

	inode->i_mode = mode;
	i_uid_write(inode, pfs_inode_uid(record));
	i_gid_write(inode, pfs_inode_gid(record));
	set_nlink(inode, links);
	set_times(inode, (struct timespec64) {
		.tv_sec = pfs_inode_mtime_seconds(record),
		.tv_nsec = pfs_inode_mtime_nanoseconds(record),
	});
	if (!PUZZLEFS_SB(inode->i_sb)->image.has_acls ||
	    !pfs_inode_additional_xattrs(more).part.count)
		cache_no_acl(inode);

	switch (mode & S_IFMT) {
	case S_IFREG:
		return read_file(inode, record);
	case S_IFLNK:
		return read_symlink(inode, more);
	case S_IFDIR:
		inode->i_op = &puzzlefs_dir_iops;
		inode->i_fop = &puzzlefs_dir_fops;
		return 0;
	default:
		inode->i_op = &puzzlefs_special_iops;
		init_special_inode(inode, mode, device_of(record));
		return 0;
	}
}

static int is_inode(struct inode *inode, void *ino)
{
	return PUZZLEFS_I(inode)->ino == *(u64 *)ino;
}

static int set_inode(struct inode *inode, void *ino)
{
	PUZZLEFS_I(inode)->ino = *(u64 *)ino;
	inode->i_ino = *(u64 *)ino;
	return 0;
}

/* Gets the inode of a number, new or not. */
static struct inode *lock_inode(struct super_block *sb, u64 ino)
{
	struct inode *inode = iget5_locked(sb, ino, is_inode, set_inode, &ino);

	return inode ?: ERR_PTR(-ENOMEM);
}

/* Ends the making of a new inode. */
static struct inode *finish_inode(struct inode *inode,
				  const struct pfs_inode_record *record, int err)
{
	struct puzzlefs_image *image = &PUZZLEFS_SB(inode->i_sb)->image;

	if (!err) {
		PUZZLEFS_I(inode)->record = *record;
		err = read_inode(inode, record->inode,
				 puzzlefs_count_links(image, record));
	}
	if (pfs_stopped())
		err = -EINTR;
	if (err) {
		iget_failed(inode);
		return ERR_PTR(err);
	}
	trace_puzzlefs_fill_inode(inode);
	unlock_new_inode(inode);
	return inode;
}

/**
 * puzzlefs_iget - get the inode of a number
 * @sb: the superblock
 * @ino: the number, from the image or from a file handle
 *
 * Return: the inode, -ESTALE if the tree does not contain the number, -EUCLEAN
 * or -EOPNOTSUPP if the inode breaks a rule, -EFBIG, -EINTR if the task is
 * killed, or -ENOMEM.
 */
struct inode *puzzlefs_iget(struct super_block *sb, u64 ino)
{
	struct pfs_inode_record record;
	struct inode *inode = lock_inode(sb, ino);

	if (IS_ERR(inode) || !(inode_state_read_once(inode) & I_NEW))
		return inode;
	return finish_inode(inode, &record,
			    puzzlefs_find_record(sb, ino, &record));
}

/**
 * puzzlefs_iget_record - get the inode of a record
 * @sb: the superblock
 * @record: was found in the image, perhaps not checked yet
 *
 * Return: as puzzlefs_iget().
 */
struct inode *puzzlefs_iget_record(struct super_block *sb,
				   const struct pfs_inode_record *record)
{
	struct inode *inode = lock_inode(sb, pfs_inode_ino(record->inode));

	if (IS_ERR(inode) || !(inode_state_read_once(inode) & I_NEW))
		return inode;
	return finish_inode(inode, record, puzzlefs_use_record(sb, record));
}

void puzzlefs_evict_inode(struct inode *inode)
{
	struct puzzlefs_inode *pi = PUZZLEFS_I(inode);

	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	inode->i_mapping = &inode->i_data;
	puzzlefs_free_content(pi->content);
	if (pi->host != inode)
		iput(pi->host);
}
