// SPDX-License-Identifier: GPL-2.0-only
/*
 * One function for each interface of the newest kernel. It compiles if the
 * headers have that interface; compat/probe compiles all of them at once, and
 * defines HAVE_ and the function's name for those without an error.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/lsm_hooks.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/posix_acl_xattr.h>
#include <linux/security.h>
#include <linux/shrinker.h>
#include <linux/xattr.h>

struct lsm_prop;
struct mnt_idmap;

static void FILEMAP_SPLICE_READ(void)
{
	ssize_t (*splice_read)(struct file *file, loff_t *pos,
			       struct pipe_inode_info *pipe, size_t length,
			       unsigned int flags) = filemap_splice_read;
}

static void MMAP_PREPARE(void)
{
	const struct file_operations fops = {
		.mmap_prepare = generic_file_readonly_mmap_prepare,
	};
}

static void GET_INODE_ACL(void)
{
	const struct inode_operations iops = { .get_inode_acl = NULL };
}

static void NOP_POSIX_ACL(void)
{
	const struct xattr_handler *handler = &nop_posix_acl_access;
}

static void VFS_PATH_LOOKUP(struct path *path)
{
	vfs_path_lookup(path->dentry, path->mnt, "", 0, path);
}

static void KERNEL_FILE_OPEN(const struct path *path, const struct cred *cred)
{
	kernel_file_open(path, 0, cred);
}

static void MNT_IDMAP(const struct vfsmount *mount)
{
	struct mnt_idmap *idmap = mnt_idmap(mount);
}

static void FILLATTR_MASK(struct mnt_idmap *idmap, struct inode *inode,
			  struct kstat *stat)
{
	generic_fillattr(idmap, STATX_INO, inode, stat);
}

static void LSM_PROP(const struct cred *cred, struct lsm_prop *prop)
{
	security_cred_getlsmprop(cred, prop);
}

static void INODE_STATE_READ(struct inode *inode)
{
	unsigned int state = inode_state_read_once(inode) & I_NEW;
}

static void INODE_TIMES(struct inode *inode, struct timespec64 time)
{
	inode_set_mtime_to_ts(inode, time);
	inode_set_atime_to_ts(inode, time);
	inode_set_ctime_to_ts(inode, time);
}

static void ERROR_REMOVE_FOLIO(struct address_space *mapping,
			       struct folio *folio)
{
	generic_error_remove_folio(mapping, folio);
}

static void SUPER_SET_UUID(struct super_block *sb, const u8 *uuid)
{
	super_set_uuid(sb, uuid, sizeof(sb->s_uuid));
}

static void SHRINKER_ALLOC(struct shrinker *shrinker)
{
	shrinker = shrinker_alloc(0, "%s", "");
	shrinker_register(shrinker);
	shrinker_free(shrinker);
}

/* Before it had four arguments, it was not exported to modules. */
static void FSVERITY_GET_DIGEST(struct inode *inode, u8 *digest, u8 *number,
				enum hash_algo *algorithm)
{
	fsverity_get_digest(inode, digest, number, algorithm);
}

/* Must not compile: that errors are found is tested too. */
static void NOTHING(void)
{
	puzzlefs_has_no_such_function();
}

/* Must compile. */
static void EVERYTHING(struct inode *inode)
{
	inode->i_ino = 1;
}
