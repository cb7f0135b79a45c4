/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lives in memory while images are mounted. The format itself is in
 * generated/format.h, and only the code generated with it reads image memory.
 *
 * superblock -> image (metadata in memory, checked once)
 *            -> store (a directory of blobs) -> blobs -> frames
 * inode -> hidden inode with the pages -> content (the runs of an open file)
 *       -> blobs of the store
 */
#ifndef _PUZZLEFS_INTERNAL_H
#define _PUZZLEFS_INTERNAL_H

#undef pr_fmt
#define pr_fmt(fmt) "puzzlefs: " fmt

#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/path.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include "generated/format.h"

/* What statfs tells: "puzz". */
#define PUZZLEFS_MAGIC 0x7a7a7570

/* Blobs of at most this size are fetched, and dropped, as one. */
#define PUZZLEFS_SMALL_BLOB SZ_1M

/*
 * A directory of blobs, seen through a private mount and with the credentials of
 * whoever mounted it. Superblocks of the same directory, credentials and
 * verification share one, and so the blobs that it has open.
 */
struct puzzlefs_store {
	struct list_head stores;
	u64 id;				/* never used again */
	unsigned int users;		/* under stores_lock */
	struct path root;		/* of the private mount, which it owns */
	const struct cred *cred;
	bool verify;			/* every chunk against its sha256 */
	bool verity;			/* every blob against its fs-verity digest */

	spinlock_t lock;		/* guards what follows */
	DECLARE_HASHTABLE(blobs, 10);
	struct list_head idle;		/* blobs without users, oldest first */
	unsigned int idle_count;
};

/* A blob of a store, open. */
struct puzzlefs_blob {
	struct hlist_node node;
	struct list_head idle;
	unsigned int users;		/* under the store's lock */
	u8 digest[PFS_DIGEST_BYTES];
	u8 verity[PFS_DIGEST_BYTES];	/* what was demanded; else zeros */
	bool compressed;
	bool reported;			/* one line in the log is enough */
	bool ready;			/* what follows is known */
	struct puzzlefs_store *store;
	struct file *file;
	u64 size;			/* bytes as stored */

	struct mutex lock;		/* guards reading the seek table */
	u64 content_size;		/* bytes uncompressed */
	u32 frames;
	u64 *stored;			/* where each frame starts; frames + 1 */
	u64 *content;			/* the same, uncompressed */
	struct list_head cached;	/* frames in memory; under frames_lock */
};

/*
 * What is decompressed or checked at once: a frame, or, where every chunk is
 * verified, a chunk.
 */
struct puzzlefs_unit {
	u64 content;			/* where it starts, uncompressed */
	u64 stored;			/* where it starts in the blob */
	u32 content_length;
	u32 stored_length;
	const u8 *digest;		/* sha256 of the stored bytes, or NULL */
};

/* A unit in memory. */
struct puzzlefs_frame {
	struct list_head blob;		/* in its blob's cached */
	struct list_head idle;		/* least recently used first */
	unsigned int users;
	struct mutex lock;		/* held while it is brought in */
	int error;
	u64 content;
	u32 length;
	bool checked;
	u8 digest[PFS_DIGEST_BYTES];
	u8 *data;
};

/* A chunk to be verified: where it lies in its blob, uncompressed. */
struct puzzlefs_check {
	u64 offset;
	u64 length;			/* 0: the whole blob, as it is stored */
	u8 digest[PFS_DIGEST_BYTES];
};

/* A run of a file: ends where the next one starts. */
struct puzzlefs_run {
	u64 start;			/* in the file */
	u64 offset;			/* in the blob, uncompressed */
	struct puzzlefs_blob *blob;	/* NULL: a hole, or cannot be read */
	u32 next;			/* first run after this of the other kind */
	bool hole;			/* zeros, in no blob */
};

/* Where the bytes of an open file are. */
struct puzzlefs_content {
	unsigned int users;		/* under the inode's i_lock */
	struct puzzlefs_store *store;
	u64 ino;
	u32 count;
	struct puzzlefs_check *checks;	/* one a run, or NULL */
	struct puzzlefs_run runs[];	/* count + 1 */
};

/* The metadata of an image, every rule of it checked. */
struct puzzlefs_image {
	struct pfs_bytes bytes;
	u32 *starts;
	struct pfs_message message;
	struct pfs_rootfs rootfs;
	struct pfs_summary summary;
	u64 content_bytes;		/* sizes of all files */
	u8 zeros[PFS_DIGEST_BYTES];	/* of the blob that holes refer to */
	bool has_holes;			/* it is among the image's blobs */
	u32 *links;			/* by ordinal of the inode record */
	u64 *parents;
	struct pfs_scratch_u32 index;	/* of names that are not sorted */
};

struct puzzlefs_sb_info {
	char *oci_root_dir;		/* as it was given */
	u8 manifest[PFS_DIGEST_BYTES];
	u8 verity[PFS_DIGEST_BYTES];
	bool has_manifest;
	bool has_verity;
	unsigned int verify;
	struct puzzlefs_store *store;
	struct puzzlefs_image image;
};

