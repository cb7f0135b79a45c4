/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Images, superblocks, inodes and open files. The format itself is in
 * generated/format.h, and only the code generated with it parses images.
 *
 * superblock -> image (metadata in memory, validated once)
 *            -> store (a directory of blobs) -> blobs -> frames
 * inode -> hidden inode with the pages -> content (the runs of the file)
 *       -> blobs of the store
 *
 * Calls go downward only. The exceptions are tables of operations, which the
 * code that makes an inode hands to the VFS.
 *
 *	super.c			mount options, superblocks, the module
 *	export.c  dir.c		file handles; look-up and listing
 *	inode.c			inodes made from their records
 *	file.c  xattr.c		open, seek; attributes and ACLs
 *	share.c			one page cache for files with equal content
 *	data.c  run.c		from blobs into the page cache
 *	content.c  icache.c	runs of files; memory of inodes
 *	image.c  places.c  whole.c
 *				manifest, metadata, place table: read, checked
 *	blob.h			stores, blobs, frames, and what they depend on
 */
#ifndef _PUZZLEFS_INTERNAL_H
#define _PUZZLEFS_INTERNAL_H

#include <linux/fs.h>
#include <linux/fs_context.h>
#include "blob.h"

/* The type that statfs(2) returns: "puzz". */
#define PUZZLEFS_MAGIC 0x7a7a7570

/* A run of a file. It ends where the next one starts. */
struct puzzlefs_run {
	u64 start;			/* in the file */
	u64 offset;			/* in the blob, uncompressed */
	struct puzzlefs_blob *blob;	/* NULL: a hole */
	u32 next;			/* first later run of the other kind */
	bool hole;			/* zeros, in no blob */
};

/* Where the bytes of a file are stored. Exists as long as its inode. */
struct puzzlefs_content {
	/* Names are looked up unless all have been since the last failure. */
	atomic_t failures;
	int located;			/* value of failures then */
	struct puzzlefs_store *store;
	/* Copied: other superblocks may use the content after that one. */
	struct puzzlefs_reader reader;
	u32 count;
	struct puzzlefs_run runs[];	/* count + 1 */
};

/* Files with equal keys have equal contents. There is no padding. */
struct puzzlefs_key {
	u8 digest[PFS_DIGEST_BYTES];
	u64 offset;
	u64 size;
	u64 kind;			/* see share.c */
};

/* The metadata of an image, validated. */
struct puzzlefs_image {
	struct pfs_bytes bytes;
	u32 *starts;
	struct pfs_message message;
	struct pfs_rootfs rootfs;
	struct pfs_summary summary;
	u64 content_bytes;		/* sum of the sizes of all files */
	u8 zeros[PFS_DIGEST_BYTES];	/* digest of the blob for holes */
	bool has_holes;			/* the image lists that blob */
	u32 *links;			/* by ordinal of the inode record */
	u64 *parents;
	struct pfs_scratch_u32 index;	/* of names that are not sorted */
};

/* Where the chunks of a packed image are. */
struct puzzlefs_places {
	u8 digest[PFS_DIGEST_BYTES];	/* of the table */
	struct pfs_bytes bytes;		/* the table, checked */
	struct pfs_place_head head;
};

struct puzzlefs_sb_info {
	char *oci_root_dir;		/* value of the option */
	u8 manifest[PFS_DIGEST_BYTES];
	u8 verity[PFS_DIGEST_BYTES];
	bool has_manifest;
	bool has_places;
	bool has_verity;
	bool has_verify;
	bool has_share;
	unsigned int verify;
	unsigned int share;
	struct puzzlefs_store *store;
	struct puzzlefs_image image;
	struct puzzlefs_places places;
};

struct puzzlefs_inode {
	struct inode vfs_inode;
	union {
		struct {
			u64 ino;	/* i_ino is narrower on 32 bits */
			u64 ordinal;
			struct pfs_inode record;
		};
		struct puzzlefs_key key; /* of a hidden inode, see share.c */
	};
	/* The inode with the pages, this or a hidden one; NULL: not known yet */
	struct inode *host;
	struct puzzlefs_content *content;
};

/* Small files need parts of blobs whose other parts the next files need. */
static inline bool puzzlefs_is_small(const struct puzzlefs_content *content)
{
	return content->runs[content->count].start < SZ_64K;
}

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

/* export.c */
extern const struct export_operations puzzlefs_export_ops;

/* dir.c */
extern const struct file_operations puzzlefs_dir_fops;
extern const struct inode_operations puzzlefs_dir_iops;

/* inode.c */
struct inode *puzzlefs_iget(struct super_block *sb, u64 ino);
void puzzlefs_evict_inode(struct inode *inode);

/* file.c */
extern const struct file_operations puzzlefs_file_fops;

/* xattr.c */
struct posix_acl *puzzlefs_get_acl(struct inode *inode, int type, bool rcu);
ssize_t puzzlefs_listxattr(struct dentry *dentry, char *buffer, size_t size);
void puzzlefs_set_xattr_handlers(struct super_block *sb);

/* share.c */
struct puzzlefs_content *puzzlefs_open_content(struct inode *inode);
void puzzlefs_init_shared(void);
extern struct file_system_type puzzlefs_shared_type;

/* data.c */
extern const struct address_space_operations puzzlefs_aops;

/* run.c */
int puzzlefs_read_run(struct puzzlefs_content *content, u32 index, u64 skip,
		      size_t length, struct puzzlefs_direct *direct,
		      struct iov_iter *to);

/* content.c */
struct puzzlefs_blob_id puzzlefs_blob_id(struct inode *inode,
					 struct pfs_blob_ref ref);
struct puzzlefs_content *puzzlefs_load_content(struct inode *inode);
void puzzlefs_free_content(struct puzzlefs_content *content);
int puzzlefs_complete_content(struct puzzlefs_content *content, u64 pos,
			      u64 length);
u32 puzzlefs_find_run(const struct puzzlefs_content *content, u64 pos);

/* icache.c */
struct inode *puzzlefs_alloc_inode(struct super_block *sb);
void puzzlefs_free_inode(struct inode *inode);
int puzzlefs_init_inodes(void);
void puzzlefs_exit_inodes(void);

/* A blob that is read as a whole, before it is known to be good. */
struct puzzlefs_whole {
	const char *what;		/* for messages */
	const u8 *digest;
	const u8 *verity;		/* required if the store has verity */
	u64 size;			/* PFS_NO_SIZE: any */
	u64 limit;
	enum pfs_rule too_large;	/* broken by more than that */
};

/* image.c */
int puzzlefs_load_image(struct puzzlefs_sb_info *sbi, struct fs_context *fc);
void puzzlefs_free_image(struct puzzlefs_image *image);

/* places.c */
int puzzlefs_load_places(struct puzzlefs_sb_info *sbi, struct fs_context *fc,
			 u8 *metadata, u8 *verity);
void puzzlefs_free_places(struct puzzlefs_places *places);
void puzzlefs_find_place(const struct puzzlefs_places *places,
			 struct puzzlefs_blob_id *id);

/* whole.c */
int puzzlefs_refuse_blob(struct fs_context *fc, const char *what,
			 const u8 *digest, const struct pfs_failure *failure);
int puzzlefs_read_whole(struct puzzlefs_sb_info *sbi, struct fs_context *fc,
			const struct puzzlefs_whole *blob,
			struct pfs_bytes *bytes);

#endif /* _PUZZLEFS_INTERNAL_H */
