// SPDX-License-Identifier: GPL-2.0-only
/*
 * Superblocks, and the module itself.
 */
#include "internal.h"

#include <linux/dcache.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/statfs.h>

/* Enough to distinguish images; s_id has 32 bytes. */
#define NAME_DIGEST_BYTES 6

static int puzzlefs_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	struct super_block *sb = dentry->d_sb;
	struct puzzlefs_image *image = &PUZZLEFS_SB(sb)->image;

	buf->f_type = PUZZLEFS_MAGIC;
	buf->f_bsize = sb->s_blocksize;
	buf->f_blocks = DIV_ROUND_UP_ULL(image->content_bytes,
					 sb->s_blocksize);
	buf->f_files = image->inodes;
	buf->f_namelen = PFS_MAX_NAME_BYTES;
	buf->f_fsid = uuid_is_null(&sb->s_uuid) ?
		      u64_to_fsid(huge_encode_dev(sb->s_dev)) :
		      uuid_to_fsid(sb->s_uuid.b);
	return 0;
}

static const struct super_operations puzzlefs_super_ops = {
	.alloc_inode	= puzzlefs_alloc_inode,
	.free_inode	= puzzlefs_free_inode,
	.evict_inode	= puzzlefs_evict_inode,
	.statfs		= puzzlefs_statfs,
	.show_options	= puzzlefs_show_options,
};

static void free_sb_info(struct puzzlefs_sb_info *sbi)
{
	if (!sbi)
		return;
	puzzlefs_free_image(&sbi->image);
	puzzlefs_free_places(&sbi->places);
	puzzlefs_put_store(sbi->store);
	path_put(&sbi->layout);
	kfree(sbi->oci_root_dir);
	kfree(sbi);
}

#define BLOBS "blobs/sha256"

/* Looks the directory of blobs up below a string. */
static int find_by_name(const char *oci_root_dir, struct path *blobs)
{
	char *name = kasprintf(GFP_KERNEL, "%s/" BLOBS, oci_root_dir);
	int err;

	if (!name)
		return -ENOMEM;
	err = kern_path(name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, blobs);
	kfree(name);
	return err;
}

/*
 * Finds the directory of blobs. It may be a symbolic link: LXC makes one in
 * each container's layout, to a directory that all of them share. But links do
 * not lead out of a layout that is given by a descriptor.
 */
static int find_blobs(struct fs_context *fc, struct puzzlefs_sb_info *sbi,
		      struct path *blobs)
{
	int err;

	if (sbi->layout.dentry)
		err = vfs_path_lookup(sbi->layout.dentry, sbi->layout.mnt,
				      BLOBS, LOOKUP_FOLLOW | LOOKUP_DIRECTORY,
				      blobs);
	else
		err = find_by_name(sbi->oci_root_dir, blobs);
	if (err)
		errorfc(fc, "oci_root_dir=%s: " BLOBS ": %pe",
			sbi->oci_root_dir, ERR_PTR(err));
	/* The mount that it is on is not used any more. */
	path_put(&sbi->layout);
	sbi->layout = (struct path) {};
	return err;
}

static struct file_system_type puzzlefs_fs_type;

/* Gets the store of the directory of blobs. */
static int find_store(struct fs_context *fc, struct puzzlefs_sb_info *sbi)
{
	struct puzzlefs_store_kind kind = {
		.verify = sbi->verify == VERIFY_BLOB,
		.verity = sbi->has_verity,
		.single = sbi->share == SHARE_NONE,
	};
	struct super_block *lower;
	struct path root;
	int err;

	err = find_blobs(fc, sbi, &root);
	if (err)
		return err;
	lower = root.mnt->mnt_sb;
	err = -ELOOP;
	if (lower->s_type == &puzzlefs_fs_type) {
		errorfc(fc,
			"oci_root_dir=%s: stores in images are not supported",
			sbi->oci_root_dir);
	} else if (lower->s_stack_depth >= FILESYSTEM_MAX_STACK_DEPTH) {
		errorfc(fc, "oci_root_dir=%s: maximum stacking depth exceeded",
			sbi->oci_root_dir);
	} else {
		sbi->store = puzzlefs_get_store(&root, kind,
						&puzzlefs_shared_type);
		err = PTR_ERR_OR_ZERO(sbi->store);
		if (err)
			errorfc(fc, "oci_root_dir=%s: no private mount: %pe",
				sbi->oci_root_dir, sbi->store);
	}
	path_put(&root);
	return err;
}

