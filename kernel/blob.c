// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open blobs and their seek tables.
 *
 * A blob is opened with the first file that needs it. It stays open for a
 * while after the last such file has been closed, as small files share blobs.
 */
#include "blob.h"

#include <linux/fadvise.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/slab.h>

/* A store keeps this many blobs without users open. */
#define MAX_IDLE_BLOBS 64
/* A seek table of 8 million frames; a larger one is refused. */
#define MAX_TABLE_BYTES SZ_64M
/* Frames, and blobs to be verified, of more stored bytes are refused. */
#define MAX_STORED_BYTES (2 * PFS_MAX_FRAME_BYTES)

static u32 blob_key(const u8 *digest)
{
	u32 key;

	memcpy(&key, digest, sizeof(key));
	return key;
}

/* Under the store's lock. */
static struct puzzlefs_blob *find_blob(struct puzzlefs_store *store,
				       const u8 *digest, bool compressed,
				       const u8 *verity)
{
	struct puzzlefs_blob *blob;

	hash_for_each_possible(store->blobs, blob, node, blob_key(digest)) {
		if (blob->compressed == compressed &&
		    !memcmp(blob->digest, digest, PFS_DIGEST_BYTES) &&
		    !memcmp(blob->verity, verity, PFS_DIGEST_BYTES)) {
			if (!blob->users++) {
				list_del_init(&blob->idle);
				store->idle_count--;
			}
			return blob;
		}
	}
	return NULL;
}

static void free_blob(struct puzzlefs_blob *blob)
{
	puzzlefs_drop_frames(blob);
	fput(blob->file);
	kvfree(blob->stored);
	kvfree(blob->content);
	kfree(blob);
}

static struct puzzlefs_blob *open_blob(struct puzzlefs_store *store,
				       const u8 *digest, bool compressed,
				       const u8 *verity)
{
	struct puzzlefs_blob *blob;
	int err;

	blob = kzalloc(sizeof(*blob), GFP_KERNEL);
	if (!blob)
		return ERR_PTR(-ENOMEM);
	blob->file = puzzlefs_open_lower(store, digest);
	if (IS_ERR(blob->file)) {
		err = PTR_ERR(blob->file);
		kfree(blob);
		return ERR_PTR(err);
	}
	INIT_LIST_HEAD(&blob->idle);
	INIT_LIST_HEAD(&blob->cached);
	mutex_init(&blob->lock);
	memcpy(blob->digest, digest, PFS_DIGEST_BYTES);
	memcpy(blob->verity, verity, PFS_DIGEST_BYTES);
	blob->users = 1;
	blob->compressed = compressed;
	blob->store = store;
	blob->size = i_size_read(file_inode(blob->file));
	if (!compressed) {
		blob->content_size = blob->size;
		blob->ready = true;
	}
	if (store->verity) {
		err = puzzlefs_check_verity(blob->file, verity);
		if (err) {
			free_blob(blob);
			return ERR_PTR(err);
		}
	}
	return blob;
}

/**
 * puzzlefs_get_blob - get an open blob of a store
 * @store: the store
 * @digest: sha256 of the blob
 * @compressed: whether it has a seek table
 * @verity: required fs-verity digest, or zeros
 *
 * Looks the blob's name up if it is not open yet, see puzzlefs_open_lower().
 *
 * Return: the blob, to be released by puzzlefs_put_blob(), or an error
 * pointer.
 */
struct puzzlefs_blob *puzzlefs_get_blob(struct puzzlefs_store *store,
					const u8 *digest, bool compressed,
					const u8 *verity)
{
	struct puzzlefs_blob *blob, *other;

	spin_lock(&store->lock);
	blob = find_blob(store, digest, compressed, verity);
	spin_unlock(&store->lock);
	if (blob)
		return blob;

	blob = open_blob(store, digest, compressed, verity);
	if (IS_ERR(blob))
		return blob;
	spin_lock(&store->lock);
	other = find_blob(store, digest, compressed, verity);
	if (!other)
		hash_add(store->blobs, &blob->node, blob_key(digest));
	spin_unlock(&store->lock);
	if (!other)
		return blob;
	free_blob(blob);
	return other;
}

void puzzlefs_put_blob(struct puzzlefs_blob *blob)
{
	struct puzzlefs_blob *oldest = NULL;
	struct puzzlefs_store *store;

	if (!blob)
		return;
	store = blob->store;
	spin_lock(&store->lock);
	if (!--blob->users) {
		list_add_tail(&blob->idle, &store->idle);
		if (++store->idle_count > MAX_IDLE_BLOBS) {
			oldest = list_first_entry(&store->idle,
						  struct puzzlefs_blob, idle);
			list_del(&oldest->idle);
			hash_del(&oldest->node);
			store->idle_count--;
		}
	}
	spin_unlock(&store->lock);
	if (oldest)
		free_blob(oldest);
}

/* Frees all blobs of a store that has no users any more: all are idle. */
void puzzlefs_free_idle_blobs(struct puzzlefs_store *store)
{
	struct puzzlefs_blob *blob, *next;

	list_for_each_entry_safe(blob, next, &store->idle, idle)
		free_blob(blob);
}

