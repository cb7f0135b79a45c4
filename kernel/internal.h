/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Images, superblocks, inodes and open files. The format itself is in
 * generated/format.h, and only the code generated with it parses images.
 *
 * superblock -> image (metadata in memory, each part checked once)
 *            -> store (a directory of blobs) -> blobs -> frames
 * inode -> hidden inode with the pages -> content (the runs of the file)
 *       -> blobs of the store
 *
 * Calls go downward only. The exceptions are tables of operations, which the
 * code that makes an inode hands to the VFS.
 *
 *	super.c			superblocks, the module
 *	options.c		mount options
 *	sysfs.c			/sys/fs/puzzlefs: features and counters
 *	export.c  dir.c		file handles; look-up and listing
 *	inode.c			inodes made from their records
 *	file.c  xattr.c		open, seek; attributes and ACLs
 *	share.c			one page cache for files with equal content
 *	data.c  window.c  fill.c  run.c  target.c  ahead.c
 *				from blobs into the page cache
 *	content.c  icache.c	runs of files; memory of inodes
 *	image.c  places.c  whole.c
 *				manifest, metadata, place table: read, checked
 *	record.c		records of inodes, checked at their first use
 *	blob.h			stores, blobs, frames, and what they depend on
 */
#ifndef _PUZZLEFS_INTERNAL_H
#define _PUZZLEFS_INTERNAL_H

#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/kobject.h>
#include <linux/uio.h>
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

/*
 * The metadata of an image. Either it records its tree, and an inode is checked
 * at its first use: then @checked is not NULL. Or all were validated.
 */
struct puzzlefs_image {
	u8 digest[PFS_DIGEST_BYTES];
	struct pfs_bytes bytes;
	u32 *starts;
	struct pfs_message message;
	struct pfs_rootfs rootfs;
	struct pfs_layers layers;
	struct pfs_summary summary;	/* of validation */
	u64 records;			/* of inodes, in all layers */
	u64 inodes;
	u64 content_bytes;		/* sum of the sizes of all files */
	u8 zeros[PFS_DIGEST_BYTES];	/* digest of the blob for holes */
	bool has_holes;			/* the image lists that blob */
	bool has_acls;			/* some inode may have one */
	/* By ordinal of the inode record. */
	u32 *links;			/* of validation */
	u64 *parents;			/* of validation */
	unsigned long *checked;		/* bits: breaks no rule */
	atomic64_t work;		/* words that all checks may follow */
	struct ratelimit_state messages;
	struct pfs_scratch_u32 index;	/* of names that are not sorted */
};

/* What the hidden inodes of a store have in memory. */
struct puzzlefs_shared {
	unsigned long inodes;
	unsigned long pages;
};

/* Where the chunks of a packed image are. */
struct puzzlefs_places {
	u8 digest[PFS_DIGEST_BYTES];	/* of the table */
	struct pfs_bytes bytes;		/* the table, checked */
	struct pfs_place_head head;
};

/* Options that are not given have the values of the first constants. */
enum puzzlefs_verify { VERIFY_NONE, VERIFY_BLOB };
enum puzzlefs_share { SHARE_ALL, SHARE_PAGES, SHARE_NONE };

struct puzzlefs_sb_info {
	char *oci_root_dir;		/* value of the option */
	struct path layout;		/* the same, if it is a descriptor */
	u8 manifest[PFS_DIGEST_BYTES];
	u8 metadata[PFS_DIGEST_BYTES];	/* instead of the manifest */
	u8 verity[PFS_DIGEST_BYTES];	/* of the one that is given */
	bool has_manifest;
	bool has_metadata;
	bool has_places;
	bool has_verity;
	bool has_verify;
	bool has_share;
	enum puzzlefs_verify verify;
	enum puzzlefs_share share;
	struct puzzlefs_store *store;
	struct puzzlefs_image image;
	struct puzzlefs_places places;
	struct kobject kobj;		/* of sysfs */
	struct completion released;	/* no reference to kobj is left */
};

