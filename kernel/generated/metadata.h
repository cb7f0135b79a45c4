/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/metadata.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_METADATA_H
#define _PFS_METADATA_H

#include "../format_base.h"
#include "wire.h"

/* A character device. */
struct pfs_chr {
	struct pfs_struct_part part;
};

struct pfs_chr_list {
	struct pfs_list_part part;
};

/* A name in a directory. */
struct pfs_dir_entry {
	struct pfs_struct_part part;
};

struct pfs_dir_entry_list {
	struct pfs_list_part part;
};

/* The content of a directory. */
struct pfs_dir {
	struct pfs_struct_part part;
};

struct pfs_dir_list {
	struct pfs_list_part part;
};

/* A block device. */
struct pfs_blk {
	struct pfs_struct_part part;
};

struct pfs_blk_list {
	struct pfs_list_part part;
};

/* A position in a blob. */
struct pfs_blob_ref {
	struct pfs_struct_part part;
};

struct pfs_blob_ref_list {
	struct pfs_list_part part;
};

/* A run of a file's bytes. */
struct pfs_file_chunk {
	struct pfs_struct_part part;
};

struct pfs_file_chunk_list {
	struct pfs_list_part part;
};

/* An extended attribute. */
struct pfs_xattr {
	struct pfs_struct_part part;
};

struct pfs_xattr_list {
	struct pfs_list_part part;
};

/* Members that few inodes have. */
struct pfs_inode_additional {
	struct pfs_struct_part part;
};

struct pfs_inode_additional_list {
	struct pfs_list_part part;
};

enum pfs_inode_mode {
	PFS_INODE_MODE_UNKNOWN,
	PFS_INODE_MODE_FIFO,
	PFS_INODE_MODE_CHR,
	PFS_INODE_MODE_DIR,
	PFS_INODE_MODE_BLK,
	PFS_INODE_MODE_FILE,
	PFS_INODE_MODE_LNK,
	PFS_INODE_MODE_SOCK,
	PFS_INODE_MODE_WHT,
	PFS_INODE_MODE_INVALID,
};

/* A file, directory, link, device or whiteout. */
struct pfs_inode {
	struct pfs_struct_part part;
};

struct pfs_inode_list {
	struct pfs_list_part part;
};

/* A layer: the inodes that it adds, changes or removes. */
struct pfs_inode_vector {
	struct pfs_struct_part part;
};

struct pfs_inode_vector_list {
	struct pfs_list_part part;
};

/* The fs-verity digest of a blob. */
struct pfs_verity_data {
	struct pfs_struct_part part;
};

struct pfs_verity_data_list {
	struct pfs_list_part part;
};

/* The metadata of an image. */
struct pfs_rootfs {
	struct pfs_struct_part part;
};

struct pfs_rootfs_list {
	struct pfs_list_part part;
};

/*
 * A pack: chunks one after the other, each exactly as it would be stored in a
 * blob of its own.
 */
struct pfs_pack {
	struct pfs_struct_part part;
};

struct pfs_pack_list {
	struct pfs_list_part part;
};

/* All of a packed image but its packs; a message of its own. */
struct pfs_bundle {
	struct pfs_struct_part part;
};

struct pfs_bundle_list {
	struct pfs_list_part part;
};

/*
 * The readers of a data section compare only a member's offset with the
 * section's size: since each member is aligned to its own size, one that begins
 * in the section also ends in it. The assertions below check that.
 */

/* Chr: words of data 2, pointers 0. */
static_assert(sizeof(struct pfs_chr) == sizeof(struct pfs_struct_part));
static_assert(0 % sizeof(u64) == 0 && 0 + sizeof(u64) <= 16);
static_assert(8 % sizeof(u64) == 0 && 8 + sizeof(u64) <= 16);

static inline struct pfs_chr pfs_chr_at(struct pfs_chr_list list, u32 index)
{
	return (struct pfs_chr) { .part = pfs_element(list.part, index) };
}

/* Major number, 0 to 4095. */
static inline u64 pfs_chr_major(struct pfs_chr self)
{
	return pfs_u53_field(self.part, 0);
}

/* Minor number, 0 to 1048575. */
static inline u64 pfs_chr_minor(struct pfs_chr self)
{
	return pfs_u53_field(self.part, 8);
}

