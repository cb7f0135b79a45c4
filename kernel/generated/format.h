/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Made from schema/ by `make codegen`: change that, not this. */
#ifndef _PFS_FORMAT_H
#define _PFS_FORMAT_H

#include "../format_base.h"

/* Every rule that the input may break. */
enum pfs_rule {
	PFS_RULE_NONE,
	/* A sum or product leaves the range of the format's numbers. */
	PFS_RULE_ARITHMETIC_OVERFLOW,
	/* The message is larger than 4 GiB. */
	PFS_RULE_MESSAGE_TOO_LARGE,
	/* The message ends before its segments do. */
	PFS_RULE_MESSAGE_TRUNCATED,
	/* The message has more than 512 segments. */
	PFS_RULE_MESSAGE_SEGMENTS,
	/* Bytes follow the last segment. */
	PFS_RULE_MESSAGE_TRAILING_BYTES,
	/* The message has no root struct. */
	PFS_RULE_ROOT_MISSING,
	/* The target of a pointer is outside its segment. */
	PFS_RULE_POINTER_OUT_OF_BOUNDS,
	/* A pointer is of another kind than its member. */
	PFS_RULE_POINTER_KIND,
	/* A far pointer names a segment that does not exist. */
	PFS_RULE_FAR_POINTER_SEGMENT,
	/* A far pointer's landing pad is outside its segment. */
	PFS_RULE_FAR_POINTER_OUT_OF_BOUNDS,
	/* A far pointer leads to another far pointer. */
	PFS_RULE_FAR_POINTER_CHAIN,
	/* The tag of a double far pointer has an offset of its own. */
	PFS_RULE_FAR_POINTER_TAG,
	/* A list's elements are not of the size that its member needs. */
	PFS_RULE_LIST_ELEMENT_SIZE,
	/* A list's tag does not agree with the list's size. */
	PFS_RULE_LIST_TAG,
	/*
	 * The pointers of the message lead over more words than its size
	 * allows: objects are shared.
	 */
	PFS_RULE_TRAVERSAL_LIMIT,
	/* The manifest is larger than 64 MiB. */
	PFS_RULE_MANIFEST_TOO_LARGE,
	/* The manifest is not well-formed JSON. */
	PFS_RULE_MANIFEST_SYNTAX,
	/*
	 * A string of the manifest has a bad escape, a control character or
	 * bytes that are not UTF-8.
	 */
	PFS_RULE_MANIFEST_STRING,
	/* An object of the manifest has a key twice. */
	PFS_RULE_MANIFEST_KEY_TWICE,
	/* An object of the manifest has more than 64 keys. */
	PFS_RULE_MANIFEST_OBJECT_TOO_LARGE,
	/* The manifest's objects and arrays are more than 32 deep. */
	PFS_RULE_MANIFEST_TOO_DEEP,
	/*
	 * A layer's digest is missing or not sha256 and 64 lower-case
	 * hexadecimal digits.
	 */
	PFS_RULE_MANIFEST_DIGEST,
	/* No layer is the metadata blob: not a PuzzleFS image. */
	PFS_RULE_MANIFEST_ROOTFS_MISSING,
	/* Two layers are the metadata blob. */
	PFS_RULE_MANIFEST_ROOTFS_TWICE,
	/*
	 * The image is of a version of the format that this reader does not
	 * know.
	 */
	PFS_RULE_MANIFEST_VERSION,
	/* The image has more than 128 layers. */
	PFS_RULE_TOO_MANY_LAYERS,
	/* An inode number is 0 or above 2^53 - 1. */
	PFS_RULE_INO_RANGE,
	/* The inode numbers of a layer do not ascend, or one is a duplicate. */
	PFS_RULE_INO_ORDER,
	/* An inode is of a kind that this reader does not know. */
	PFS_RULE_INODE_KIND,
	/* An inode has permission bits beyond the twelve. */
	PFS_RULE_PERMISSIONS_RANGE,
	/* The nanoseconds of a time are a second or more. */
	PFS_RULE_MTIME_NANOSECONDS,
	/* A device number does not fit Linux' 12 and 20 bits. */
	PFS_RULE_DEVICE_NUMBER,
	/*
	 * A symbolic link's target is empty, longer than 4095 bytes, or has a
	 * NUL.
	 */
	PFS_RULE_SYMLINK_TARGET,
	/*
	 * The name of an extended attribute is empty, longer than 255 bytes,
	 * or has a NUL.
	 */
	PFS_RULE_XATTR_NAME,
	/* The value of an extended attribute is longer than 64 KiB. */
	PFS_RULE_XATTR_VALUE,
	/* A digest is not 32 bytes. */
	PFS_RULE_DIGEST_LENGTH,
	/*
	 * A file's runs add up to more than 2^53 - 1 bytes, or one ends beyond
	 * that in its blob.
	 */
	PFS_RULE_CHUNK_LIST_OVERFLOW,
	/* A name is empty or longer than 255 bytes. */
	PFS_RULE_DIR_ENTRY_NAME_LENGTH,
	/* A name has a slash. */
	PFS_RULE_DIR_ENTRY_NAME_SLASH,
	/* A name has a NUL. */
	PFS_RULE_DIR_ENTRY_NAME_NUL,
	/* A name is "." or "..". */
	PFS_RULE_DIR_ENTRY_NAME_DOTS,
	/* A directory has a name twice. */
	PFS_RULE_DIR_ENTRY_DUPLICATE,
	/* A name leads to the root directory. */
	PFS_RULE_DIR_ENTRY_ROOT,
	/* A name leads to an inode that is in no layer. */
	PFS_RULE_DIR_ENTRY_DANGLING,
	/* A directory that looks below has names that are not sorted. */
	PFS_RULE_LOOK_BELOW_UNSORTED,
	/* Inode 1 is missing or not a directory. */
	PFS_RULE_ROOT_INODE,
	/* A directory has two names, or contains itself. */
	PFS_RULE_DIR_PARENTS,
	/* A directory of the newest layer has no name. */
	PFS_RULE_DIR_UNREACHABLE,
	/* A chunk of the table reaches beyond 2^53 - 1. */
	PFS_RULE_CHUNK_TABLE_RANGE,
	/* The table of chunks does not ascend, or two chunks overlap. */
	PFS_RULE_CHUNK_TABLE_ORDER,
	/*
	 * A seek table ends before its entries do, or is larger than its blob.
	 */
	PFS_RULE_SEEK_TABLE_TRUNCATED,
	/* A compressed blob does not end with a seek table. */
	PFS_RULE_SEEK_TABLE_MAGIC,
	/* A seek table has flags that this reader does not know. */
	PFS_RULE_SEEK_TABLE_FLAGS,
	/* A seek table has more than 2^27 frames. */
	PFS_RULE_SEEK_TABLE_FRAMES,
	/* A seek table's skippable frame has another size than its entries. */
	PFS_RULE_SEEK_TABLE_SIZE,
	/* A frame has more than 16 MiB of content. */
	PFS_RULE_SEEK_TABLE_FRAME_TOO_LARGE,
	/* The frames of a seek table do not add up to the blob. */
	PFS_RULE_SEEK_TABLE_SUM,
	/*
	 * A run of a file ends outside its blob: its blob is shorter than the
	 * image records.
	 */
	PFS_RULE_CHUNK_OUTSIDE_BLOB,
	/*
	 * A directory looks below more than 16 times: its names are in too
	 * many layers.
	 */
	PFS_RULE_LOOK_BELOW_DEPTH,
	/* A frame is stored in more bytes than zstd needs for its content. */
	PFS_RULE_SEEK_TABLE_STORED_TOO_LARGE,
	PFS_RULE_COUNT
};