/* Names the mount in messages: device number and digits of the image's name. */
static void set_mount_name(struct super_block *sb)
{
	snprintf(sb->s_id, sizeof(sb->s_id), "%u:%u/%*phN", MAJOR(sb->s_dev),
		 MINOR(sb->s_dev), NAME_DIGEST_BYTES, puzzlefs_image_name(PUZZLEFS_SB(sb)));
}

/*
 * Overlays on an image must be able to nest, and so it does not count as a
 * level if the store is on an ordinary filesystem. Two images are never stacked
 * directly; on an overlay, the store's level bounds the depth.
 */
static int stack_depth(const struct puzzlefs_store *store)
{
	int depth = store->root.mnt->mnt_sb->s_stack_depth;

	return depth ? depth + 1 : 0;
}

/*
 * The UUID is that of the image, its form and verification, so that file handles
 * stay valid. Superblocks that are not shared have none, as several may exist.
 */
static void set_identity(struct super_block *sb)
{
	struct puzzlefs_sb_info *sbi = PUZZLEFS_SB(sb);
	u8 uuid[PFS_DIGEST_BYTES];

	if (sbi->share != SHARE_ALL)
		return;
	memcpy(uuid, puzzlefs_image_name(sbi), sizeof(uuid));
	uuid[0] ^= sbi->has_places << 2 | sbi->verify << 1 | sbi->has_verity;
	super_set_uuid(sb, uuid, sizeof(sb->s_uuid));
}

static int fill_super(struct super_block *sb)
{
	struct puzzlefs_sb_info *sbi = PUZZLEFS_SB(sb);
	struct inode *root;
	int err;

	set_mount_name(sb);
	err = puzzlefs_setup_readahead(sb);
	if (err)
		return err;
	sb->s_magic = PUZZLEFS_MAGIC;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_time_gran = 1;
	sb->s_flags |= SB_RDONLY | SB_NOATIME | SB_POSIXACL;
	sb->s_stack_depth = stack_depth(sbi->store);
	sb->s_op = &puzzlefs_super_ops;
	sb->s_export_op = &puzzlefs_export_ops;
	puzzlefs_set_xattr_handlers(sb);
	set_identity(sb);

	root = puzzlefs_iget(sb, PFS_ROOT_INO);
	if (IS_ERR(root))
		return PTR_ERR(root);
	sb->s_root = d_make_root(root);
	return sb->s_root ? puzzlefs_register_sysfs(sb) : -ENOMEM;
}

static bool same_image(const struct puzzlefs_sb_info *a,
		       const struct puzzlefs_sb_info *b)
{
	/* The store implies directory, credentials and verification. */
	return a->store == b->store && a->share == SHARE_ALL &&
	       b->share == SHARE_ALL &&
	       !memcmp(a->manifest, b->manifest, sizeof(a->manifest)) &&
	       !memcmp(a->metadata, b->metadata, sizeof(a->metadata)) &&
	       !memcmp(a->places.digest, b->places.digest,
		       sizeof(a->places.digest)) &&
	       !memcmp(a->verity, b->verity, sizeof(a->verity));
}

static int test_super(struct super_block *sb, struct fs_context *fc)
{
	return sb->s_user_ns == fc->user_ns &&
	       same_image(PUZZLEFS_SB(sb), fc->s_fs_info);
}

static int refuse_super(struct super_block *sb, struct fs_context *fc)
{
	return -EAGAIN;
}

/*
 * Gets the superblock of the image, or a new one. The image is loaded before
 * there is a new one: sync(2) waits for superblocks that are being filled, and
 * reading may take long.
 */
static struct super_block *get_superblock(struct fs_context *fc)
{
	struct super_block *sb = sget_fc(fc, test_super, refuse_super);
	int err;

	if (sb != ERR_PTR(-EAGAIN))
		return sb;
	err = puzzlefs_load_image(fc->s_fs_info, fc);
	if (err)
		return ERR_PTR(err);
	return sget_fc(fc, test_super, set_anon_super_fc);
}

