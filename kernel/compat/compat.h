/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interfaces of the newest kernel for older ones, down to 6.1. Kbuild includes
 * this before each file. The driver's own sources use the newest interfaces
 * only: a tree for upstream is made of them without this directory.
 *
 * compat/probe finds what a kernel has, as changes are backported to stable
 * kernels, so that version numbers do not suffice.
 */
#ifndef _PUZZLEFS_COMPAT_H
#define _PUZZLEFS_COMPAT_H

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/posix_acl_xattr.h>
#include <linux/security.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/xattr.h>

#ifndef HAVE_FILEMAP_SPLICE_READ
#define filemap_splice_read generic_file_splice_read
#endif

#ifndef FMODE_FSNOTIFY_NONE
#define FMODE_FSNOTIFY_NONE(mode) ((mode) & FMODE_NONOTIFY)
#endif

#ifndef HAVE_MMAP_PREPARE
#define mmap_prepare mmap
#define generic_file_readonly_mmap_prepare generic_file_readonly_mmap
#endif

#ifndef HAVE_GET_INODE_ACL
#define get_inode_acl get_acl
#endif

#ifndef HAVE_NOP_POSIX_ACL
#define nop_posix_acl_access posix_acl_access_xattr_handler
#define nop_posix_acl_default posix_acl_default_xattr_handler
#endif

#ifndef HAVE_VFS_PATH_LOOKUP
/* Exported, but declared in a private header. */
int vfs_path_lookup(struct dentry *dentry, struct vfsmount *mnt,
		    const char *name, unsigned int flags, struct path *path);
#endif

#ifndef HAVE_KERNEL_FILE_OPEN
static inline struct file *kernel_file_open(const struct path *path, int flags,
					    const struct cred *cred)
{
	return open_with_fake_path(path, flags, d_inode(path->dentry), cred);
}
#endif

#ifndef HAVE_MNT_IDMAP
/* The type and the function of this name. */
#define mnt_idmap user_namespace
static inline struct user_namespace *user_namespace(const struct vfsmount *mnt)
{
	return mnt_user_ns(mnt);
}
#endif

#ifndef HAVE_FILLATTR_MASK
#define generic_fillattr(idmap, mask, inode, stat) \
	generic_fillattr(idmap, inode, stat)
#endif

#ifndef HAVE_LSM_PROP
struct lsm_prop {
	u32 secid;
};

static inline void security_cred_getlsmprop(const struct cred *cred,
					    struct lsm_prop *prop)
{
	security_cred_getsecid(cred, &prop->secid);
}
#endif

#ifndef HAVE_INODE_STATE_READ
#define inode_state_read_once(inode) READ_ONCE((inode)->i_state)
#endif

#ifndef HAVE_INODE_TIMES
#define inode_set_mtime_to_ts(inode, time) ((inode)->i_mtime = (time))
#define inode_set_atime_to_ts(inode, time) ((inode)->i_atime = (time))
#define inode_set_ctime_to_ts(inode, time) ((inode)->i_ctime = (time))
#endif

#ifndef HAVE_ERROR_REMOVE_FOLIO
#define generic_error_remove_folio(mapping, folio) \
	generic_error_remove_page(mapping, folio_page(folio, 0))
#endif

#ifndef HAVE_SUPER_SET_UUID
static inline void super_set_uuid(struct super_block *sb, const u8 *uuid,
				  unsigned int length)
{
	memcpy(&sb->s_uuid, uuid, length);
}
#endif

#ifndef HAVE_SHRINKER_ALLOC
/* The name is registered with the shrinker, and so kept until then. */
#define shrinker_alloc(flags, format, name) puzzlefs_alloc_shrinker(name)
#define shrinker_register puzzlefs_register_shrinker
#define shrinker_free puzzlefs_free_shrinker

struct puzzlefs_shrinker {
	struct shrinker shrinker;
	const char *name;
	bool registered;
};

static inline struct shrinker *puzzlefs_alloc_shrinker(const char *name)
{
	struct puzzlefs_shrinker *own = kzalloc(sizeof(*own), GFP_KERNEL);

	if (!own)
		return NULL;
	own->name = name;
	own->shrinker.seeks = DEFAULT_SEEKS;
	return &own->shrinker;
}

static inline void puzzlefs_register_shrinker(struct shrinker *shrinker)
{
	struct puzzlefs_shrinker *own =
		container_of(shrinker, struct puzzlefs_shrinker, shrinker);

	/* If memory is short: a cache without a shrinker. */
	own->registered = !register_shrinker(shrinker, "%s", own->name);
}

static inline void puzzlefs_free_shrinker(struct shrinker *shrinker)
{
	struct puzzlefs_shrinker *own =
		container_of(shrinker, struct puzzlefs_shrinker, shrinker);

	if (own->registered)
		unregister_shrinker(shrinker);
	kfree(own);
}
#endif

#ifndef HAVE_FSVERITY_GET_DIGEST
/* There is a function, but modules cannot call it. */
#undef CONFIG_FS_VERITY
#define fsverity_get_digest(inode, digest, number, algorithm) \
	((void)(algorithm), -EOPNOTSUPP)
#endif

#endif /* _PUZZLEFS_COMPAT_H */
