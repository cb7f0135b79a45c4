// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blobs of a store. One exists as long as the content of an inode in memory
 * needs it. Its file is looked up by open(2), which pins the dentry; a file
 * that is missing is looked up again.
 */
#include "blob.h"
#include "trace.h"

#include <linux/dcache.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>

static const struct rhashtable_params blobs_params = {
	.key_len		= sizeof(struct puzzlefs_blob_id),
	.key_offset		= offsetof(struct puzzlefs_blob, id),
	.head_offset		= offsetof(struct puzzlefs_blob, node),
	.automatic_shrinking	= true,
};

int puzzlefs_init_blobs(struct puzzlefs_store *store)
{
	return rhashtable_init(&store->blobs, &blobs_params);
}

static struct puzzlefs_blob *new_blob(struct puzzlefs_store *store,
				      const struct puzzlefs_blob_id *id)
{
	struct puzzlefs_blob *blob;

	blob = kzalloc(sizeof(*blob), GFP_KERNEL_ACCOUNT);
	if (!blob)
		return NULL;
	blob->id = *id;
	blob->store = store;
	refcount_set(&blob->users, 1);
	INIT_LIST_HEAD(&blob->objects);
	return blob;
}

static struct puzzlefs_blob *find_blob(struct puzzlefs_store *store,
				       const struct puzzlefs_blob_id *id)
{
	struct puzzlefs_blob *blob;

	rcu_read_lock();
	blob = rhashtable_lookup(&store->blobs, id, blobs_params);
	if (blob && !refcount_inc_not_zero(&blob->users))
		blob = NULL;
	rcu_read_unlock();
	return blob;
}

/**
 * puzzlefs_get_blob - get a blob of a store
 * @store: the store
 * @id: which one
 *
 * Return: the blob, to be released by puzzlefs_put_blob(), or an error
 * pointer. Its file may not have been found yet.
 */
struct puzzlefs_blob *puzzlefs_get_blob(struct puzzlefs_store *store,
					const struct puzzlefs_blob_id *id)
{
	struct puzzlefs_blob *blob = find_blob(store, id);
	struct puzzlefs_blob *fresh;
	int err;

	if (blob)
		return blob;
	fresh = new_blob(store, id);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	do {
		err = rhashtable_lookup_insert_fast(&store->blobs, &fresh->node,
						    blobs_params);
		if (!err)
			return fresh;
		/* It exists, or is being removed by puzzlefs_put_blob(). */
		if (err == -EEXIST)
			blob = find_blob(store, id);
		cond_resched();
	} while (!blob && err == -EEXIST);
	kfree(fresh);
	return blob ? blob : ERR_PTR(-ENOMEM);
}

/**
 * puzzlefs_locate_blob - look a blob's file up, unless it has been found
 * @blob: the blob
 *
 * A file that could not be read is looked up too: it may have been replaced.
 * Must not be called where pages are read, see puzzlefs_find_lower().
 *
 * Return: 0 or the error of the look-up.
 */
int puzzlefs_locate_blob(struct puzzlefs_blob *blob)
{
	struct dentry *dentry, *old;

	if (puzzlefs_has_file(blob) &&
	    !test_bit(PUZZLEFS_BLOB_FAILED, &blob->flags))
		return 0;
	dentry = puzzlefs_find_lower(blob->store, blob->id.digest);
	if (IS_ERR(dentry)) {
		trace_puzzlefs_locate_blob(blob, PTR_ERR(dentry));
		return puzzlefs_has_file(blob) ? 0 : PTR_ERR(dentry);
	}
	clear_bit(PUZZLEFS_BLOB_FAILED, &blob->flags);
	old = puzzlefs_set_dentry(blob, dentry, i_size_read(d_inode(dentry)));
	if (old != dentry)
		clear_bit(PUZZLEFS_BLOB_REPORTED, &blob->flags);
	dput(old);
	trace_puzzlefs_locate_blob(blob, 0);
	return 0;
}

void puzzlefs_put_blob(struct puzzlefs_blob *blob)
{
	if (!blob || !refcount_dec_and_test(&blob->users))
		return;
	rhashtable_remove_fast(&blob->store->blobs, &blob->node, blobs_params);
	dput(puzzlefs_set_dentry(blob, NULL, 0));
	kfree_rcu(blob, rcu);
}