/* Name of a rule, and whether breaking it means "newer than this reader". */
extern const char * const pfs_rule_names[];
extern const bool pfs_rule_unsupported[];

#define PFS_TAB 9
#define PFS_LINE_FEED 10
#define PFS_RETURN 13
#define PFS_SPACE 32
#define PFS_QUOTE 34
#define PFS_PLUS 43
#define PFS_COMMA 44
#define PFS_MINUS 45
#define PFS_PERIOD 46
#define PFS_SLASH 47
#define PFS_ZERO 48
#define PFS_NINE 57
#define PFS_COLON 58
#define PFS_UPPER_A 65
#define PFS_UPPER_E 69
#define PFS_UPPER_F 70
#define PFS_OPEN_BRACKET 91
#define PFS_BACKSLASH 92
#define PFS_CLOSE_BRACKET 93
#define PFS_LOWER_A 97
#define PFS_LOWER_B 98
#define PFS_LOWER_E 101
#define PFS_LOWER_F 102
#define PFS_LOWER_N 110
#define PFS_LOWER_R 114
#define PFS_LOWER_T 116
#define PFS_LOWER_U 117
#define PFS_OPEN_BRACE 123
#define PFS_CLOSE_BRACE 125
/* The first code that is not ASCII. */
#define PFS_ASCII_END 128
#define PFS_S_IFMT 61440
#define PFS_S_IFIFO 4096
#define PFS_S_IFCHR 8192
#define PFS_S_IFDIR 16384
#define PFS_S_IFBLK 24576
#define PFS_S_IFREG 32768
#define PFS_S_IFLNK 40960
#define PFS_S_IFSOCK 49152
/*
 * Permissions: rwx for user, group and others, set-user-id, set-group-id and
 * sticky.
 */