/* DirEntry: words of data 1, pointers 1. */
static_assert(sizeof(struct pfs_dir_entry) == sizeof(struct pfs_struct_part));
static_assert(0 % sizeof(u64) == 0 && 0 + sizeof(u64) <= 8);

static inline struct pfs_dir_entry
pfs_dir_entry_at(struct pfs_dir_entry_list list, u32 index)
{
	return (struct pfs_dir_entry) { .part = pfs_element(list.part, index) };
}

/* Number of the inode that has this name. */
static inline u64 pfs_dir_entry_ino(struct pfs_dir_entry self)
{
	return pfs_u53_field(self.part, 0);
}

/* 1 to 255 bytes, any but NUL and '/'. */
static inline struct pfs_bytes pfs_dir_entry_name(struct pfs_dir_entry self)
{
	return pfs_data_field(self.part, 0);
}

/* Dir: words of data 2, pointers 1. */
static_assert(sizeof(struct pfs_dir) == sizeof(struct pfs_struct_part));
static_assert(4 % sizeof(u32) == 0 && 4 + sizeof(u32) <= 16);
static_assert(8 % sizeof(u64) == 0 && 8 + sizeof(u64) <= 16);

static inline struct pfs_dir pfs_dir_at(struct pfs_dir_list list, u32 index)
{
	return (struct pfs_dir) { .part = pfs_element(list.part, index) };
}

/* Names; builders write them in ascending byte order. */
static inline struct pfs_dir_entry_list pfs_dir_entries(struct pfs_dir self)
{
	return (struct pfs_dir_entry_list) {
		.part = pfs_list_field(self.part, 0),
	};
}

/* Whether the names of this directory in older layers show through. */
static inline bool pfs_dir_look_below(struct pfs_dir self)
{
	return pfs_bool_field(self.part, 0, 1);
}

/*
 * Number of links of this directory, if the image records its tree: 2, and one
 * for each directory in it.
 */
static inline u32 pfs_dir_links(struct pfs_dir self)
{
	return pfs_u32_field(self.part, 4);
}

/*
 * Number of the directory that has this one, if the image records its tree; the
 * root's is its own.
 */
static inline u64 pfs_dir_parent(struct pfs_dir self)
{
	return pfs_u53_field(self.part, 8);
}

/* Blk: words of data 2, pointers 0. */
static_assert(sizeof(struct pfs_blk) == sizeof(struct pfs_struct_part));
static_assert(0 % sizeof(u64) == 0 && 0 + sizeof(u64) <= 16);
static_assert(8 % sizeof(u64) == 0 && 8 + sizeof(u64) <= 16);

static inline struct pfs_blk pfs_blk_at(struct pfs_blk_list list, u32 index)
{
	return (struct pfs_blk) { .part = pfs_element(list.part, index) };
}

/* Major number, 0 to 4095. */
static inline u64 pfs_blk_major(struct pfs_blk self)
{
	return pfs_u53_field(self.part, 0);
}

/* Minor number, 0 to 1048575. */
static inline u64 pfs_blk_minor(struct pfs_blk self)
{
	return pfs_u53_field(self.part, 8);
}

/* BlobRef: words of data 2, pointers 1. */
static_assert(sizeof(struct pfs_blob_ref) == sizeof(struct pfs_struct_part));
static_assert(0 % sizeof(u64) == 0 && 0 + sizeof(u64) <= 16);

static inline struct pfs_blob_ref pfs_blob_ref_at(struct pfs_blob_ref_list list,
						  u32 index)
{
	return (struct pfs_blob_ref) { .part = pfs_element(list.part, index) };
}

/* sha256 of the blob as stored, 32 bytes. */
static inline struct pfs_bytes pfs_blob_ref_digest(struct pfs_blob_ref self)
{
	return pfs_data_field(self.part, 0);
}

/* Where the run starts in the uncompressed blob, bytes. */
static inline u64 pfs_blob_ref_offset(struct pfs_blob_ref self)
{
	return pfs_u53_field(self.part, 0);
}

/* Whether the blob is in the zstd seekable format. */
static inline bool pfs_blob_ref_compressed(struct pfs_blob_ref self)
{
	return pfs_bool_field(self.part, 8, 1);
}

/* FileChunk: words of data 1, pointers 1. */
static_assert(sizeof(struct pfs_file_chunk) == sizeof(struct pfs_struct_part));
static_assert(0 % sizeof(u64) == 0 && 0 + sizeof(u64) <= 8);

