// SPDX-License-Identifier: GPL-2.0-only
/*
 * fs-verity: blobs must have the digests that the image records.
 */
#include "blob.h"

#include <linux/fsverity.h>

#if defined(CONFIG_FS_VERITY) && defined(PUZZLEFS_FSVERITY_GET_DIGEST)
#define PUZZLEFS_HAS_VERITY 1
#else
#define PUZZLEFS_HAS_VERITY 0
#endif

/* Whether this kernel exports fsverity_get_digest() to modules. */
bool puzzlefs_has_verity(void)
{
	return PUZZLEFS_HAS_VERITY;
}

/**
 * puzzlefs_check_verity - compare an open file's fs-verity digest
 * @file: the file
 * @expected: fs-verity digest with SHA-256, 32 bytes
 *
 * After success, the lower filesystem verifies all reads of the file.
 *
 * Return: 0, -ENODATA if the file has no fs-verity, -EKEYREJECTED if it has
 * another digest.
 */
int puzzlefs_check_verity(struct file *file, const u8 *expected)
{
#if PUZZLEFS_HAS_VERITY
	u8 digest[FS_VERITY_MAX_DIGEST_SIZE];
	enum hash_algo algorithm;
	int size;

	size = fsverity_get_digest(file_inode(file), digest, NULL, &algorithm);
	if (size <= 0)
		return size ? size : -ENODATA;
	if (algorithm != HASH_ALGO_SHA256 || size != PFS_DIGEST_BYTES ||
	    memcmp(digest, expected, PFS_DIGEST_BYTES))
		return -EKEYREJECTED;
	return 0;
#else
	return -EOPNOTSUPP;
#endif
}