#define PFS_MAX_PERMISSIONS 4095
/* Largest number of segments: the limit of the reference implementation. */
#define PFS_MAX_SEGMENTS 512
/* Largest message, bytes: positions in words fit 29 bits. */
#define PFS_MAX_MESSAGE_BYTES 4294967288U
/* Largest metadata, bytes: readers keep it in memory. */
#define PFS_MAX_METADATA_BYTES 1073741824
/* Largest table of segments, bytes: their number and sizes, in whole words. */
#define PFS_MAX_HEADER_BYTES (PFS_MAX_SEGMENTS * 4 + 8)
#define PFS_POINTER_NULL 0
#define PFS_POINTER_STRUCT 1
#define PFS_POINTER_LIST 2
/* The result of separator() for a name that has none. */
#define PFS_NO_SEPARATOR 255
/*
 * Largest length of a name in a directory, and of the name of an extended
 * attribute.
 */
#define PFS_MAX_NAME_BYTES 255
/* Numbers in the index for each record, apart from its names. */
#define PFS_INDEX_HEAD 3
/* The root directory's inode number. */
#define PFS_ROOT_INO 1
/*
 * Largest number of layers. An inode is looked up in one layer after the
 * other, so more could cost minutes.
 */
#define PFS_MAX_LAYERS 128
/*
 * Largest number of records of one directory with lookBelow: a name is looked
 * up in one after the other.
 */
#define PFS_MAX_LOOK_BELOW 16
/* Linux keeps device numbers in 12 and 20 bits. */
#define PFS_MAX_MAJOR 4095
#define PFS_MAX_MINOR 1048575
#define PFS_DIGEST_BYTES 32
/* Hexadecimal digits of a digest. */
#define PFS_HEX_DIGITS (PFS_DIGEST_BYTES * 2)
/* Bytes of `sha256:`. */
#define PFS_DIGEST_PREFIX_BYTES 7
/* Bytes of a digest in a descriptor. */
#define PFS_DIGEST_TEXT_BYTES (PFS_DIGEST_PREFIX_BYTES + PFS_HEX_DIGITS)
/*
 * Bytes of a block of the Merkle tree of an fs-verity digest, which is SHA-256
 * without a salt.
 */
#define PFS_VERITY_BLOCK_BYTES 4096
/* The value of a byte that is no hexadecimal digit. */
#define PFS_NO_DIGIT 16
/*
 * Zeros in the blob to which holes refer: 1024 zstd frames of RLE blocks, then
 * their seek table.
 */
#define PFS_ZERO_BLOB_BYTES 1073741824
/* Zeros in each frame of that blob. */
#define PFS_ZERO_FRAME_BYTES 1048576
/* Zeros in each RLE block of a frame of that blob. */
#define PFS_ZERO_BLOCK_BYTES 131072
/*
 * Builders write holes in aligned blocks of this size, bytes, and to the end
 * of the file; the rest of a hole is zeros. So
 * data between small holes stays together in chunks, and file systems with
 * blocks of up to this size report the same holes.
 */
