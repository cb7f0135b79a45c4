// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading an image. Its metadata are read into private memory, then checked
 * against the format's rules. If the image records its tree, that is done for
 * its outline only, and record.c checks each inode at its first use. The
 * manifest of a packed image is not read: its place table names the metadata.
 */
#include "internal.h"

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

/* Scratch memory of pfs_find_first_rootfs(). */
struct manifest_memory {
	u32 keys[PFS_KEY_POSITIONS];
	u8 open[PFS_OPEN_MARKS];
	u8 plain[PFS_DIGEST_TEXT_BYTES];
	u8 layer[2 * PFS_DIGEST_BYTES];
};

/* Finds the digests and the size of the metadata blob in the manifest. */
static int find_metadata(struct puzzlefs_sb_info *sbi, struct fs_context *fc,
			 struct pfs_bytes json, u8 *digest, u8 *verity,
			 u64 *size)
{
	struct pfs_rootfs_descriptor descriptor = { .size = PFS_NO_SIZE };
	struct pfs_manifest_scratch scratch;
	struct manifest_memory *memory;
	struct pfs_failure failure;
	int err = 0;

	memory = kzalloc(sizeof(*memory), GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	scratch = (struct pfs_manifest_scratch) {
		.open = { memory->open, sizeof(memory->open) },
		.keys = { memory->keys, ARRAY_SIZE(memory->keys) },
		.plain = { memory->plain, sizeof(memory->plain) },
		.layer = { memory->layer, sizeof(memory->layer) },
		.digest = { digest, PFS_DIGEST_BYTES },
		.verity = { verity, PFS_DIGEST_BYTES },
	};
	if (!pfs_find_first_rootfs(json, &scratch, &failure, &descriptor)) {
		err = puzzlefs_refuse_blob(fc, "manifest", sbi->manifest,
					   &failure);
	} else if (sbi->store->kind.verity && !descriptor.has_verity) {
		errorfc(fc,
			"manifest %*phN: metadata have no fs-verity digest",
			PFS_DIGEST_BYTES, sbi->manifest);
		err = -EKEYREJECTED;
	}
	*size = descriptor.size;
	kfree(memory);
	return err;
}

/* Allocates arrays with an element per inode record. False: out of memory. */
static bool alloc_scratch(struct puzzlefs_image *image,
			  struct pfs_scratch_u32 *links,
			  struct pfs_scratch_u53 *parents,
			  struct pfs_scratch_u53 *queue)
{
	u64 records = image->records;

	/* One more: an empty image must get to the rule that refuses it. */
	links->data = kvcalloc(records + 1, sizeof(u32), GFP_KERNEL_ACCOUNT);
	parents->data = kvcalloc(records + 1, sizeof(u64), GFP_KERNEL_ACCOUNT);
	queue->data = kvcalloc(records + 1, sizeof(u64), GFP_KERNEL_ACCOUNT);
	links->length = records;
	parents->length = records;
	queue->length = records;
	image->links = links->data;
	image->parents = parents->data;
	return links->data && parents->data && queue->data;
}

static int index_names(struct puzzlefs_image *image,
		       struct pfs_failure *failure)
{
	struct pfs_summary *summary = &image->summary;

	if (!summary->unsorted)
		return 0;
	image->index.data = kvcalloc(summary->index, sizeof(u32),
				     GFP_KERNEL_ACCOUNT);
	if (!image->index.data)
		return -ENOMEM;
	image->index.length = summary->index;
	if (!pfs_index_names(image->rootfs, summary->unsorted, image->index,
			     failure))
		return -EUCLEAN;
	return 0;
}

/* Files may have holes if the image lists the blob of zeros. */
static void find_zeros(struct puzzlefs_image *image)
{
	struct pfs_scratch_u8 digest = { image->zeros, PFS_DIGEST_BYTES };
	struct pfs_bytes zeros = { image->zeros, PFS_DIGEST_BYTES };
	struct pfs_bytes recorded;

	image->has_holes = pfs_zero_blob_digest(digest) &&
			   pfs_find_verity(image->rootfs, zeros, &recorded);
}

/*
 * Validates the image against all rules, and stores in it what validation
 * computes. A violated rule is returned in @failure.
 */
static int validate(struct puzzlefs_image *image, struct pfs_failure *failure)
{
	u64 words;
	struct pfs_scratch_u53 work = { &words, 1 };
	struct pfs_scratch_u53 parents, queue;
	struct pfs_scratch_u32 links;
	int err;

	image->has_acls = true;
	if (!pfs_check_encoding(&image->message, work, failure, &image->rootfs))
		return -EUCLEAN;
	if (!alloc_scratch(image, &links, &parents, &queue))
		err = -ENOMEM;
	else if (!pfs_validate(image->rootfs, links, parents, queue, failure,
			       &image->summary))
		err = -EUCLEAN;
	else
		err = index_names(image, failure);
	kvfree(queue.data);
	image->inodes = image->summary.inodes;
	if (!err)
		image->content_bytes = pfs_content_bytes(image->rootfs, links);
	return pfs_stopped() ? -EINTR : err;
}

/* Takes the results of validation from the records, and checks the root. */
static int use_records(struct puzzlefs_image *image,
		       struct pfs_failure *failure)
{
	struct pfs_inode_record root;

	if (image->records > U32_MAX)
		return -ENOMEM;
	image->checked = kvcalloc(BITS_TO_LONGS(image->records), sizeof(long),
				  GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!image->checked)
		return -ENOMEM;
	image->inodes = pfs_rootfs_inodes(image->rootfs);
	image->content_bytes = pfs_rootfs_content_bytes(image->rootfs);
	image->has_acls = pfs_rootfs_traits(image->rootfs) & PFS_TRAIT_ACLS;
	if (!pfs_resolve_inode(image->layers, PFS_ROOT_INO, &root)) {
		/* The outline has a root. */
		return pfs_stopped() ? -EINTR : -EUCLEAN;
	}
	return puzzlefs_check_record(image, &root, failure) ? 0 : -EUCLEAN;
}

/* Checks the metadata. A violated rule is returned in @failure. */
static int check_rules(struct puzzlefs_image *image,
		       struct pfs_failure *failure)
{
	u64 words;
	struct pfs_scratch_u53 work = { &words, 1 };
	struct pfs_scratch_u32 starts;
	int err;

	starts.length = PFS_MAX_SEGMENTS + 1;
	starts.data = kcalloc(starts.length, sizeof(u32), GFP_KERNEL_ACCOUNT);
	if (!starts.data)
		return -ENOMEM;
	image->starts = starts.data;
	if (!pfs_open_message(image->bytes, starts, failure, &image->message) ||
	    !pfs_check_outline(&image->message, work, failure, &image->rootfs))
		return -EUCLEAN;
	atomic64_set(&image->work, words);
	image->layers = pfs_open_layers(image->rootfs);
	image->records = pfs_count_records(image->rootfs);
	if (pfs_stopped())
		return -EINTR;
	if (pfs_records_tree(image->rootfs))
		err = use_records(image, failure);
	else
		err = validate(image, failure);
	if (!err)
		find_zeros(image);
	return err;
}

/*
 * Finds the digests and the size of the metadata blob. Of the manifest, what
 * follows the descriptor of the metadata, a list of all chunks, is not parsed.
 */
static int load_manifest(struct puzzlefs_sb_info *sbi, struct fs_context *fc,
			 u8 *digest, u8 *verity, u64 *size)
{
	const struct puzzlefs_whole manifest = {
		.what = "manifest",
		.digest = sbi->manifest,
		.verity = sbi->verity,
		.size = PFS_NO_SIZE,
		.limit = PFS_MAX_MANIFEST_BYTES,
		.too_large = PFS_RULE_MANIFEST_TOO_LARGE,
	};
	struct pfs_bytes json;
	int err;

	if (sbi->has_metadata) {
		memcpy(digest, sbi->metadata, PFS_DIGEST_BYTES);
		memcpy(verity, sbi->verity, PFS_DIGEST_BYTES);
		*size = PFS_NO_SIZE;
		return 0;
	}
	if (sbi->has_places) {
		*size = PFS_NO_SIZE;
		return puzzlefs_load_places(sbi, fc, digest, verity);
	}
	err = puzzlefs_read_whole(sbi, fc, &manifest, &json);
	if (err)
		return err;
	err = find_metadata(sbi, fc, json, digest, verity, size);
	vfree(json.data);
	return err;
}

/**
 * puzzlefs_load_image - read and check the image that the options name
 * @sbi: has the options and the store; its image is filled
 * @fc: receives messages
 *
 * Return: 0; -EUCLEAN if the image is corrupt, -EOPNOTSUPP if it is newer than
 * this driver, -ENODATA if a blob has no fs-verity, -EKEYREJECTED if its
 * fs-verity digest is missing in the image or differs, or the error of a read.
 * The caller must call puzzlefs_free_image() even after an error.
 */
int puzzlefs_load_image(struct puzzlefs_sb_info *sbi, struct fs_context *fc)
{
	struct puzzlefs_image *image = &sbi->image;
	u8 verity[PFS_DIGEST_BYTES];
	struct puzzlefs_whole blob = {
		.what = "metadata",
		.digest = image->digest,
		.verity = verity,
		.limit = PFS_MAX_METADATA_BYTES,
		.too_large = PFS_RULE_MESSAGE_TOO_LARGE,
	};
	struct pfs_failure failure = { .rule = PFS_RULE_NONE };
	int err;

	ratelimit_state_init(&image->messages, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	err = load_manifest(sbi, fc, image->digest, verity, &blob.size);
	if (err)
		return err;
	err = puzzlefs_read_whole(sbi, fc, &blob, &image->bytes);
	if (err)
		return err;
	err = check_rules(image, &failure);
	if (err == -EUCLEAN)
		return puzzlefs_refuse_blob(fc, "metadata", image->digest,
					    &failure);
	return err;
}

/* The memory that the image takes while it is mounted. */
u64 puzzlefs_image_bytes(const struct puzzlefs_image *image)
{
	u64 bytes = image->bytes.length + image->index.length * sizeof(u32);

	if (image->checked)
		return bytes + BITS_TO_LONGS(image->records) * sizeof(long);
	return bytes + (image->records + 1) * (sizeof(*image->links) +
					       sizeof(*image->parents));
}

void puzzlefs_free_image(struct puzzlefs_image *image)
{
	kvfree(image->index.data);
	kvfree(image->checked);
	kvfree(image->parents);
	kvfree(image->links);
	kfree(image->starts);
	vfree(image->bytes.data);
}