static inline struct pfs_file_chunk
pfs_file_chunk_at(struct pfs_file_chunk_list list, u32 index)
{
	return (struct pfs_file_chunk) {
		.part = pfs_element(list.part, index),
	};
}

/* The position of the bytes. */
static inline struct pfs_blob_ref
pfs_file_chunk_blob(struct pfs_file_chunk self)
{
	return (struct pfs_blob_ref) { .part = pfs_struct_field(self.part, 0) };
}

/* Number of bytes. */
static inline u64 pfs_file_chunk_len(struct pfs_file_chunk self)
{
	return pfs_u53_field(self.part, 0);
}

/* Xattr: words of data 0, pointers 2. */
static_assert(sizeof(struct pfs_xattr) == sizeof(struct pfs_struct_part));

static inline struct pfs_xattr pfs_xattr_at(struct pfs_xattr_list list,
					    u32 index)
{
	return (struct pfs_xattr) { .part = pfs_element(list.part, index) };
}

/* Name with its namespace, 1 to 255 bytes without NUL. */
static inline struct pfs_bytes pfs_xattr_key(struct pfs_xattr self)
{
	return pfs_data_field(self.part, 0);
}

/* Value, up to 65536 bytes. */
static inline struct pfs_bytes pfs_xattr_val(struct pfs_xattr self)
{
	return pfs_data_field(self.part, 1);
}

/* InodeAdditional: words of data 1, pointers 2. */
static_assert(sizeof(struct pfs_inode_additional) ==
	      sizeof(struct pfs_struct_part));
static_assert(0 % sizeof(u32) == 0 && 0 + sizeof(u32) <= 8);

static inline struct pfs_inode_additional
pfs_inode_additional_at(struct pfs_inode_additional_list list, u32 index)
{
	return (struct pfs_inode_additional) {
		.part = pfs_element(list.part, index),
	};
}

/*
 * Extended attributes; builders write them in ascending byte order of their
 * names.
 */
static inline struct pfs_xattr_list
pfs_inode_additional_xattrs(struct pfs_inode_additional self)
{
	return (struct pfs_xattr_list) { .part = pfs_list_field(self.part, 0) };
}

/* Target of a symbolic link, 1 to 4095 bytes without NUL. */
static inline struct pfs_bytes
pfs_inode_additional_symlink_target(struct pfs_inode_additional self)
{
	return pfs_data_field(self.part, 1);
}

/*
 * Number of links of what is not a directory, if the image records its tree and
 * there are several; otherwise absent.
 */
static inline u32 pfs_inode_additional_links(struct pfs_inode_additional self)
{
	return pfs_u32_field(self.part, 0);
}

/* Inode: words of data 4, pointers 2. */
static_assert(sizeof(struct pfs_inode) == sizeof(struct pfs_struct_part));
static_assert(0 % sizeof(u64) == 0 && 0 + sizeof(u64) <= 32);
static_assert(12 % sizeof(u32) == 0 && 12 + sizeof(u32) <= 32);
static_assert(16 % sizeof(u32) == 0 && 16 + sizeof(u32) <= 32);
static_assert(10 % sizeof(u16) == 0 && 10 + sizeof(u16) <= 32);
static_assert(24 % sizeof(s64) == 0 && 24 + sizeof(s64) <= 32);
static_assert(20 % sizeof(u32) == 0 && 20 + sizeof(u32) <= 32);
static_assert(8 % sizeof(u16) == 0 && 8 + sizeof(u16) <= 32);
static_assert(PFS_INODE_MODE_INVALID == 9);

static inline struct pfs_inode pfs_inode_at(struct pfs_inode_list list,
					    u32 index)
{
	return (struct pfs_inode) { .part = pfs_element(list.part, index) };
}

/* Inode number; 1 is the root directory. */
static inline u64 pfs_inode_ino(struct pfs_inode self)
{
	return pfs_u53_field(self.part, 0);
}

/* Owner. */
static inline u32 pfs_inode_uid(struct pfs_inode self)
{
	return pfs_u32_field(self.part, 12);
}

/* Group. */
static inline u32 pfs_inode_gid(struct pfs_inode self)
{
	return pfs_u32_field(self.part, 16);
}

/*
 * rwx for user, group and others, set-user-id, set-group-id and sticky: 12
 * bits.
 */