#define PFS_HOLE_BLOCK_BYTES 65536
/* Largest depth of objects and arrays. */
#define PFS_MAX_DEPTH 32
/* Largest number of keys of one object: each is compared with all others. */
#define PFS_MAX_KEYS 64
/* Room for a mark of everything that is open, by depth. */
#define PFS_OPEN_MARKS (PFS_MAX_DEPTH + 1)
/* Room for those of every object that may be open, by depth. */
#define PFS_KEY_POSITIONS ((PFS_MAX_DEPTH + 1) * (PFS_MAX_KEYS + 1))
/* Marks of what is open at a depth. */
#define PFS_OBJECT 1
#define PFS_ARRAY 2
/* The whole text has been read. */
#define PFS_STEP_NONE 0
#define PFS_STEP_OPENED 1
#define PFS_STEP_CLOSED 2
#define PFS_STEP_SCALAR 3
/* 64 MiB: readers hold the manifest in memory. */
#define PFS_MAX_MANIFEST_BYTES 67108864
/* Size of a descriptor that has no valid size. */
#define PFS_NO_SIZE PFS_U53_END
/* There are no more. */
#define PFS_DESCRIPTOR_NONE 0
#define PFS_DESCRIPTOR_CONFIG 1
#define PFS_DESCRIPTOR_LAYER 2
#define PFS_TYPE_OTHER 0
#define PFS_TYPE_ROOTFS 1
#define PFS_TYPE_CHUNK 2
#define PFS_TYPE_COMPRESSED_CHUNK 3
/*
 * The last bytes of the table: the number of frames, a descriptor, a magic
 * number.
 */
#define PFS_SEEK_FOOTER_BYTES 9
/*
 * The header of the skippable frame: a magic number and the size of the rest.
 */
#define PFS_SKIPPABLE_HEADER_BYTES 8
/* An entry: the stored and the uncompressed size of a frame. */
#define PFS_SEEK_ENTRY_BYTES 8
#define PFS_SEEKABLE_MAGIC 2408770225U
#define PFS_SKIPPABLE_MAGIC 407710302
/* Largest number of frames: the limit of zstd's own reader. */
#define PFS_MAX_FRAMES 134217728
/*
 * Largest uncompressed size of a frame, bytes: a reader decompresses frames
 * whole.
 */
#define PFS_MAX_FRAME_BYTES 16777216
/* Version of the format. */
#define PFS_MANIFEST_VERSION 3
/* Largest length of the target of a symbolic link. */
#define PFS_MAX_TARGET_BYTES 4095
/* Largest length of the value of an extended attribute. */
#define PFS_MAX_XATTR_VALUE_BYTES 65536
/* Nanoseconds of a second. */
#define PFS_NANOSECONDS 1000000000

/*
 * A message: its bytes, and where each of its segments starts (one more start
 * ends the last one).
 */
struct pfs_message {
	struct pfs_bytes bytes;
	u32 segments;
	struct pfs_scratch_u32 starts;
};

/* A struct: its data section starts at word `at`, its pointers follow it. */
struct pfs_struct_part {
	const struct pfs_message *message;
	u32 at;
	u16 words;
	u16 pointers;
};

/* A list of structs: the first of `count` elements starts at word `at`. */
struct pfs_list_part {
	const struct pfs_message *message;
	u32 at;
	u32 count;
	u16 words;
	u16 pointers;
};

/*
 * A pointer, followed to its target: `rule` is 0 if it is valid, `kind` one of
 * POINTER_….
 */
struct pfs_pointer {
	u32 rule;
	u32 kind;
	u32 at;
	/* Upper half of the pointer: the sizes of its target. */
	u32 sizes;
};

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

/* A chunk of a blob that may have several. */
struct pfs_chunk {
	struct pfs_struct_part part;
};

struct pfs_chunk_list {
	struct pfs_list_part part;
};

/* The metadata of an image. */
struct pfs_rootfs {
	struct pfs_struct_part part;
};

