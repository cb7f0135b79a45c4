/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/rules.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_RULES_H
#define _PFS_RULES_H

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
	 * The name of an extended attribute is empty, longer than 255 bytes, or
	 * has a NUL.
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
	 * A directory looks below more than 16 times: its names are in too many
	 * layers.
	 */
	PFS_RULE_LOOK_BELOW_DEPTH,
	/* A frame is stored in more bytes than zstd needs for its content. */
	PFS_RULE_SEEK_TABLE_STORED_TOO_LARGE,
	/*
	 * The manifest is that of a packed image: the canonical one is rebuilt
	 * from its bundle.
	 */
	PFS_RULE_MANIFEST_PACKED,
	/* No layer is a bundle. */
	PFS_RULE_MANIFEST_BUNDLE_MISSING,
	/* Two layers are bundles. */
	PFS_RULE_MANIFEST_BUNDLE_TWICE,
	/*
	 * A packed manifest does not record the sha256 of the canonical
	 * manifest.
	 */
	PFS_RULE_MANIFEST_CANONICAL_MISSING,
	/*
	 * A bundle is larger than 64 MiB, or than 1 GiB when it is
	 * decompressed.
	 */
	PFS_RULE_BUNDLE_TOO_LARGE,
	/* A bundle has more than 1000 packs. */
	PFS_RULE_BUNDLE_PACKS,
	/* The packs of a bundle add up to more than 2^53 - 1 bytes. */
	PFS_RULE_BUNDLE_PACK_SIZES,
	/*
	 * A packed manifest lists other packs than its bundle, or in another
	 * order.
	 */
	PFS_RULE_BUNDLE_PACK_DESCRIPTOR,
	/* The fs-verity digests of a packed image do not ascend by blob. */
	PFS_RULE_BUNDLE_VERITY_ORDER,
	/*
	 * A file of a packed image refers to a chunk that has no fs-verity
	 * digest.
	 */
	PFS_RULE_BUNDLE_CHUNK_UNLISTED,
	/* The index of a bundle ends before it has all chunks. */
	PFS_RULE_INDEX_TRUNCATED,
	/* The index of a bundle has more than the chunks of the image. */
	PFS_RULE_INDEX_LENGTH,
	/* A number of an index has more than 49 bits. */
	PFS_RULE_INDEX_NUMBER,
	/* An index names a pack that the bundle does not have. */
	PFS_RULE_INDEX_PACK,
	/* A run of an index has no chunks. */
	PFS_RULE_INDEX_RUN,
	/* A chunk of an index is empty, or larger than 4 GiB. */
	PFS_RULE_INDEX_CHUNK_SIZE,
	/* A chunk of an index is not inside its pack. */
	PFS_RULE_INDEX_OUTSIDE_PACK,
	/* The chunks of a pack add up to more than the pack: some overlap. */
	PFS_RULE_INDEX_OVERLAP,
	/* A place table ends before its records do, or is longer. */
	PFS_RULE_PLACE_TABLE_SIZE,
	/* A file is not a place table, or one of another version. */
	PFS_RULE_PLACE_TABLE_MAGIC,
	/* A place table has more than 1000 packs. */
	PFS_RULE_PLACE_TABLE_PACKS,
	/* A place table has more than 512 MiB. */
	PFS_RULE_PLACE_TABLE_TOO_LARGE,
	/* The records of a place table do not ascend by digest. */
	PFS_RULE_PLACE_TABLE_ORDER,
	/* A record of a place table is not inside its pack, or is empty. */
	PFS_RULE_PLACE_TABLE_SLICE,
	/*
	 * The records of a place table add up to more than their pack: some
	 * overlap.
	 */
	PFS_RULE_PLACE_TABLE_OVERLAP,
	/*
	 * The image has other numbers of inodes or bytes, or other traits, than
	 * it records.
	 */
	PFS_RULE_RECORDED_TOTALS,
	/* An inode has another number of links than the image records. */
	PFS_RULE_RECORDED_LINKS,
	/* A directory is in another one than the image records. */
	PFS_RULE_RECORDED_PARENT,
	/*
	 * A directory of an image that records its tree has names that are not
	 * sorted.
	 */
	PFS_RULE_RECORDED_UNSORTED,
	/*
	 * A list has structs without members: its bytes would not bound its
	 * length.
	 */
	PFS_RULE_LIST_EMPTY_STRUCTS,
	/*
	 * The layers have more inodes than the message has room for, 16 bytes
	 * each.
	 */
	PFS_RULE_TOO_MANY_INODES,
	/* A file has more than 2^24 runs. */
	PFS_RULE_TOO_MANY_RUNS,
	/*
	 * The names of an inode's extended attributes have more than 64 KiB,
	 * each with a NUL: Linux lists no more.
	 */
	PFS_RULE_XATTR_NAMES,
	/*
	 * A frame is stored in fewer than 9 bytes, the header of a frame and of
	 * a block.
	 */
	PFS_RULE_SEEK_TABLE_FRAME_TOO_SMALL,
	/* A frame that is not the last one has no content. */
	PFS_RULE_SEEK_TABLE_EMPTY_FRAME,
	PFS_RULE_COUNT
};

/* Name of a rule, and whether breaking it means "newer than this reader". */
extern const char * const pfs_rule_names[];
extern const bool pfs_rule_unsupported[];

#endif /* _PFS_RULES_H */
