// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inode records. The inodes of an image that records its tree are not validated
 * when it is mounted: each one, and each directory with its names, is checked
 * here at its first use.
 */
#include "internal.h"

/* Words of an inode of ordinary size. */
#define REFUNDED_WORDS 1024

/* Logs the rule that an inode breaks. Users may try again and again. */
static int report_rule(struct super_block *sb,
		       const struct pfs_failure *failure)
{
	struct puzzlefs_image *image = &PUZZLEFS_SB(sb)->image;
	int err = puzzlefs_rule_error(failure);

	if (err != -EINTR && __ratelimit(&image->messages))
		puzzlefs_err(sb, "%s metadata %*phN: %s (inode %llu, byte %llu)",
			     err == -EOPNOTSUPP ? "unsupported" : "corrupt",
			     PFS_DIGEST_BYTES, image->digest,
			     pfs_rule_names[failure->rule], failure->inode,
			     failure->offset);
	return err;
}

/**
 * puzzlefs_check_record - check an inode, unless that has been done
 * @image: the image
 * @record: the newest record of the inode
 * @failure: receives the rule that it breaks
 *
 * All first uses together may follow as many words as validation may. Tasks
 * that check at the same time have the same rest. An inode that is refused may
 * be used again and again: if it is of ordinary size, that takes nothing from
 * the others.
 *
 * Return: whether it breaks no rule.
 */
bool puzzlefs_check_record(struct puzzlefs_image *image,
			   const struct pfs_inode_record *record,
			   struct pfs_failure *failure)
{
	u64 before = max_t(s64, atomic64_read(&image->work), 0);
	u64 left = before;
	struct pfs_scratch_u53 work = { &left, 1 };
	bool good;

	if (!image->checked || test_bit(record->ordinal, image->checked))
		return true;
	good = pfs_check_inode(image->rootfs, image->layers, record->inode, work,
			       failure);
	if (good || before - left > REFUNDED_WORDS)
		atomic64_sub(before - left, &image->work);
	if (good)
		set_bit(record->ordinal, image->checked);
	return good;
}

/**
 * puzzlefs_use_record - check a record that was found, unless done before
 * @sb: the superblock
 * @record: the newest record of an inode
 *
 * Return: 0; -ESTALE if the tree does not contain the inode; -EUCLEAN or
 * -EOPNOTSUPP if it breaks a rule, which is logged; -EINTR if the task is
 * killed.
 */
int puzzlefs_use_record(struct super_block *sb,
			const struct pfs_inode_record *record)
{
	struct puzzlefs_image *image = &PUZZLEFS_SB(sb)->image;
	struct pfs_failure failure;

	if (image->links)
		return image->links[record->ordinal] ? 0 : -ESTALE;
	if (puzzlefs_check_record(image, record, &failure))
		return 0;
	return report_rule(sb, &failure);
}

/**
 * puzzlefs_find_record - find the record of an inode, and check it
 * @sb: the superblock
 * @ino: number of the inode
 * @record: receives the record
 *
 * Return: 0; -ESTALE if the tree does not contain the number; -EUCLEAN or
 * -EOPNOTSUPP if the inode breaks a rule, which is logged; -EINTR if the task is
 * killed.
 */
int puzzlefs_find_record(struct super_block *sb, u64 ino,
			 struct pfs_inode_record *record)
{
	struct puzzlefs_image *image = &PUZZLEFS_SB(sb)->image;

	if (!pfs_resolve_inode(image->layers, ino, record))
		return pfs_stopped() ? -EINTR : -ESTALE;
	return puzzlefs_use_record(sb, record);
}

/**
 * puzzlefs_check_child - check that a directory records where it was found
 * @sb: the superblock
 * @child: an inode that directory @dir shows; its record need not be checked
 * @dir: number of a directory
 *
 * Return: 0 or -EUCLEAN.
 */
int puzzlefs_check_child(struct super_block *sb, struct pfs_inode child,
			 u64 dir)
{
	struct pfs_failure failure;

	/* The tree has been walked. */
	if (PUZZLEFS_SB(sb)->image.links)
		return 0;
	if (pfs_check_parent(child, dir, &failure))
		return 0;
	return report_rule(sb, &failure);
}

/* The number of links of an inode that puzzlefs_find_record() found. */
u32 puzzlefs_count_links(const struct puzzlefs_image *image,
			 const struct pfs_inode_record *record)
{
	if (image->links)
		return image->links[record->ordinal];
	return pfs_recorded_links(record->inode);
}

/* The number of the directory that a directory is in. */
u64 puzzlefs_find_parent(struct inode *dir)
{
	struct puzzlefs_inode *pi = PUZZLEFS_I(dir);
	struct puzzlefs_image *image = &PUZZLEFS_SB(dir->i_sb)->image;

	if (image->parents)
		return image->parents[pi->record.ordinal];
	return pfs_dir_parent(pfs_inode_mode_dir(pi->record.inode));
}