struct puzzlefs_inode {
	struct inode vfs_inode;
	union {
		struct {
			u64 ino;	/* i_ino is narrower on 32 bits */
			u64 ordinal;
			struct pfs_inode record;
		};
		u8 key[PFS_DIGEST_BYTES]; /* of a hidden inode, see share.c */
	};
	struct inode *shared;		/* the hidden inode with the pages */
	struct puzzlefs_content *content;
};

static inline struct puzzlefs_sb_info *PUZZLEFS_SB(const struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct puzzlefs_inode *PUZZLEFS_I(struct inode *inode)
{
	return container_of(inode, struct puzzlefs_inode, vfs_inode);
}

static inline struct pfs_rootfs puzzlefs_rootfs(const struct super_block *sb)
{
	return PUZZLEFS_SB(sb)->image.rootfs;
}

/* super.c */
extern struct file_system_type puzzlefs_fs_type;
int puzzlefs_setup_readahead(struct super_block *sb);

/* image.c */
int puzzlefs_load_image(struct puzzlefs_sb_info *sbi, struct fs_context *fc);
void puzzlefs_free_image(struct puzzlefs_image *image);

/* store.c */
struct puzzlefs_store *puzzlefs_get_store(const struct path *root, bool verify,
					  bool verity);
void puzzlefs_put_store(struct puzzlefs_store *store);
struct file *puzzlefs_open_stored(const struct puzzlefs_store *store,
				  const u8 *digest);
int puzzlefs_read_stored(struct file *file, void *buffer, size_t length,
			 u64 offset);

/* blob.c */
struct puzzlefs_blob *puzzlefs_get_blob(struct puzzlefs_store *store,
					const u8 *digest, bool compressed,
					const u8 *verity);
void puzzlefs_put_blob(struct puzzlefs_blob *blob);
void puzzlefs_free_idle_blobs(struct puzzlefs_store *store);
int puzzlefs_ready_blob(struct puzzlefs_blob *blob, u64 ino);
int puzzlefs_find_unit(struct puzzlefs_blob *blob, u64 offset,
		       const struct puzzlefs_check *check,
		       struct puzzlefs_unit *unit);
__printf(3, 4)
void puzzlefs_report_blob(struct puzzlefs_blob *blob, u64 ino, const char *fmt, ...);

/* frame.c */
struct puzzlefs_frame *puzzlefs_get_frame(struct puzzlefs_blob *blob, u64 ino,
					  const struct puzzlefs_unit *unit);
void puzzlefs_put_frame(struct puzzlefs_frame *frame);
void puzzlefs_drop_frames(struct puzzlefs_blob *blob);
int puzzlefs_init_frames(void);
void puzzlefs_exit_frames(void);

/* zstd.c */
int puzzlefs_decompress(void *content, size_t length, const void *stored,
			size_t stored_length);
void puzzlefs_exit_zstd(void);

/* sha256.c */
int puzzlefs_sha256(const void *data, size_t length, u8 *digest);
int puzzlefs_init_sha256(void);
void puzzlefs_exit_sha256(void);

/* verity.c */
bool puzzlefs_has_verity(void);
int puzzlefs_check_verity(struct file *file, const u8 *expected);

/* content.c */
struct puzzlefs_content *puzzlefs_open_content(struct inode *inode,
					       struct inode **host);
struct puzzlefs_content *puzzlefs_get_content(struct inode *host);
void puzzlefs_put_content(struct inode *host, struct puzzlefs_content *content);

/* share.c */
struct inode *puzzlefs_get_shared(const struct puzzlefs_content *content);
int puzzlefs_init_shared(void);
void puzzlefs_exit_shared(void);

/* data.c */
extern const struct address_space_operations puzzlefs_aops;
u32 puzzlefs_find_run(const struct puzzlefs_content *content, u64 pos);

/* file.c */
extern const struct file_operations puzzlefs_file_fops;

/* inode.c */
struct inode *puzzlefs_iget(struct super_block *sb, u64 ino);
struct inode *puzzlefs_alloc_inode(struct super_block *sb);
void puzzlefs_free_inode(struct inode *inode);
void puzzlefs_evict_inode(struct inode *inode);
int puzzlefs_init_inodes(void);
void puzzlefs_exit_inodes(void);

/* dir.c */
extern const struct file_operations puzzlefs_dir_fops;
extern const struct inode_operations puzzlefs_dir_iops;

/* xattr.c */
struct posix_acl *puzzlefs_get_acl(struct inode *inode, int type, bool rcu);
ssize_t puzzlefs_listxattr(struct dentry *dentry, char *buffer, size_t size);
void puzzlefs_set_xattr_handlers(struct super_block *sb);

/* export.c */
extern const struct export_operations puzzlefs_export_ops;

#endif /* _PUZZLEFS_INTERNAL_H */