static inline u16 pfs_inode_permissions(struct pfs_inode self)
{
	return pfs_u16_field(self.part, 10);
}

/* Extended attributes and the target of a symbolic link. */
static inline struct pfs_inode_additional
pfs_inode_additional(struct pfs_inode self)
{
	return (struct pfs_inode_additional) {
		.part = pfs_struct_field(self.part, 1),
	};
}

/* Modification time, seconds since the epoch; absent means the epoch. */
static inline s64 pfs_inode_mtime_seconds(struct pfs_inode self)
{
	return pfs_i53_field(self.part, 24);
}

/* Nanoseconds of the modification time, below 1000000000. */
static inline u32 pfs_inode_mtime_nanoseconds(struct pfs_inode self)
{
	return pfs_u32_field(self.part, 20);
}

/* The kind of file, and the members of that kind. */
static inline enum pfs_inode_mode pfs_inode_mode_kind(struct pfs_inode self)
{
	u16 tag = pfs_u16_field(self.part, 8);

	return tag < PFS_INODE_MODE_INVALID ? (enum pfs_inode_mode)tag :
	       PFS_INODE_MODE_INVALID;
}

static inline struct pfs_chr pfs_inode_mode_chr(struct pfs_inode self)
{
	if (pfs_inode_mode_kind(self) != PFS_INODE_MODE_CHR)
		return (struct pfs_chr) { .part.message = self.part.message };
	return (struct pfs_chr) { .part = pfs_struct_field(self.part, 0) };
}

static inline struct pfs_dir pfs_inode_mode_dir(struct pfs_inode self)
{
	if (pfs_inode_mode_kind(self) != PFS_INODE_MODE_DIR)
		return (struct pfs_dir) { .part.message = self.part.message };
	return (struct pfs_dir) { .part = pfs_struct_field(self.part, 0) };
}

static inline struct pfs_blk pfs_inode_mode_blk(struct pfs_inode self)
{
	if (pfs_inode_mode_kind(self) != PFS_INODE_MODE_BLK)
		return (struct pfs_blk) { .part.message = self.part.message };
	return (struct pfs_blk) { .part = pfs_struct_field(self.part, 0) };
}

/* Content: the concatenation of these runs. */
static inline struct pfs_file_chunk_list
pfs_inode_mode_file(struct pfs_inode self)
{
	if (pfs_inode_mode_kind(self) != PFS_INODE_MODE_FILE)
		return (struct pfs_file_chunk_list) {
			.part.message = self.part.message,
		};
	return (struct pfs_file_chunk_list) {
		.part = pfs_list_field(self.part, 0),
	};
}

/* InodeVector: words of data 0, pointers 1. */
static_assert(sizeof(struct pfs_inode_vector) ==
	      sizeof(struct pfs_struct_part));

static inline struct pfs_inode_vector
pfs_inode_vector_at(struct pfs_inode_vector_list list, u32 index)
{
	return (struct pfs_inode_vector) {
		.part = pfs_element(list.part, index),
	};
}

/* In strictly ascending order of ino. */
static inline struct pfs_inode_list
pfs_inode_vector_inodes(struct pfs_inode_vector self)
{
	return (struct pfs_inode_list) { .part = pfs_list_field(self.part, 0) };
}

/* VerityData: words of data 0, pointers 2. */
static_assert(sizeof(struct pfs_verity_data) == sizeof(struct pfs_struct_part));

static inline struct pfs_verity_data
pfs_verity_data_at(struct pfs_verity_data_list list, u32 index)
{
	return (struct pfs_verity_data) {
		.part = pfs_element(list.part, index),
	};
}

/* sha256 of the blob, 32 bytes. */
static inline struct pfs_bytes
pfs_verity_data_digest(struct pfs_verity_data self)
{
	return pfs_data_field(self.part, 0);
}

/* fs-verity digest: SHA-256, blocks of 4096 bytes, no salt; 32 bytes. */
static inline struct pfs_bytes
pfs_verity_data_verity(struct pfs_verity_data self)
{
	return pfs_data_field(self.part, 1);
}

