/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stores, their open blobs, and decompressed frames: the lower half of the
 * driver, which knows neither images nor inodes. Calls go downward only:
 *
 *	store.c		stores: directories of blobs
 *	blob.c		open blobs and their seek tables
 *	frame.c		decompressed frames and verified blobs, in memory
 *	lower.c, verity.c, zstd.c, sha256.c, message.c
 *			the lower filesystem, fs-verity, libraries, the log
 *
 * internal.h continues upward from here.
 */
#ifndef _PUZZLEFS_BLOB_H
#define _PUZZLEFS_BLOB_H

#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/path.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include "generated/format.h"
#include "message.h"

/* Blobs of at most this size are read ahead, and dropped, as a whole. */
#define PUZZLEFS_SMALL_BLOB SZ_1M

/*
 * A directory of blobs, accessed through a private mount and with the
 * mounter's credentials. Superblocks with the same directory, credentials and
 * verification share one store, and so its open blobs.
 */
struct puzzlefs_store {
	struct list_head stores;
	u64 id;				/* never reused */
	unsigned int users;		/* under stores_lock */
	struct path root;		/* of the private mount, owned */
	const struct cred *cred;
	bool verify;			/* every blob against its sha256 */
	bool verity;			/* every blob against fs-verity */

	spinlock_t lock;		/* guards what follows */
	DECLARE_HASHTABLE(blobs, 10);
	struct list_head idle;		/* blobs without users, oldest first */
	unsigned int idle_count;
};

/* An open blob of a store. */
struct puzzlefs_blob {
	struct hlist_node node;
	struct list_head idle;
	unsigned int users;		/* under the store's lock */
	u8 digest[PFS_DIGEST_BYTES];
	u8 verity[PFS_DIGEST_BYTES];	/* required digest, or zeros */
	bool compressed;
	bool reported;			/* an error of it has been logged */
	bool ready;			/* what follows is valid */
	struct puzzlefs_store *store;
	struct file *file;
	u64 size;			/* stored bytes */

	struct mutex lock;		/* serializes reading the seek table */
	u64 content_size;		/* uncompressed bytes */
	u32 frames;
	u64 *stored;			/* start of each frame; frames + 1 */
	u64 *content;			/* the same, uncompressed */
	struct list_head cached;	/* frames; under frames_lock */
};

/* The inode for which a blob is read, for messages. */
struct puzzlefs_reader {
	char mount[sizeof_field(struct super_block, s_id)];
	u64 ino;
};

/* A part of a blob that is loaded as a whole, see puzzlefs_find_extent(). */
struct puzzlefs_extent {
	u64 content;			/* uncompressed offset */
	u64 stored;			/* offset in the blob */
	u32 content_length;
	u32 stored_length;
};

/* An extent in memory, decompressed and verified. */
struct puzzlefs_frame {
	struct list_head blob;		/* in its blob's cached */
	struct list_head idle;		/* least recently used first */
	unsigned int users;		/* under frames_lock */
	struct mutex lock;		/* held while it is loaded */
	int error;
	u64 content;
	u32 length;
	u8 *data;
};

/* store.c */
struct puzzlefs_store *puzzlefs_get_store(const struct path *root, bool verify,
					  bool verity);
void puzzlefs_put_store(struct puzzlefs_store *store);

/* blob.c */
struct puzzlefs_blob *puzzlefs_get_blob(struct puzzlefs_store *store,
					const u8 *digest, bool compressed,
					const u8 *verity);
void puzzlefs_put_blob(struct puzzlefs_blob *blob);
void puzzlefs_free_idle_blobs(struct puzzlefs_store *store);
int puzzlefs_ready_blob(struct puzzlefs_blob *blob,
			const struct puzzlefs_reader *reader);
int puzzlefs_find_extent(struct puzzlefs_blob *blob, u64 offset,
			 struct puzzlefs_extent *extent);

/* frame.c */
struct puzzlefs_frame *puzzlefs_get_frame(struct puzzlefs_blob *blob,
					  const struct puzzlefs_reader *reader,
					  const struct puzzlefs_extent *extent);
void puzzlefs_put_frame(struct puzzlefs_frame *frame);
void puzzlefs_drop_frames(struct puzzlefs_blob *blob);
int puzzlefs_init_frames(void);
void puzzlefs_exit_frames(void);

/* lower.c */
struct file *puzzlefs_open_lower(const struct puzzlefs_store *store,
				 const u8 *digest);
int puzzlefs_read_lower(struct file *file, void *buffer, size_t length,
			u64 offset);

/* verity.c */
bool puzzlefs_has_verity(void);
int puzzlefs_check_verity(struct file *file, const u8 *expected);

/* zstd.c */
int puzzlefs_decompress(void *content, size_t length, const void *stored,
			size_t stored_length);
void puzzlefs_exit_zstd(void);

/* sha256.c */
int puzzlefs_sha256(const void *data, size_t length, u8 *digest);
int puzzlefs_init_sha256(void);
void puzzlefs_exit_sha256(void);

#endif /* _PUZZLEFS_BLOB_H */