static int puzzlefs_get_tree(struct fs_context *fc)
{
	struct puzzlefs_sb_info *sbi = fc->s_fs_info;
	struct super_block *sb;
	int err;

	err = puzzlefs_check_options(fc, sbi);
	if (!err)
		err = find_store(fc, sbi);
	if (err)
		return err;
	fc->sb_flags |= SB_RDONLY;
	sb = get_superblock(fc);
	if (IS_ERR(sb))
		return PTR_ERR(sb);
	if (!sb->s_root) {
		err = fill_super(sb);
		if (err) {
			deactivate_locked_super(sb);
			return err;
		}
		sb->s_flags |= SB_ACTIVE;
	}
	fc->root = dget(sb->s_root);
	return 0;
}

/* Remount: options may repeat those of the mount, but not change them. */
static int puzzlefs_reconfigure(struct fs_context *fc)
{
	struct puzzlefs_sb_info *old = PUZZLEFS_SB(fc->root->d_sb);
	struct puzzlefs_sb_info *new = fc->s_fs_info;

	fc->sb_flags |= SB_RDONLY;
	if (!puzzlefs_repeats_options(new, old)) {
		errorfc(fc,
			"remount cannot change image, verification or sharing");
		return -EINVAL;
	}
	return 0;
}

static void puzzlefs_free_fc(struct fs_context *fc)
{
	free_sb_info(fc->s_fs_info);
}

static const struct fs_context_operations puzzlefs_context_ops = {
	.free		= puzzlefs_free_fc,
	.parse_param	= puzzlefs_parse_param,
	.get_tree	= puzzlefs_get_tree,
	.reconfigure	= puzzlefs_reconfigure,
};

static int puzzlefs_init_fs_context(struct fs_context *fc)
{
	struct puzzlefs_sb_info *sbi;

	sbi = kzalloc(sizeof(*sbi), GFP_KERNEL);
	if (!sbi)
		return -ENOMEM;
	fc->s_fs_info = sbi;
	fc->ops = &puzzlefs_context_ops;
	return 0;
}

static void puzzlefs_kill_sb(struct super_block *sb)
{
	struct puzzlefs_sb_info *sbi = PUZZLEFS_SB(sb);

	puzzlefs_unregister_sysfs(sbi);
	kill_anon_super(sb);
	free_sb_info(sbi);
}

static struct file_system_type puzzlefs_fs_type = {
	.owner			= THIS_MODULE,
	.name			= "puzzlefs",
	.fs_flags		= FS_ALLOW_IDMAP,
	.init_fs_context	= puzzlefs_init_fs_context,
	.parameters		= puzzlefs_parameters,
	.kill_sb		= puzzlefs_kill_sb,
};

static int __init puzzlefs_init(void)
{
	int err;

	err = puzzlefs_init_sha256();
	if (err)
		return err;
	err = puzzlefs_init_inodes();
	if (err)
		goto no_inodes;
	err = puzzlefs_init_objects();
	if (err)
		goto no_objects;
	err = puzzlefs_init_windows();
	if (err)
		goto no_windows;
	puzzlefs_init_shared();
	err = puzzlefs_init_sysfs();
	if (err)
		goto no_sysfs;
	err = register_filesystem(&puzzlefs_fs_type);
	if (!err)
		return 0;
	puzzlefs_exit_sysfs();
no_sysfs:
	puzzlefs_exit_windows();
no_windows:
	puzzlefs_exit_objects();
no_objects:
	puzzlefs_exit_inodes();
no_inodes:
	puzzlefs_exit_sha256();
	return err;
}

static void __exit puzzlefs_exit(void)
{
	unregister_filesystem(&puzzlefs_fs_type);
	puzzlefs_exit_sysfs();
	puzzlefs_exit_windows();
	puzzlefs_exit_objects();
	puzzlefs_exit_inodes();
	puzzlefs_free_contexts();
	puzzlefs_exit_sha256();
}

module_init(puzzlefs_init);
module_exit(puzzlefs_exit);

MODULE_ALIAS_FS("puzzlefs");
MODULE_DESCRIPTION("PuzzleFS container image filesystem");
MODULE_LICENSE("GPL");