/* Rootfs: words of data 4, pointers 2. */
static_assert(sizeof(struct pfs_rootfs) == sizeof(struct pfs_struct_part));
static_assert(0 % sizeof(u64) == 0 && 0 + sizeof(u64) <= 32);
static_assert(8 % sizeof(u64) == 0 && 8 + sizeof(u64) <= 32);
static_assert(16 % sizeof(u64) == 0 && 16 + sizeof(u64) <= 32);
static_assert(24 % sizeof(u32) == 0 && 24 + sizeof(u32) <= 32);

static inline struct pfs_rootfs pfs_rootfs_at(struct pfs_rootfs_list list,
					      u32 index)
{
	return (struct pfs_rootfs) { .part = pfs_element(list.part, index) };
}

/* Layers, newest first. */
static inline struct pfs_inode_vector_list
pfs_rootfs_metadatas(struct pfs_rootfs self)
{
	return (struct pfs_inode_vector_list) {
		.part = pfs_list_field(self.part, 0),
	};
}

/* fs-verity digests of the blobs, ascending by digest. */
static inline struct pfs_verity_data_list
pfs_rootfs_fs_verity_data(struct pfs_rootfs self)
{
	return (struct pfs_verity_data_list) {
		.part = pfs_list_field(self.part, 1),
	};
}

/* Version of the format: 3. */
static inline u64 pfs_rootfs_manifest_version(struct pfs_rootfs self)
{
	return pfs_u53_field(self.part, 0);
}

/*
 * Number of visible inodes, if the image records its tree: this, the next two
 * members, and `links` and `parent` of every visible inode. Readers need not
 * walk the tree of such an image.
 */
static inline u64 pfs_rootfs_inodes(struct pfs_rootfs self)
{
	return pfs_u53_field(self.part, 8);
}

/* Bytes of all visible files, each once, if the image records its tree. */
static inline u64 pfs_rootfs_content_bytes(struct pfs_rootfs self)
{
	return pfs_u53_field(self.part, 16);
}

/*
 * What some visible inode has, if the image records its tree: the bits of
 * schema/recorded.ts.
 */
static inline u32 pfs_rootfs_traits(struct pfs_rootfs self)
{
	return pfs_u32_field(self.part, 24);
}

/* Pack: words of data 1, pointers 2. */
static_assert(sizeof(struct pfs_pack) == sizeof(struct pfs_struct_part));
static_assert(0 % sizeof(u64) == 0 && 0 + sizeof(u64) <= 8);

static inline struct pfs_pack pfs_pack_at(struct pfs_pack_list list, u32 index)
{
	return (struct pfs_pack) { .part = pfs_element(list.part, index) };
}

/* sha256 of the pack, 32 bytes. */
static inline struct pfs_bytes pfs_pack_digest(struct pfs_pack self)
{
	return pfs_data_field(self.part, 0);
}

/* fs-verity digest of the pack, 32 bytes. */
static inline struct pfs_bytes pfs_pack_verity(struct pfs_pack self)
{
	return pfs_data_field(self.part, 1);
}

/* Bytes. */
static inline u64 pfs_pack_size(struct pfs_pack self)
{
	return pfs_u53_field(self.part, 0);
}

/* Bundle: words of data 0, pointers 5. */
static_assert(sizeof(struct pfs_bundle) == sizeof(struct pfs_struct_part));

static inline struct pfs_bundle pfs_bundle_at(struct pfs_bundle_list list,
					      u32 index)
{
	return (struct pfs_bundle) { .part = pfs_element(list.part, index) };
}

/* The metadata blob. */
static inline struct pfs_bytes pfs_bundle_metadata(struct pfs_bundle self)
{
	return pfs_data_field(self.part, 0);
}

/* The canonical manifest without the layers after the metadata blob. */
static inline struct pfs_bytes pfs_bundle_manifest(struct pfs_bundle self)
{
	return pfs_data_field(self.part, 1);
}

/* The blob of the configuration. */
static inline struct pfs_bytes pfs_bundle_config(struct pfs_bundle self)
{
	return pfs_data_field(self.part, 2);
}

/* The position of each chunk in the packs: schema/chunkindex.ts. */
static inline struct pfs_bytes pfs_bundle_index(struct pfs_bundle self)
{
	return pfs_data_field(self.part, 3);
}

/* The packs, in the order of the packed manifest. */
static inline struct pfs_pack_list pfs_bundle_packs(struct pfs_bundle self)
{
	return (struct pfs_pack_list) { .part = pfs_list_field(self.part, 4) };
}

#endif /* _PFS_METADATA_H */
