/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stores, their blobs, and what is in memory of them: the lower half of the
 * driver, which knows neither images nor inodes. Calls go downward only:
 *
 *	store.c		stores: directories of blobs
 *	blob.c		blobs, found by name once
 *	table.c  frame.c  direct.c  handle.c
 *			their seek tables, frames, direct reads, open files
 *	object.c  buffer.c
 *			memory of these, with a limit and a shrinker
 *	lower.c, verity.c, zstd.c, sha256.c, message.c
 *			the lower filesystem, fs-verity, libraries, the log
 *
 * internal.h continues upward from here.
 */
#ifndef _PUZZLEFS_BLOB_H
#define _PUZZLEFS_BLOB_H

#include <linux/bvec.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/path.h>
#include <linux/ratelimit.h>
#include <linux/refcount.h>
#include <linux/rhashtable-types.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include "generated/format.h"
#include "message.h"

/* Blobs of at most this size are read ahead, and dropped, as a whole. */
#define PUZZLEFS_SMALL_BLOB SZ_1M

struct puzzlefs_store_kind {
	bool verify;			/* every blob against its sha256 */
	bool verity;			/* every blob against fs-verity */
	bool single;			/* used by one superblock only */
};

/*
 * A directory of blobs, accessed through a private mount and with the
 * mounter's credentials. Superblocks with the same directory, credentials and
 * verification share one store, and so its blobs.
 */
struct puzzlefs_store {
	struct list_head stores;
	unsigned int users;		/* under stores_lock */
	struct path root;		/* of the private mount, owned */
	struct vfsmount *pages;		/* of hidden inodes, see share.c */
	const struct cred *cred;
	struct puzzlefs_store_kind kind;
	struct rhashtable blobs;	/* by id */
	struct ratelimit_state messages;
	atomic_long_t under_way;	/* bytes for workers, see window.c */
	atomic_long_t errors;		/* reported ones, and suppressed ones */
	atomic_long_t verify_failures;
};

/*
 * Hashed and compared as bytes: there is no padding. Where a slice is belongs
 * to its identity: only verify=blob compares its bytes with its digest.
 */
struct puzzlefs_blob_id {
	u8 digest[PFS_DIGEST_BYTES];
	u8 verity[PFS_DIGEST_BYTES];	/* required digest, or zeros */
	u64 compressed;			/* 0 or 1 */
	u64 size;			/* of a slice, or 0 */
	/* What follows is zero unless it is a slice, or as noted. */
	u8 pack[PFS_DIGEST_BYTES];
	u8 pack_verity[PFS_DIGEST_BYTES];
	u64 pack_size;			/* also of a pack */
	u64 base;			/* of a slice in its pack */
};

/*
 * A blob that an inode in memory needs, whether or not its file exists. It is a
 * file, or a slice of a file, which is then a blob too: the pack.
 */
struct puzzlefs_blob {
	struct rhash_head node;
	struct rcu_head rcu;
	struct puzzlefs_blob_id id;
	refcount_t users;
	unsigned long flags;		/* bits of enum puzzlefs_blob_flag */
	struct puzzlefs_store *store;
	struct puzzlefs_blob *pack;	/* of a slice */
	struct puzzlefs_blob *loose;	/* of a slice whose pack is missing */

	/* Under objects_lock; dentry is published after size. */
	struct dentry *dentry;		/* pinned; NULL: not found, or a slice */
	u64 size;			/* stored bytes */
	unsigned int generation;	/* counts the files that it has had */
	struct list_head objects;
};

enum puzzlefs_blob_flag {
	PUZZLEFS_BLOB_REPORTED,		/* an error of it has been logged */
	PUZZLEFS_BLOB_FAILED,		/* to be looked up again */
	PUZZLEFS_BLOB_CACHED,		/* others have pages of its file */
	PUZZLEFS_BLOB_BUFFERED,		/* direct reads are impossible */
};

/* The blob that is the file. */
static inline struct puzzlefs_blob *
puzzlefs_file_blob(struct puzzlefs_blob *blob)
{
	return blob->pack ? blob->pack : blob;
}

/* Whether the file was there when it was last looked up. */
static inline bool puzzlefs_has_file(struct puzzlefs_blob *blob)
{
	/* Pairs with the release in puzzlefs_set_dentry(). */
	return smp_load_acquire(&puzzlefs_file_blob(blob)->dentry);
}

