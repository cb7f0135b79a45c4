// SPDX-License-Identifier: GPL-2.0-only
/*
 * fs-verity: blobs must have the digests that the image records.
 */
#include "blob.h"

#include <linux/fsverity.h>

/* Whether the kernel has fs-verity digests for this driver. */
bool puzzlefs_has_verity(void)
{
	return IS_ENABLED(CONFIG_FS_VERITY);
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
}