static int bad_table(struct puzzlefs_blob *blob,
		     const struct puzzlefs_reader *reader,
		     const struct pfs_failure *failure)
{
	puzzlefs_report_blob(blob, reader, "%s at byte %llu",
			     pfs_rule_names[failure->rule], failure->offset);
	return -EIO;
}

static int parse_table(struct puzzlefs_blob *blob,
		       const struct puzzlefs_reader *reader,
		       struct pfs_bytes table, struct pfs_seek_footer footer)
{
	u64 room = (u64)footer.frames + 1;
	struct pfs_scratch_u53 stored = { .length = room };
	struct pfs_scratch_u53 content = { .length = room };
	struct pfs_failure failure;
	u64 content_size;

	stored.data = kvmalloc_array(room, sizeof(u64), GFP_KERNEL);
	content.data = kvmalloc_array(room, sizeof(u64), GFP_KERNEL);
	if (!stored.data || !content.data) {
		kvfree(stored.data);
		kvfree(content.data);
		return -ENOMEM;
	}
	if (!pfs_read_seek_table(table, footer, blob->size, stored, content,
				 &failure, &content_size)) {
		kvfree(stored.data);
		kvfree(content.data);
		return bad_table(blob, reader, &failure);
	}
	blob->stored = stored.data;
	blob->content = content.data;
	blob->frames = footer.frames;
	blob->content_size = content_size;
	return 0;
}

static int read_table(struct puzzlefs_blob *blob,
		      const struct puzzlefs_reader *reader)
{
	u8 bytes[PFS_SEEK_FOOTER_BYTES];
	u32 length = min_t(u64, blob->size, sizeof(bytes));
	struct pfs_seek_footer footer;
	struct pfs_failure failure;
	u8 *table;
	int err;

	/* Its frames are needed next: one read instead of three. */
	if (blob->size <= PUZZLEFS_SMALL_BLOB)
		vfs_fadvise(blob->file, 0, blob->size, POSIX_FADV_WILLNEED);
	err = puzzlefs_read_lower(blob->file, bytes, length,
				  blob->size - length);
	if (err)
		return err;
	if (!pfs_read_seek_footer((struct pfs_bytes) { bytes, length },
				  blob->size, &failure, &footer))
		return bad_table(blob, reader, &failure);
	if (footer.table_bytes > MAX_TABLE_BYTES) {
		puzzlefs_report_blob(blob, reader,
				     "seek table of %llu bytes is too large",
				     footer.table_bytes);
		return -EIO;
	}
	table = kvmalloc(footer.table_bytes, GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	err = puzzlefs_read_lower(blob->file, table, footer.table_bytes,
				  blob->size - footer.table_bytes);
	if (!err)
		err = parse_table(blob, reader,
				  (struct pfs_bytes) {
					table, footer.table_bytes },
				  footer);
	kvfree(table);
	return err;
}

/**
 * puzzlefs_ready_blob - read the blob's seek table unless it is in memory
 * @blob: the blob
 * @reader: the inode that needs it, for messages
 *
 * Return: 0, -EIO if the table is invalid, -ENOMEM, or the error of the read.
 */
int puzzlefs_ready_blob(struct puzzlefs_blob *blob,
			const struct puzzlefs_reader *reader)
{
	int err = 0;

	/* Pairs with the release below: the table is seen complete. */
	if (smp_load_acquire(&blob->ready))
		return 0;
	mutex_lock(&blob->lock);
	if (!blob->ready) {
		err = read_table(blob, reader);
		if (!err) {
			/* Pairs with the acquire above. */
			smp_store_release(&blob->ready, true);
		}
	}
	mutex_unlock(&blob->lock);
	return err;
}

/**
 * puzzlefs_find_extent - find what must be loaded to read a byte of a blob
 * @blob: the blob, ready
 * @offset: uncompressed offset of the byte, below the blob's content_size
 * @extent: result
 *
 * That is the frame that holds the byte; in a store that verifies, the whole
 * blob, whose digest covers its seek table too.
 *
 * Return: 0, -EFBIG if the extent is too large to be loaded, -EIO if no frame
 * holds the byte.
 */
int puzzlefs_find_extent(struct puzzlefs_blob *blob, u64 offset,
			 struct puzzlefs_extent *extent)
{
	u64 stored_length = blob->size;
	u64 length = blob->content_size;

	extent->content = 0;
	extent->stored = 0;
	if (!blob->store->verify) {
		struct pfs_scratch_u53 content = { blob->content,
						   blob->frames + 1ULL };
		u32 frame = pfs_find_frame(content, blob->frames, offset);

		if (frame >= blob->frames)
			return -EIO;
		extent->content = blob->content[frame];
		extent->stored = blob->stored[frame];
		length = blob->content[frame + 1] - extent->content;
		stored_length = blob->stored[frame + 1] - extent->stored;
	}
	if (length > PFS_MAX_FRAME_BYTES || stored_length > MAX_STORED_BYTES)
		return -EFBIG;
	extent->content_length = length;
	extent->stored_length = stored_length;
	return 0;
}