struct puzzlefs_inode {
	struct inode vfs_inode;
	union {
		struct {
			u64 ino;	/* i_ino is narrower on 32 bits */
			struct pfs_inode_record record;
		};
		struct puzzlefs_key key; /* of a hidden inode, see share.c */
	};
	/* The inode with the pages, this or a hidden one; NULL: not known yet */
	struct inode *host;
	struct puzzlefs_content *content;
	bool compressed;		/* the first chunk of a file */
};

/*
 * Whether pieces of the blob of a run are kept: small files need parts of blobs
 * whose other parts the next files need.
 */
static inline bool puzzlefs_keeps_pieces(const struct puzzlefs_content *content,
					 const struct puzzlefs_run *run,
					 const struct puzzlefs_blob *blob)
{
	return content->runs[content->count].start < SZ_64K &&
	       run[1].start - run->start < READ_ONCE(blob->size);
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

/* The digest by which the options name the image. */
static inline const u8 *puzzlefs_image_name(const struct puzzlefs_sb_info *sbi)
{
	return sbi->has_metadata ? sbi->metadata : sbi->manifest;
}

/* options.c */
extern const struct fs_parameter_spec puzzlefs_parameters[];
int puzzlefs_parse_param(struct fs_context *fc, struct fs_parameter *param);
int puzzlefs_check_options(struct fs_context *fc,
			   const struct puzzlefs_sb_info *sbi);
bool puzzlefs_repeats_options(const struct puzzlefs_sb_info *new,
			      const struct puzzlefs_sb_info *old);
int puzzlefs_show_options(struct seq_file *seq, struct dentry *root);

/* sysfs.c */
int puzzlefs_register_sysfs(struct super_block *sb);
void puzzlefs_unregister_sysfs(struct puzzlefs_sb_info *sbi);
int puzzlefs_init_sysfs(void);
void puzzlefs_exit_sysfs(void);

/* export.c */
extern const struct export_operations puzzlefs_export_ops;

/* dir.c */
extern const struct file_operations puzzlefs_dir_fops;
extern const struct inode_operations puzzlefs_dir_iops;

/* inode.c */
struct inode *puzzlefs_iget(struct super_block *sb, u64 ino);
struct inode *puzzlefs_iget_record(struct super_block *sb,
				   const struct pfs_inode_record *record);
void puzzlefs_evict_inode(struct inode *inode);
int puzzlefs_getattr(struct mnt_idmap *idmap, const struct path *path,
		     struct kstat *stat, u32 request_mask, unsigned int flags);

/* file.c */
extern const struct file_operations puzzlefs_file_fops;
int puzzlefs_fiemap(struct inode *inode, struct fiemap_extent_info *info,
		    u64 start, u64 length);

/* xattr.c */
struct posix_acl *puzzlefs_get_acl(struct inode *inode, int type, bool rcu);
ssize_t puzzlefs_listxattr(struct dentry *dentry, char *buffer, size_t size);
void puzzlefs_set_xattr_handlers(struct super_block *sb);

/* share.c */
struct puzzlefs_content *puzzlefs_open_content(struct inode *inode, bool quiet);
void puzzlefs_init_shared(void);
struct puzzlefs_shared puzzlefs_count_shared(const struct puzzlefs_store *store);
extern struct file_system_type puzzlefs_shared_type;

/* data.c */
extern const struct address_space_operations puzzlefs_aops;

/* Locked folios that are filled, see target.c. */
struct puzzlefs_target {
	struct iov_iter iter;		/* what is not filled yet */
	struct address_space *mapping;
	u64 pos;			/* of the first folio */
	size_t length;
	u8 *map;			/* of all folios, or NULL */
};

/* Reads of a range of a file that have begun, in order, see ahead.c. */
#define PUZZLEFS_MAX_AHEAD 16
struct puzzlefs_ahead {
	struct puzzlefs_content *content;
	u64 pos;			/* up to here, reads have begun */
	u64 end;
	u32 index;			/* of the run at pos */
	unsigned int first;		/* reads are a ring */
	unsigned int count;
	size_t bytes;
	struct {
		struct puzzlefs_direct *direct;
		u64 end;		/* of what it is for, in the file */
		size_t bytes;
	} reads[PUZZLEFS_MAX_AHEAD];
};

/* Locked folios whose bytes are being read, see fill.c. */
struct puzzlefs_fill {
	struct address_space *mapping;
	struct puzzlefs_content *content;
	u64 pos;			/* of the first folio */
	size_t length;
	u64 wanted;			/* bytes up to the end of the file */
	u32 index;			/* of the run at pos */
	struct puzzlefs_ahead ahead;
};

struct puzzlefs_window;

/* window.c */
void puzzlefs_expand_window(struct readahead_control *rac);
struct puzzlefs_window *puzzlefs_get_window(struct readahead_control *rac,
					    u64 *end);
void puzzlefs_start_window(struct puzzlefs_window *window,
			   struct address_space *mapping, u64 pos);
int puzzlefs_init_windows(void);
void puzzlefs_exit_windows(void);

/* fill.c */
void puzzlefs_begin_fill(struct puzzlefs_fill *fill,
			 struct address_space *mapping, u64 pos, size_t length);
u64 puzzlefs_end_fill(struct puzzlefs_fill *fill, int *err);
void puzzlefs_remove_folio(struct address_space *mapping, struct folio *folio);
void puzzlefs_unlock_folios(struct address_space *mapping, u64 pos, u64 end,
			    u64 filled, bool remove);

/* ahead.c */
void puzzlefs_begin_ahead(struct puzzlefs_ahead *ahead,
			  struct puzzlefs_content *content, u32 index, u64 pos,
			  u64 end);
struct puzzlefs_direct *puzzlefs_find_ahead(struct puzzlefs_ahead *ahead,
					    u64 pos);
void puzzlefs_end_ahead(struct puzzlefs_ahead *ahead);

/* run.c */
int puzzlefs_read_run(struct puzzlefs_content *content, u32 index, u64 skip,
		      size_t length, struct puzzlefs_ahead *ahead,
		      struct puzzlefs_target *to);

/* target.c */
void puzzlefs_init_target(struct puzzlefs_target *target,
			  struct address_space *mapping, u64 pos,
			  size_t length);
u64 puzzlefs_target_pos(const struct puzzlefs_target *target);
u8 *puzzlefs_target_bytes(struct puzzlefs_target *target, size_t length);
void puzzlefs_end_target(struct puzzlefs_target *target);

/* content.c */
struct puzzlefs_blob_id puzzlefs_blob_id(struct inode *inode,
					 struct pfs_blob_ref ref);
struct puzzlefs_content *puzzlefs_load_content(struct inode *inode);
void puzzlefs_free_content(struct puzzlefs_content *content);
int puzzlefs_complete_content(struct puzzlefs_content *content, u64 pos,
			      u64 length, bool quiet);
bool puzzlefs_is_complete(const struct puzzlefs_content *content);
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
u64 puzzlefs_image_bytes(const struct puzzlefs_image *image);

/* whole.c */
int puzzlefs_refuse_blob(struct fs_context *fc, const char *what,
			 const u8 *digest, const struct pfs_failure *failure);
int puzzlefs_read_whole(struct puzzlefs_sb_info *sbi, struct fs_context *fc,
			const struct puzzlefs_whole *blob,
			struct pfs_bytes *bytes);

/* record.c */
bool puzzlefs_check_record(struct puzzlefs_image *image,
			   const struct pfs_inode_record *record,
			   struct pfs_failure *failure);
int puzzlefs_use_record(struct super_block *sb,
			const struct pfs_inode_record *record);
int puzzlefs_find_record(struct super_block *sb, u64 ino,
			 struct pfs_inode_record *record);
int puzzlefs_check_child(struct super_block *sb, struct pfs_inode child,
			 u64 dir);
u32 puzzlefs_count_links(const struct puzzlefs_image *image,
			 const struct pfs_inode_record *record);
u64 puzzlefs_find_parent(struct inode *dir);

/* places.c */
int puzzlefs_load_places(struct puzzlefs_sb_info *sbi, struct fs_context *fc,
			 u8 *metadata, u8 *verity);
void puzzlefs_free_places(struct puzzlefs_places *places);
void puzzlefs_find_place(const struct puzzlefs_places *places,
			 struct puzzlefs_blob_id *id);

#endif /* _PUZZLEFS_INTERNAL_H */
