// SPDX-License-Identifier: GPL-2.0-only
/*
 * SHA-256 by the crypto API. Before 7.x the library function is generic C.
 */
#include "blob.h"

#include <crypto/hash.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

static struct crypto_shash *sha256_tfm;

/* A digest of several pieces. */
struct puzzlefs_sha256 {
	struct shash_desc desc;		/* and the state, of the tfm's size */
};

/* Returns NULL if memory is short. */
struct puzzlefs_sha256 *puzzlefs_begin_sha256(void)
{
	struct puzzlefs_sha256 *sha256;

	sha256 = kmalloc(sizeof(*sha256) + crypto_shash_descsize(sha256_tfm),
			 GFP_KERNEL);
	if (!sha256)
		return NULL;
	sha256->desc.tfm = sha256_tfm;
	if (!crypto_shash_init(&sha256->desc))
		return sha256;
	kfree(sha256);
	return NULL;
}

static int add_bytes(struct shash_desc *desc, const void *data, size_t length)
{
	int err = 0;

	/* The API takes an unsigned int, and long inputs take long. */
	while (!err && length) {
		unsigned int part = min_t(size_t, length, SZ_256K);

		err = crypto_shash_update(desc, data, part);
		data += part;
		length -= part;
		cond_resched();
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
	}
	return err;
}

int puzzlefs_add_sha256(struct puzzlefs_sha256 *sha256, const void *data,
			size_t length)
{
	return add_bytes(&sha256->desc, data, length);
}

/* Computes the digest, unless there was an error @err, and frees @sha256. */
int puzzlefs_end_sha256(struct puzzlefs_sha256 *sha256, int err, u8 *digest)
{
	if (!err)
		err = crypto_shash_final(&sha256->desc, digest);
	kfree(sha256);
	return err;
}

int puzzlefs_sha256(const void *data, size_t length, u8 *digest)
{
	SHASH_DESC_ON_STACK(desc, sha256_tfm);
	int err;

	desc->tfm = sha256_tfm;
	err = crypto_shash_init(desc);
	if (!err)
		err = add_bytes(desc, data, length);
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