struct pfs_rootfs_list {
	struct pfs_list_part part;
};

/* wire.c */
bool pfs_read_segments(struct pfs_bytes header, u64 size,
		       struct pfs_scratch_u32 starts,
		       struct pfs_failure *failure, u32 *out);
bool pfs_open_message(struct pfs_bytes bytes, struct pfs_scratch_u32 starts,
		      struct pfs_failure *failure, struct pfs_message *out);
struct pfs_pointer pfs_follow_pointer(const struct pfs_message *message,
				      u32 at);
struct pfs_struct_part pfs_struct_field(struct pfs_struct_part part, u32 index);
struct pfs_list_part pfs_list_field(struct pfs_struct_part part, u32 index);
struct pfs_bytes pfs_data_field(struct pfs_struct_part part, u32 index);
struct pfs_struct_part pfs_element(struct pfs_list_part list, u32 index);
bool pfs_bool_field(struct pfs_struct_part part, u32 offset, u32 mask);
u16 pfs_u16_field(struct pfs_struct_part part, u32 offset);
u32 pfs_u32_field(struct pfs_struct_part part, u32 offset);
u64 pfs_u53_field(struct pfs_struct_part part, u32 offset);
s64 pfs_i53_field(struct pfs_struct_part part, u32 offset);
bool pfs_spend(struct pfs_scratch_u53 work, u64 words, u64 offset,
	       struct pfs_failure *failure);
bool pfs_checked_root(const struct pfs_message *message,
		      struct pfs_failure *failure, struct pfs_struct_part *out);
bool pfs_checked_struct(struct pfs_struct_part part, u32 index,
			struct pfs_scratch_u53 work,
			struct pfs_failure *failure,
			struct pfs_struct_part *out);
bool pfs_checked_list(struct pfs_struct_part part, u32 index,
		      struct pfs_scratch_u53 work, struct pfs_failure *failure,
		      struct pfs_list_part *out);
bool pfs_checked_data(struct pfs_struct_part part, u32 index,
		      struct pfs_scratch_u53 work, struct pfs_failure *failure,
		      struct pfs_bytes *out);

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

static inline struct pfs_chunk pfs_chunk_at(struct pfs_chunk_list list,
					    u32 index)
{
	return (struct pfs_chunk) { .part = pfs_element(list.part, index) };
}

/* The blob, and the position in its uncompressed content. */
static inline struct pfs_blob_ref pfs_chunk_blob(struct pfs_chunk self)
{
	return (struct pfs_blob_ref) { .part = pfs_struct_field(self.part, 0) };
}

/* Uncompressed bytes. */
static inline u64 pfs_chunk_length(struct pfs_chunk self)
{
	return pfs_u53_field(self.part, 0);
}

/*
 * sha256 of the bytes as stored: the chunk's frames, or the chunk itself if
 * the blob is not compressed.
 */
static inline struct pfs_bytes pfs_chunk_stored_digest(struct pfs_chunk self)
{
	return pfs_data_field(self.part, 1);
}

/* sha256 of the uncompressed chunk. */
static inline struct pfs_bytes pfs_chunk_content_digest(struct pfs_chunk self)
{
	return pfs_data_field(self.part, 2);
}

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

/* The chunks of packed blobs, ascending by digest and offset. */
static inline struct pfs_chunk_list pfs_rootfs_chunks(struct pfs_rootfs self)
{
	return (struct pfs_chunk_list) { .part = pfs_list_field(self.part, 2) };
}

/*
 * An inode, and its number among all inode records of the image, layer after
 * layer.
 */
struct pfs_inode_record {
	u64 ordinal;
	struct pfs_inode inode;
};

/* A name that a directory shows; `cookie` resumes the listing after it. */
struct pfs_visible_entry {
	u64 cookie;
	struct pfs_dir_entry entry;
	u64 ordinal;
	struct pfs_inode inode;
};

/*
 * A record of a directory: its layer, its position among the inodes of the
 * layer, and its names.
 */
struct pfs_dir_record {
	u32 layer;
	u32 position;
	struct pfs_dir_entry_list entries;
	bool look_below;
};

