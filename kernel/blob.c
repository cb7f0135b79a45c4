// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blobs of a store. One exists as long as the content of an inode in memory
 * needs it. Its file is looked up by open(2), which pins the dentry; a file
 * that is missing is looked up again. A slice is read from its pack, or, as
 * long as the pack is missing, from a file of its own.
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
	blob->size = id->size;
	refcount_set(&blob->users, 1);
	INIT_LIST_HEAD(&blob->objects);
	return blob;
}

static void free_blob(struct puzzlefs_blob *blob)
{
	puzzlefs_put_blob(blob->pack);
	puzzlefs_put_blob(blob->loose);
	kfree_rcu(blob, rcu);
}

/* Gets the pack of a new slice. */
static int set_pack(struct puzzlefs_blob *blob)
{
	struct puzzlefs_blob_id id = { .pack_size = blob->id.pack_size };
	struct puzzlefs_blob *pack;

	memcpy(id.digest, blob->id.pack, PFS_DIGEST_BYTES);
	memcpy(id.verity, blob->id.pack_verity, PFS_DIGEST_BYTES);
	pack = puzzlefs_get_blob(blob->store, &id);
	if (IS_ERR(pack))
		return PTR_ERR(pack);
	blob->pack = pack;
	return 0;
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
	err = id->size ? set_pack(fresh) : 0;
	while (!blob && !err) {
		err = rhashtable_lookup_insert_fast(&store->blobs, &fresh->node,
						    blobs_params);
		if (!err)
			return fresh;
		if (err != -EEXIST)
			break;
		/* It exists, or is being removed by puzzlefs_put_blob(). */
		blob = find_blob(store, id);
		err = 0;
		cond_resched();
	}
	free_blob(fresh);
	return blob ? blob : ERR_PTR(-ENOMEM);
}

/* Looks up a file, which is no slice, unless it has been found. */
static int locate_file(struct puzzlefs_blob *blob,
		       const struct puzzlefs_reader *reader)
{
	struct dentry *dentry, *old;
	u64 size;

	if (puzzlefs_has_file(blob) &&
	    !test_bit(PUZZLEFS_BLOB_FAILED, &blob->flags))
		return 0;
	dentry = puzzlefs_find_lower(blob->store, blob->id.digest);
	if (IS_ERR(dentry)) {
		trace_puzzlefs_locate_blob(blob, PTR_ERR(dentry));
		return puzzlefs_has_file(blob) ? 0 : PTR_ERR(dentry);
	}
	size = i_size_read(d_inode(dentry));
	if (blob->id.pack_size && size != blob->id.pack_size) {
		puzzlefs_report_blob(blob, reader,
				     "it has %llu bytes instead of %llu", size,
				     blob->id.pack_size);
		dput(dentry);
		return puzzlefs_has_file(blob) ? 0 : -EUCLEAN;
	}
	clear_bit(PUZZLEFS_BLOB_FAILED, &blob->flags);
	old = puzzlefs_set_dentry(blob, dentry, size);
	if (old != dentry)
		clear_bit(PUZZLEFS_BLOB_REPORTED, &blob->flags);
	dput(old);
	trace_puzzlefs_locate_blob(blob, 0);
	return 0;
}

/* Gets the blob that is a file of a slice's own. */
static struct puzzlefs_blob *get_loose(struct puzzlefs_blob *blob)
{
	struct puzzlefs_blob_id id = { .compressed = blob->id.compressed };
	/* Pairs with cmpxchg() below. */
	struct puzzlefs_blob *loose = smp_load_acquire(&blob->loose);
	struct puzzlefs_blob *other;

	if (loose)
		return loose;
	memcpy(id.digest, blob->id.digest, PFS_DIGEST_BYTES);
	memcpy(id.verity, blob->id.verity, PFS_DIGEST_BYTES);
	loose = puzzlefs_get_blob(blob->store, &id);
	if (IS_ERR(loose))
		return loose;
	other = cmpxchg(&blob->loose, NULL, loose);
	if (!other)
		return loose;
	puzzlefs_put_blob(loose);
	return other;
}

static int locate_slice(struct puzzlefs_blob *blob,
			const struct puzzlefs_reader *reader)
{
	struct puzzlefs_blob *loose = READ_ONCE(blob->loose);
	int err;

	if (test_and_clear_bit(PUZZLEFS_BLOB_FAILED, &blob->flags)) {
		set_bit(PUZZLEFS_BLOB_FAILED, &blob->pack->flags);
		if (loose)
			set_bit(PUZZLEFS_BLOB_FAILED, &loose->flags);
	}
	err = locate_file(blob->pack, reader);
	if (err != -ENOENT)
		return err;
	loose = get_loose(blob);
	if (IS_ERR(loose))
		return PTR_ERR(loose);
	return locate_file(loose, reader);
}

/**
 * puzzlefs_locate_blob - look a blob's file up, unless it has been found
 * @blob: the blob
 * @reader: the inode that needs it, for messages
 *
 * A file that could not be read is looked up too: it may have been replaced.
 * Must not be called where pages are read, see puzzlefs_find_lower().
 *
 * Return: 0, or the error of the look-up, which has been logged, unless it is
 * transient or the reader is quiet.
 */
int puzzlefs_locate_blob(struct puzzlefs_blob *blob,
			 const struct puzzlefs_reader *reader)
{
	int err = blob->pack ? locate_slice(blob, reader) :
		  locate_file(blob, reader);

	if (err && !puzzlefs_is_transient(err) && !reader->quiet)
		puzzlefs_report_blob(puzzlefs_file_blob(blob), reader,
				     "cannot be opened: %pe", ERR_PTR(err));
	return err;
}

void puzzlefs_put_blob(struct puzzlefs_blob *blob)
{
	if (!blob || !refcount_dec_and_test(&blob->users))
		return;
	rhashtable_remove_fast(&blob->store->blobs, &blob->node, blobs_params);
	dput(puzzlefs_set_dentry(blob, NULL, 0));
	free_blob(blob);
}