/* The blob to read instead of a slice whose pack is missing; else the same. */
static inline struct puzzlefs_blob *
puzzlefs_readable_blob(struct puzzlefs_blob *blob)
{
	struct puzzlefs_blob *loose;

	if (!blob->pack || puzzlefs_has_file(blob))
		return blob;
	/* Pairs with cmpxchg() in get_loose(). */
	loose = smp_load_acquire(&blob->loose);
	return loose ? loose : blob;
}

/* The inode for which a blob is read, for messages. */
struct puzzlefs_reader {
	char mount[sizeof_field(struct super_block, s_id)];
	u64 ino;
	bool quiet;	/* a missing blob may be about to arrive */
};

/* A part of a blob that is loaded as a whole, see puzzlefs_find_extent(). */
struct puzzlefs_extent {
	u64 content;			/* uncompressed offset */
	u64 stored;			/* offset in the blob */
	u32 content_length;
	u32 stored_length;
	u32 index;			/* of the frame */
};

/* Where an object is loaded from. */
struct puzzlefs_source {
	const struct puzzlefs_extent *extent;	/* of a frame */
	struct puzzlefs_direct *direct;	/* may have its bytes; NULL: none has */
	unsigned int generation;	/* of the file that is corrupt */
};

/* Bytes that one direct read takes at most. */
#define PUZZLEFS_MAX_DIRECT SZ_1M
#define PUZZLEFS_MAX_PIECES 20

/* Memory that is read into, see buffer.c. */
struct puzzlefs_buffer {
	unsigned int count;
	unsigned long pooled;		/* bits: pieces from the pool */
	bool keep;			/* for longer than one read */
	u8 *map;			/* of all pieces, or NULL */
	struct bio_vec pieces[PUZZLEFS_MAX_PIECES];
};

/* Indices of objects that are no frames. */
#define PUZZLEFS_TABLE_INDEX (U32_MAX - 1)
#define PUZZLEFS_FILE_INDEX U32_MAX

/* A part of a blob in memory: a frame, the seek table, or the open file. */
struct puzzlefs_object {
	struct hlist_node node;		/* by blob and index */
	struct list_head of_blob;
	struct list_head idle;		/* without users: oldest first */
	struct puzzlefs_blob *blob;
	u32 index;			/* of the frame, or one of the above */
	unsigned int users;		/* under objects_lock */
	unsigned int generation;	/* of the file */
	struct mutex lock;		/* held while it is loaded */
	bool loaded;			/* what follows is valid */
	int error;
	size_t bytes;			/* real memory that it takes */
	struct puzzlefs_buffer *buffer;	/* has the frame, or NULL */
	union {
		const u8 *frame;	/* decompressed and verified */
		struct puzzlefs_table *table;
		struct file *file;
	};
};

/* What is loaded of the blobs of a store. */
struct puzzlefs_counts {
	unsigned long files;
	unsigned long tables;
	unsigned long frames;
	u64 table_bytes;
	u64 frame_bytes;
};

/* Where the frames of a blob are. */
struct puzzlefs_table {
	u64 content_size;		/* uncompressed bytes */
	u32 frames;
	u64 starts[];			/* stored, then content; frames + 1 */
};

/* store.c */
struct puzzlefs_store *puzzlefs_get_store(const struct path *root,
					  struct puzzlefs_store_kind kind,
					  struct file_system_type *pages);
void puzzlefs_put_store(struct puzzlefs_store *store);
int puzzlefs_setup_readahead(struct super_block *sb);

/* blob.c */
int puzzlefs_init_blobs(struct puzzlefs_store *store);
struct puzzlefs_blob *puzzlefs_get_blob(struct puzzlefs_store *store,
					const struct puzzlefs_blob_id *id);
int puzzlefs_locate_blob(struct puzzlefs_blob *blob,
			 const struct puzzlefs_reader *reader);
void puzzlefs_put_blob(struct puzzlefs_blob *blob);

/* table.c */
struct puzzlefs_object *puzzlefs_get_table(struct puzzlefs_blob *blob,
					   const struct puzzlefs_reader *reader,
					   struct puzzlefs_direct *direct);
int puzzlefs_find_extent(const struct puzzlefs_blob *blob,
			 struct puzzlefs_table *table, u64 offset,
			 struct puzzlefs_extent *extent);

/* frame.c */
struct puzzlefs_object *
puzzlefs_get_frame(struct puzzlefs_blob *blob,
		   const struct puzzlefs_reader *reader,
		   const struct puzzlefs_source *source);