/* A run of a file: its index, and the byte of the file at which it starts. */
struct pfs_chunk_place {
	u32 index;
	u64 start;
};

/* An entry of the image's table of chunks, and its index there. */
struct pfs_table_chunk {
	u32 index;
	struct pfs_chunk chunk;
};

/*
 * A character of a string: its code point, or BAD_CHARACTER, and where the
 * next one starts.
 */
struct pfs_character {
	u32 code;
	u64 next;
};

/*
 * A step of the scanner: an object or array that is opened or closed, or a
 * scalar; and the state after it.
 */
struct pfs_step {
	/* One of STEP_…. */
	u32 kind;
	/* Objects and arrays that are open after it. */
	u32 depth;
	/* Position of the last key. */
	u64 key;
	/* Where it starts. */
	u64 start;
	/* Where the scan goes on. */
	u64 at;
	/* One of WANT_…: what may come next. */
	u32 want;
};

/*
 * Memory for reading a manifest. All of it is zeroed before the first
 * descriptor is read.
 */
struct pfs_manifest_scratch {
	/* Marks of the objects and arrays that are open: OPEN_MARKS. */
	struct pfs_scratch_u8 open;
	/* Positions of the keys of the objects that are open: KEY_POSITIONS. */
	struct pfs_scratch_u32 keys;
	/* A string without its escapes: DIGEST_TEXT_BYTES. */
	struct pfs_scratch_u8 plain;
	/*
	 * The digest of the descriptor that was read last, then its fs-verity
	 * digest: 2 * DIGEST_BYTES.
	 */
	struct pfs_scratch_u8 layer;
	/*
	 * The digest of the metadata blob: DIGEST_BYTES. findRootfs fills it.
	 */
	struct pfs_scratch_u8 digest;
	/*
	 * The fs-verity digest of the metadata blob: DIGEST_BYTES. findRootfs
	 * fills it.
	 */
	struct pfs_scratch_u8 verity;
};

/*
 * The metadata blob, as the manifest describes it; its digests are in
 * ManifestScratch.
 */
struct pfs_rootfs_descriptor {
	/* Where its descriptor ends in the manifest, bytes. */
	u32 end;
	/* Whether an fs-verity digest is annotated. */
	bool has_verity;
	/* Bytes of the blob, or NO_SIZE. */
	u64 size;
};

/*
 * A descriptor of a manifest, and the scanner's state after it; its digests
 * are in ManifestScratch.layer.
 */
struct pfs_descriptor {
	/* One of DESCRIPTOR_…. */
	u32 kind;
	/* One of TYPE_…. */
	u32 type;
	/* Whether its digest is sha256 in hexadecimal; a layer's always is. */
	bool has_digest;
	/* Whether an fs-verity digest is annotated. */
	bool has_verity;
	/* Bytes of the blob, or NO_SIZE. */
	u64 size;
	/* Whether the array of layers is open. */
	bool in_layers;
	struct pfs_step step;
};

/* Where the seek table of a blob is, and the form of its entries. */
struct pfs_seek_footer {
	u32 frames;
	/* Bytes of an entry: 8, or 12 with a checksum. */
	u8 entry_bytes;
	/* Bytes of the skippable frame, which ends with the blob. */
	u64 table_bytes;
};

/* The results of validation. */
struct pfs_summary {
	/* Visible inodes. */
	u64 inodes;
	/* Directory records whose names are not in ascending order. */
	u32 unsorted;
	/* Numbers in the index of their names, which indexNames fills. */
	u64 index;
};

/* ascii.c */
bool pfs_is_digit(u32 code);

/* mediatypes.c */
struct pfs_bytes pfs_media_type_prefix(void);
struct pfs_bytes pfs_rootfs_media_type(void);
struct pfs_bytes pfs_chunk_media_type(void);
struct pfs_bytes pfs_compressed_chunk_media_type(void);
struct pfs_bytes pfs_verity_annotation(void);

/* checks.c */
bool pfs_follow_dir_entry(struct pfs_dir_entry self,
			  struct pfs_scratch_u53 work,
			  struct pfs_failure *failure);
bool pfs_follow_dir(struct pfs_dir self, struct pfs_scratch_u53 work,
		    struct pfs_failure *failure);
