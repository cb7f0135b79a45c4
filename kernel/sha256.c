// SPDX-License-Identifier: GPL-2.0-only
/*
 * SHA-256 by the crypto API. Before 7.x the library function is generic C.
 */
#include "blob.h"

#include <crypto/hash.h>
#include <linux/module.h>

static struct crypto_shash *sha256_tfm;

int puzzlefs_sha256(const void *data, size_t length, u8 *digest)
{
	SHASH_DESC_ON_STACK(desc, sha256_tfm);
	int err;

	desc->tfm = sha256_tfm;
	err = crypto_shash_init(desc);
	/* The API takes an unsigned int, and long inputs take long. */
	while (!err && length) {
		unsigned int part = min_t(size_t, length, SZ_1M);

		err = crypto_shash_update(desc, data, part);
		data += part;
		length -= part;
		cond_resched();
	}
	if (!err)
		err = crypto_shash_final(desc, digest);
	shash_desc_zero(desc);
	return err;
}

int __init puzzlefs_init_sha256(void)
{
	sha256_tfm = crypto_alloc_shash("sha256", 0, 0);
	return PTR_ERR_OR_ZERO(sha256_tfm);
}

void puzzlefs_exit_sha256(void)
{
	crypto_free_shash(sha256_tfm);
}

MODULE_SOFTDEP("pre: sha256-ssse3");