int puzzlefs_read_frame(struct puzzlefs_blob *blob,
			const struct puzzlefs_reader *reader,
			const struct puzzlefs_source *source, u8 *to);

/* direct.c */
bool puzzlefs_is_direct(const struct puzzlefs_blob *blob,
			const struct file *file);
struct puzzlefs_direct *
puzzlefs_begin_direct(struct puzzlefs_blob *blob,
		      const struct puzzlefs_reader *reader, u64 pos,
		      size_t length, bool keep);
bool puzzlefs_copy_direct(struct puzzlefs_direct *direct,
			  struct puzzlefs_blob *blob, u64 offset,
			  size_t length, struct iov_iter *to);
const u8 *puzzlefs_direct_bytes(struct puzzlefs_direct *direct,
				struct puzzlefs_blob *blob, u64 offset,
				size_t length);
struct puzzlefs_buffer *puzzlefs_take_buffer(struct puzzlefs_direct *direct);
void puzzlefs_end_direct(struct puzzlefs_direct *direct);
int puzzlefs_read_stored(struct puzzlefs_blob *blob,
			 const struct puzzlefs_reader *reader,
			 struct puzzlefs_direct *direct, u64 offset, u8 *bytes,
			 size_t length);

/* handle.c */
struct puzzlefs_object *puzzlefs_get_file(struct puzzlefs_blob *blob,
					  const struct puzzlefs_reader *reader);

/* object.c */
typedef int puzzlefs_load_t(struct puzzlefs_object *object,
			    const struct puzzlefs_reader *reader,
			    const struct puzzlefs_source *source);
struct puzzlefs_object *
puzzlefs_get_object(struct puzzlefs_blob *blob, u32 index,
		    puzzlefs_load_t *load, const struct puzzlefs_reader *reader,
		    const struct puzzlefs_source *source);
bool puzzlefs_is_loaded(struct puzzlefs_blob *blob, u32 index);
void puzzlefs_put_object(struct puzzlefs_object *object);
struct puzzlefs_counts
puzzlefs_count_objects(const struct puzzlefs_store *store);
struct dentry *puzzlefs_get_dentry(struct puzzlefs_blob *blob);
struct dentry *puzzlefs_set_dentry(struct puzzlefs_blob *blob,
				   struct dentry *dentry, u64 size);
int puzzlefs_init_objects(void);
void puzzlefs_exit_objects(void);

/* buffer.c */
struct puzzlefs_buffer *puzzlefs_alloc_buffer(size_t length, bool keep);
void puzzlefs_free_buffer(struct puzzlefs_buffer *buffer);
const u8 *puzzlefs_buffer_bytes(struct puzzlefs_buffer *buffer, size_t skip,
				size_t length);
bool puzzlefs_copy_buffer(const struct puzzlefs_buffer *buffer, size_t skip,
			  size_t length, struct iov_iter *to);
size_t puzzlefs_buffer_size(const struct puzzlefs_buffer *buffer);
unsigned long puzzlefs_count_blocks(void);
unsigned long puzzlefs_free_blocks(void);

/* lower.c */
struct dentry *puzzlefs_find_lower(const struct puzzlefs_store *store,
				   const u8 *digest);
struct file *puzzlefs_open_lower(const struct puzzlefs_store *store,
				 struct dentry *dentry);
int puzzlefs_read_lower(struct file *file, void *buffer, size_t length,
			u64 offset);
bool puzzlefs_is_transient(int err);
int puzzlefs_rule_error(const struct pfs_failure *failure);

/* verity.c */
bool puzzlefs_has_verity(void);
int puzzlefs_check_verity(struct file *file, const u8 *expected);

/* zstd.c */
int puzzlefs_decompress(void *content, size_t length, const void *stored,
			size_t stored_length);
unsigned long puzzlefs_free_contexts(void);
unsigned long puzzlefs_count_contexts(void);

/* sha256.c */
int puzzlefs_sha256(const void *data, size_t length, u8 *digest);
struct puzzlefs_sha256 *puzzlefs_begin_sha256(void);
int puzzlefs_add_sha256(struct puzzlefs_sha256 *sha256, const void *data,
			size_t length);
int puzzlefs_end_sha256(struct puzzlefs_sha256 *sha256, int err, u8 *digest);
int puzzlefs_init_sha256(void);
void puzzlefs_exit_sha256(void);

#endif /* _PUZZLEFS_BLOB_H */