bool pfs_follow_blob_ref(struct pfs_blob_ref self, struct pfs_scratch_u53 work,
			 struct pfs_failure *failure);
bool pfs_follow_file_chunk(struct pfs_file_chunk self,
			   struct pfs_scratch_u53 work,
			   struct pfs_failure *failure);
bool pfs_follow_xattr(struct pfs_xattr self, struct pfs_scratch_u53 work,
		      struct pfs_failure *failure);
bool pfs_follow_inode_additional(struct pfs_inode_additional self,
				 struct pfs_scratch_u53 work,
				 struct pfs_failure *failure);
bool pfs_follow_inode(struct pfs_inode self, struct pfs_scratch_u53 work,
		      struct pfs_failure *failure);
bool pfs_follow_inode_vector(struct pfs_inode_vector self,
			     struct pfs_scratch_u53 work,
			     struct pfs_failure *failure);
bool pfs_follow_verity_data(struct pfs_verity_data self,
			    struct pfs_scratch_u53 work,
			    struct pfs_failure *failure);
bool pfs_follow_chunk(struct pfs_chunk self, struct pfs_scratch_u53 work,
		      struct pfs_failure *failure);
bool pfs_follow_rootfs(struct pfs_rootfs self, struct pfs_scratch_u53 work,
		       struct pfs_failure *failure);

/* names.c */
u32 pfs_compare_names(struct pfs_bytes a, struct pfs_bytes b);
bool pfs_same_bytes(struct pfs_bytes a, struct pfs_bytes b);
u32 pfs_separator(struct pfs_bytes name);
bool pfs_has_nul(struct pfs_bytes bytes);
bool pfs_is_dots(struct pfs_bytes name);

/* nameindex.c */
bool pfs_ascending(struct pfs_dir_entry_list entries);
bool pfs_index_names(struct pfs_rootfs image, u32 records,
		     struct pfs_scratch_u32 index, struct pfs_failure *failure);
u32 pfs_index_start(struct pfs_scratch_u32 index, u32 layer, u32 position);
u32 pfs_sorted_entry(struct pfs_scratch_u32 index, u32 start, u32 i);

/* layers.c */
u32 pfs_search_inodes(struct pfs_inode_list inodes, u64 ino);
bool pfs_has_inode(struct pfs_inode_vector_list layers, u64 ino);
bool pfs_resolve_inode(struct pfs_inode_vector_list layers,
		       struct pfs_inode_list newest, u64 ino,
		       struct pfs_inode_record *out);
bool pfs_find_inode_record(struct pfs_rootfs image, u64 ino,
			   struct pfs_inode_record *out);
bool pfs_resolved_inode(struct pfs_inode_vector_list layers,
			struct pfs_inode_list newest, u64 ino,
			struct pfs_inode *out);
bool pfs_find_inode(struct pfs_rootfs image, u64 ino, struct pfs_inode *out);
u64 pfs_count_records(struct pfs_rootfs image);

/* directories.c */
bool pfs_find_dir_record(struct pfs_inode_vector_list layers, u64 dir, u32 from,
			 struct pfs_dir_record *out);
bool pfs_find_name(struct pfs_rootfs image, struct pfs_scratch_u32 index,
		   u64 dir, struct pfs_bytes name, struct pfs_inode *out);
bool pfs_resolve_entry(struct pfs_inode_vector_list layers,
		       struct pfs_inode_list newest, u32 layer, u64 dir,
		       struct pfs_dir_entry entry,
		       struct pfs_inode_record *out);
bool pfs_open_listing(struct pfs_rootfs image, u64 dir, u64 cookie,
		      struct pfs_dir_record *out);
bool pfs_next_listing(struct pfs_rootfs image, u64 dir,
		      struct pfs_dir_record record, struct pfs_dir_record *out);
bool pfs_next_visible_entry(struct pfs_rootfs image, u64 dir,
			    struct pfs_dir_record record, u64 cookie,
			    struct pfs_visible_entry *out);
bool pfs_next_name(struct pfs_rootfs image, u64 dir, u64 cookie,
		   struct pfs_visible_entry *out);

