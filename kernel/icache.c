// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of inodes, both visible ones and hidden ones with shared pages.
 */
#include "internal.h"

#include <linux/slab.h>

static struct kmem_cache *inode_cache;

struct inode *puzzlefs_alloc_inode(struct super_block *sb)
{
	struct puzzlefs_inode *pi;

	pi = alloc_inode_sb(sb, inode_cache, GFP_KERNEL);
	if (!pi)
		return NULL;
	pi->content = NULL;
	pi->host = NULL;
	pi->compressed = false;
	return &pi->vfs_inode;
}

/* Called after a grace period: no RCU walk uses the inode any more. */
void puzzlefs_free_inode(struct inode *inode)
{
	if (S_ISLNK(inode->i_mode))
		kfree(inode->i_link);
	kmem_cache_free(inode_cache, PUZZLEFS_I(inode));
}

static void init_once(void *inode)
{
	inode_init_once(&((struct puzzlefs_inode *)inode)->vfs_inode);
}

int __init puzzlefs_init_inodes(void)
{
	inode_cache = kmem_cache_create("puzzlefs_inode",
					sizeof(struct puzzlefs_inode), 0,
					SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT,
					init_once);
	return inode_cache ? 0 : -ENOMEM;
}

void puzzlefs_exit_inodes(void)
{
	/* Inodes are freed after a grace period. */
	rcu_barrier();
	kmem_cache_destroy(inode_cache);
}
