// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extended attributes and POSIX access control lists.
 */
#include "internal.h"

#include <linux/capability.h>
#include <linux/posix_acl_xattr.h>
#include <linux/sched/signal.h>
#include <linux/xattr.h>

#define XATTRS_BETWEEN_PAUSES 1024

static struct pfs_xattr_list xattrs_of(struct inode *inode)
{
	struct pfs_inode record = PUZZLEFS_I(inode)->record.inode;

	return pfs_inode_additional_xattrs(pfs_inode_additional(record));
}

/* An inode of a hostile image may have millions. */
static int pause_at(u32 index)
{
	if (index % XATTRS_BETWEEN_PAUSES)
		return 0;
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* Returns 0, -ENODATA, or -EINTR if the task is killed. */
static int find_xattr(struct inode *inode, const char *name,
		      struct pfs_bytes *value)
{
	struct pfs_bytes key = { (const u8 *)name, strlen(name) };
	struct pfs_xattr_list xattrs = xattrs_of(inode);
	int err;
	u32 i;

	for (i = 0; i < xattrs.part.count; i++) {
		struct pfs_xattr xattr = pfs_xattr_at(xattrs, i);

		err = pause_at(i);
		if (err)
			return err;
		if (pfs_same_bytes(pfs_xattr_key(xattr), key)) {
			*value = pfs_xattr_val(xattr);
			return 0;
		}
	}
	return -ENODATA;
}

static int puzzlefs_xattr_get(const struct xattr_handler *handler,
			      struct dentry *dentry, struct inode *inode,
			      const char *name, void *buffer, size_t size)
{
	struct pfs_bytes value;
	int err;

	err = find_xattr(inode, xattr_full_name(handler, name), &value);
	if (err)
		return err;
	if (!size)
		return value.length;
	if (value.length > size)
		return -ERANGE;
	memcpy(buffer, value.data, value.length);
	return value.length;
}

static const struct xattr_handler user_handler = {
	.prefix	= XATTR_USER_PREFIX,
	.get	= puzzlefs_xattr_get,
};

static const struct xattr_handler trusted_handler = {
	.prefix	= XATTR_TRUSTED_PREFIX,
	.get	= puzzlefs_xattr_get,
};

static const struct xattr_handler security_handler = {
	.prefix	= XATTR_SECURITY_PREFIX,
	.get	= puzzlefs_xattr_get,
};

static const struct xattr_handler *const handlers[] = {
	&user_handler,
	&trusted_handler,
	&security_handler,
#ifdef CONFIG_FS_POSIX_ACL
	&nop_posix_acl_access,
	&nop_posix_acl_default,
#endif
	NULL,
};

void puzzlefs_set_xattr_handlers(struct super_block *sb)
{
	/* The cast is for 6.1, where this list is read but not const. */
	sb->s_xattr = (void *)handlers;
}

static bool starts_with(struct pfs_bytes key, struct pfs_bytes prefix)
{
	return key.length > prefix.length &&
	       pfs_same_bytes(pfs_slice(key, 0, prefix.length), prefix);
}

/* Names of other namespaces are not listed, as no handler would read them. */
static bool is_listed(struct pfs_bytes key)
{
	if (starts_with(key, PFS_TEXT(XATTR_TRUSTED_PREFIX)))
		return capable(CAP_SYS_ADMIN);
	if (IS_ENABLED(CONFIG_FS_POSIX_ACL) &&
	    (pfs_same_bytes(key, PFS_TEXT(XATTR_NAME_POSIX_ACL_ACCESS)) ||
	     pfs_same_bytes(key, PFS_TEXT(XATTR_NAME_POSIX_ACL_DEFAULT))))
		return true;
	return starts_with(key, PFS_TEXT(XATTR_USER_PREFIX)) ||
	       starts_with(key, PFS_TEXT(XATTR_SECURITY_PREFIX));
}

ssize_t puzzlefs_listxattr(struct dentry *dentry, char *buffer, size_t size)
{
	struct pfs_xattr_list xattrs = xattrs_of(d_inode(dentry));
	size_t used = 0;
	int err;
	u32 i;

	for (i = 0; i < xattrs.part.count; i++) {
		struct pfs_bytes key = pfs_xattr_key(pfs_xattr_at(xattrs, i));

		err = pause_at(i);
		if (err)
			return err;
		if (!is_listed(key))
			continue;
		if (buffer) {
			if (size - used < key.length + 1)
				return -ERANGE;
			memcpy(buffer + used, key.data, key.length);
			buffer[used + key.length] = '\0';
		}
		used += key.length + 1;
		/* The VFS lists no more. */
		if (used > XATTR_LIST_MAX)
			return -E2BIG;
	}
	return used;
}

struct posix_acl *puzzlefs_get_acl(struct inode *inode, int type, bool rcu)
{
#ifdef CONFIG_FS_POSIX_ACL
	const char *name = type == ACL_TYPE_ACCESS ?
			   XATTR_NAME_POSIX_ACL_ACCESS :
			   XATTR_NAME_POSIX_ACL_DEFAULT;
	struct pfs_bytes value;
	int err;

	if (rcu)
		return ERR_PTR(-ECHILD);
	err = find_xattr(inode, name, &value);
	if (err)
		return err == -ENODATA ? NULL : ERR_PTR(err);
	return posix_acl_from_xattr(inode->i_sb->s_user_ns, value.data,
				    value.length);
#else
	return NULL;
#endif
}
