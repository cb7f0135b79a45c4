/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels that this builds for, 6.1 to 7.x. Kbuild
 * looks for each PUZZLEFS_... in the kernel's headers. Version numbers do not
 * suffice, as changes are backported to stable kernels.
 */
#ifndef _PUZZLEFS_COMPAT_H
#define _PUZZLEFS_COMPAT_H

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/posix_acl_xattr.h>
#include <linux/security.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/xattr.h>

#ifdef PUZZLEFS_FILEMAP_SPLICE_READ
#define puzzlefs_filemap_splice_read filemap_splice_read
#else
#define puzzlefs_filemap_splice_read generic_file_splice_read
#endif

#ifdef PUZZLEFS_MMAP_PREPARE
#define PUZZLEFS_READONLY_MMAP \
	.mmap_prepare = generic_file_readonly_mmap_prepare
#else
#define PUZZLEFS_READONLY_MMAP .mmap = generic_file_readonly_mmap
#endif

#ifdef PUZZLEFS_GET_INODE_ACL
#define PUZZLEFS_GET_ACL .get_inode_acl = puzzlefs_get_acl
#else
#define PUZZLEFS_GET_ACL .get_acl = puzzlefs_get_acl
#endif

#ifdef PUZZLEFS_NOP_POSIX_ACL
#define puzzlefs_acl_access nop_posix_acl_access
#define puzzlefs_acl_default nop_posix_acl_default
#define PUZZLEFS_CONST_LIST const
#else
#define puzzlefs_acl_access posix_acl_access_xattr_handler
#define puzzlefs_acl_default posix_acl_default_xattr_handler
#define PUZZLEFS_CONST_LIST
#endif

#ifndef PUZZLEFS_VFS_PATH_LOOKUP
/* Exported, but declared in a private header. */
int vfs_path_lookup(struct dentry *dentry, struct vfsmount *mnt,
		    const char *name, unsigned int flags, struct path *path);
#endif

/*
 * Opens a path without permission checks, and without counting the file as one
 * of the caller's.
 */
static inline struct file *puzzlefs_open_path(const struct path *path,
					      const struct cred *cred)
{
	int flags = O_RDONLY | O_LARGEFILE;

#ifdef PUZZLEFS_KERNEL_FILE_OPEN
	return kernel_file_open(path, flags, cred);
#else
	return open_with_fake_path(path, flags, d_inode(path->dentry), cred);
#endif
}

static inline bool puzzlefs_same_idmap(const struct vfsmount *a,
				       const struct vfsmount *b)
{
#ifdef PUZZLEFS_MNT_IDMAP
	return mnt_idmap(a) == mnt_idmap(b);
#else
	return mnt_user_ns(a) == mnt_user_ns(b);
#endif
}

/* Whether security modules give both the same label. */
static inline bool puzzlefs_same_label(const struct cred *a,
				       const struct cred *b)
{
#ifdef PUZZLEFS_LSM_PROP
	struct lsm_prop one = {}, other = {};

	security_cred_getlsmprop(a, &one);
	security_cred_getlsmprop(b, &other);
	return !memcmp(&one, &other, sizeof(one));
#else
	u32 one = 0, other = 0;

	security_cred_getsecid(a, &one);
	security_cred_getsecid(b, &other);
	return one == other;
#endif
}

static inline bool puzzlefs_is_new(struct inode *inode)
{
#ifdef PUZZLEFS_INODE_STATE_READ
	return inode_state_read_once(inode) & I_NEW;
#else
	return inode->i_state & I_NEW;
#endif
}

static inline void puzzlefs_set_times(struct inode *inode,
				      struct timespec64 time)
{
#ifdef PUZZLEFS_INODE_TIMES
	inode_set_mtime_to_ts(inode, time);
	inode_set_atime_to_ts(inode, time);
	inode_set_ctime_to_ts(inode, time);
#else
	inode->i_mtime = time;
	inode->i_atime = time;
	inode->i_ctime = time;
#endif
}

static inline void puzzlefs_set_uuid(struct super_block *sb, const u8 *uuid)
{
#ifdef PUZZLEFS_SUPER_SET_UUID
	super_set_uuid(sb, uuid, sizeof(sb->s_uuid));
#else
	memcpy(&sb->s_uuid, uuid, sizeof(sb->s_uuid));
#endif
}

static inline struct shrinker *
puzzlefs_register_shrinker(unsigned long (*count)(struct shrinker *shrinker,
						  struct shrink_control *sc),
			   unsigned long (*scan)(struct shrinker *shrinker,
						 struct shrink_control *sc),
			   const char *name)
{
	struct shrinker *shrinker;

#ifdef PUZZLEFS_SHRINKER_ALLOC
	shrinker = shrinker_alloc(0, "%s", name);
	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker_register(shrinker);
#else
	shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);
	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->seeks = DEFAULT_SEEKS;
	if (register_shrinker(shrinker, "%s", name)) {
		kfree(shrinker);
		return NULL;
	}
#endif
	return shrinker;
}

static inline void puzzlefs_unregister_shrinker(struct shrinker *shrinker)
{
#ifdef PUZZLEFS_SHRINKER_ALLOC
	shrinker_free(shrinker);
#else
	unregister_shrinker(shrinker);
	kfree(shrinker);
#endif
}

#endif /* _PUZZLEFS_COMPAT_H */
