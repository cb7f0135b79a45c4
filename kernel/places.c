// SPDX-License-Identifier: GPL-2.0-only
/*
 * The place table of a packed image: which metadata it has, and where in the
 * packs its chunks are. It is read and checked as a whole when the image is
 * mounted, and stays in memory. Chunks that it does not have are files.
 */
#include "internal.h"

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

static void copy_digest(u8 *to, struct pfs_bytes from)
{
	/* The table is checked: all digests are inside of it. */
	memcpy(to, from.data, PFS_DIGEST_BYTES);
}

static int check_table(struct puzzlefs_places *places,
		       struct pfs_failure *failure)
{
	struct pfs_scratch_u53 sums = { .length = PFS_PLACE_SUMS };
	int err = 0;

	sums.data = kcalloc(sums.length, sizeof(u64), GFP_KERNEL);
	if (!sums.data)
		return -ENOMEM;
	if (!pfs_read_place_head(places->bytes, places->bytes.length, failure,
				 &places->head) ||
	    !pfs_check_places(places->bytes, places->head, sums, failure))
		err = -EUCLEAN;
	kfree(sums.data);
	return err;
}

/* Checks that the table is that of the image that is to be mounted. */
static int check_image(struct puzzlefs_sb_info *sbi, struct fs_context *fc)
{
	struct puzzlefs_places *places = &sbi->places;
	u8 manifest[PFS_DIGEST_BYTES];

	copy_digest(manifest, pfs_place_manifest(places->bytes));
	if (memcmp(manifest, sbi->manifest, PFS_DIGEST_BYTES)) {
		errorfc(fc, "place table %*phN is that of manifest %*phN",
			PFS_DIGEST_BYTES, places->digest, PFS_DIGEST_BYTES,
			manifest);
		return -EINVAL;
	}
	if (sbi->store->kind.verity &&
	    !memchr_inv(pfs_place_metadata_verity(places->bytes).data, 0,
			PFS_DIGEST_BYTES)) {
		errorfc(fc,
			"place table %*phN: metadata have no fs-verity digest",
			PFS_DIGEST_BYTES, places->digest);
		return -EKEYREJECTED;
	}
	return 0;
}

/**
 * puzzlefs_load_places - read and check the place table of an image
 * @sbi: has the store and the digest of the table; its places are filled
 * @fc: receives messages
 * @metadata: result: sha256 of the metadata
 * @verity: result: their fs-verity digest, if the store requires it
 *
 * Return: 0; -EUCLEAN if the table is corrupt, -EOPNOTSUPP if it is newer than
 * this driver, -EINVAL if it belongs to another image, or as
 * puzzlefs_load_image().
 */
int puzzlefs_load_places(struct puzzlefs_sb_info *sbi, struct fs_context *fc,
			 u8 *metadata, u8 *verity)
{
	struct puzzlefs_places *places = &sbi->places;
	const struct puzzlefs_whole table = {
		.what = "place table",
		.digest = places->digest,
		.verity = sbi->verity,
		.size = PFS_NO_SIZE,
		.limit = PFS_MAX_PLACE_TABLE_BYTES,
		.too_large = PFS_RULE_PLACE_TABLE_TOO_LARGE,
	};
	struct pfs_failure failure = { .rule = PFS_RULE_NONE };
	int err;

	err = puzzlefs_read_whole(sbi, fc, &table, &places->bytes);
	if (err)
		return err;
	err = check_table(places, &failure);
	if (err == -EUCLEAN)
		return puzzlefs_refuse_blob(fc, "place table", places->digest,
					    &failure);
	if (!err)
		err = check_image(sbi, fc);
	if (err)
		return err;
	copy_digest(metadata, pfs_place_metadata(places->bytes));
	copy_digest(verity, pfs_place_metadata_verity(places->bytes));
	return 0;
}

void puzzlefs_free_places(struct puzzlefs_places *places)
{
	vfree(places->bytes.data);
}

/**
 * puzzlefs_find_place - find out whether a blob is a slice of a pack
 * @places: the table of the image; empty: the image is not packed
 * @id: the blob; if it is a slice, the pack and the position are set
 */
void puzzlefs_find_place(const struct puzzlefs_places *places,
			 struct puzzlefs_blob_id *id)
{
	struct pfs_bytes digest = { id->digest, PFS_DIGEST_BYTES };
	struct pfs_place place;

	if (!pfs_find_place(places->bytes, places->head, digest, &place))
		return;
	copy_digest(id->pack, pfs_place_pack_digest(places->bytes, place.pack));
	copy_digest(id->pack_verity,
		    pfs_place_pack_verity(places->bytes, place.pack));
	id->pack_size = pfs_place_pack_size(places->bytes, place.pack);
	id->base = place.offset;
	id->size = place.size;
}