/* device.c */
u32 pfs_file_type(struct pfs_inode inode);
u32 pfs_stat_mode(struct pfs_inode inode);
bool pfs_device_fits(u64 major, u64 minor);

/* digest.c */
u32 pfs_hex_digit(u32 code);
bool pfs_parse_hex(struct pfs_bytes digits, struct pfs_scratch_u8 digest);
void pfs_format_hex(struct pfs_bytes digest, struct pfs_scratch_u8 digits);

/* content.c */
struct pfs_chunk_place pfs_find_chunk(struct pfs_file_chunk_list chunks,
				      u64 offset);
u64 pfs_file_size(struct pfs_file_chunk_list chunks);
bool pfs_zero_blob_digest(struct pfs_scratch_u8 digest);
bool pfs_is_hole(struct pfs_file_chunk chunk, struct pfs_bytes zeros);
u64 pfs_data_size(struct pfs_file_chunk_list chunks, struct pfs_bytes zeros);
u64 pfs_content_bytes(struct pfs_rootfs image, struct pfs_scratch_u32 links);
bool pfs_check_run_end(u64 end, u64 blob_bytes, u64 ino,
		       struct pfs_failure *failure);
bool pfs_find_verity(struct pfs_rootfs image, struct pfs_bytes digest,
		     struct pfs_bytes *out);
bool pfs_find_table_chunk(struct pfs_rootfs image, struct pfs_bytes digest,
			  bool compressed, u64 offset,
			  struct pfs_table_chunk *out);

/* jsonstring.c */
bool pfs_string_end(struct pfs_bytes json, u64 at, struct pfs_failure *failure,
		    u64 *out);
bool pfs_same_string(struct pfs_bytes json, u64 a, u64 b);
bool pfs_string_is(struct pfs_bytes json, u64 at, struct pfs_bytes wanted);
u64 pfs_copy_string(struct pfs_bytes json, u64 at, struct pfs_scratch_u8 plain);

/* json.c */
struct pfs_step pfs_scan_start(void);
bool pfs_next_step(struct pfs_bytes json, struct pfs_scratch_u8 open,
		   struct pfs_scratch_u32 keys, struct pfs_step last,
		   struct pfs_failure *failure, struct pfs_step *out);

/* manifest.c */
bool pfs_manifest_start(struct pfs_bytes json, struct pfs_failure *failure,
			struct pfs_descriptor *out);
bool pfs_next_descriptor(struct pfs_bytes json,
			 const struct pfs_manifest_scratch *scratch,
			 struct pfs_descriptor last,
			 struct pfs_failure *failure,
			 struct pfs_descriptor *out);
bool pfs_find_rootfs(struct pfs_bytes json,
		     const struct pfs_manifest_scratch *scratch,
		     struct pfs_failure *failure,
		     struct pfs_rootfs_descriptor *out);

/* seektable.c */
bool pfs_read_seek_footer(struct pfs_bytes footer, u64 blob_bytes,
			  struct pfs_failure *failure,
			  struct pfs_seek_footer *out);
bool pfs_read_seek_table(struct pfs_bytes table, struct pfs_seek_footer footer,
			 u64 blob_bytes, struct pfs_scratch_u53 stored,
			 struct pfs_scratch_u53 content,
			 struct pfs_failure *failure, u64 *out);
u32 pfs_find_frame(struct pfs_scratch_u53 content, u32 frames, u64 offset);
u64 pfs_seek_table_bytes(u32 frames);
void pfs_write_seek_table(struct pfs_scratch_u8 table,
			  struct pfs_scratch_u32 stored,
			  struct pfs_scratch_u32 content, u32 frames);

/* validate.c */
bool pfs_check_encoding(const struct pfs_message *message,
			struct pfs_scratch_u53 work,
			struct pfs_failure *failure, struct pfs_rootfs *out);
bool pfs_validate(struct pfs_rootfs image, struct pfs_scratch_u32 links,
		  struct pfs_scratch_u53 parents, struct pfs_scratch_u53 queue,
		  struct pfs_failure *failure, struct pfs_summary *out);

#endif /* _PFS_FORMAT_H */
