// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading an image. Manifest and metadata are read into private memory, then
 * compared with their digests, then validated against the format's rules.
 */
#include "internal.h"

#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static int report_rule(struct fs_context *fc, const char *what,
		       const u8 *digest, const struct pfs_failure *failure)
{
	bool unsupported = pfs_rule_unsupported[failure->rule];

	errorfc(fc, "%s %s %*phN: %s (inode %llu, byte %llu)",
		unsupported ? "unsupported" : "corrupt", what,
		PFS_DIGEST_BYTES, digest, pfs_rule_names[failure->rule],
		failure->inode, failure->offset);
	return unsupported ? -EOPNOTSUPP : -EUCLEAN;
}

static int check_blob(struct fs_context *fc, const char *what,
		      const u8 *digest, struct pfs_bytes bytes)
{
	u8 actual[PFS_DIGEST_BYTES];
	int err = puzzlefs_sha256(bytes.data, bytes.length, actual);

	if (err || !memcmp(actual, digest, PFS_DIGEST_BYTES))
		return err;
	errorfc(fc, "%s %*phN has the sha256 %*phN", what, PFS_DIGEST_BYTES,
		digest, PFS_DIGEST_BYTES, actual);
	return -EUCLEAN;
}

static int open_checked(struct puzzlefs_sb_info *sbi, struct fs_context *fc,
			const char *what, const u8 *digest, const u8 *verity,
			struct file **out)
{
	struct dentry *dentry = puzzlefs_find_lower(sbi->store, digest);
	struct file *file;
	int err = 0;

	if (IS_ERR(dentry)) {
		file = ERR_CAST(dentry);
	} else {
		file = puzzlefs_open_lower(sbi->store, dentry);
		dput(dentry);
	}
	if (IS_ERR(file)) {
		errorfc(fc, "%s %*phN: cannot be opened in %s: %pe", what,
			PFS_DIGEST_BYTES, digest, sbi->oci_root_dir, file);
		return PTR_ERR(file);
	}
	if (sbi->store->kind.verity)
		err = puzzlefs_check_verity(file, verity);
	if (err) {
		errorfc(fc, "%s %*phN has %s", what, PFS_DIGEST_BYTES, digest,
			err == -ENODATA ? "no fs-verity" :
			"a different fs-verity digest");
		fput(file);
		return err;
	}
	*out = file;
	return 0;
}

/*
 * Reads a whole blob into private memory and checks its digest. More than
 * @limit bytes violate the rule @too_large. Any size but @expected is refused
 * before memory is allocated, unless @expected is PFS_NO_SIZE.
 */
static int read_blob(struct puzzlefs_sb_info *sbi, struct fs_context *fc,
		     const char *what, const u8 *digest, const u8 *verity,
		     u64 limit, enum pfs_rule too_large, u64 expected,
		     struct pfs_bytes *bytes)
{
	const struct pfs_failure failure = { .rule = too_large };
	struct file *file;
	u8 *data;
	u64 size;
	int err;

	err = open_checked(sbi, fc, what, digest, verity, &file);
	if (err)
		return err;
	size = i_size_read(file_inode(file));
	if (size > limit) {
		err = report_rule(fc, what, digest, &failure);
		goto out;
	}
	if (expected != PFS_NO_SIZE && size != expected) {
		errorfc(fc, "%s %*phN has %llu bytes instead of %llu", what,
			PFS_DIGEST_BYTES, digest, size, expected);
		err = -EUCLEAN;
		goto out;
	}
	/* Long-lived: kmalloc() would round it up to a power of two. */
	data = __vmalloc(max_t(u64, size, 1), GFP_KERNEL_ACCOUNT);
	err = -ENOMEM;
	if (!data)
		goto out;
	*bytes = (struct pfs_bytes) { data, size };
	err = puzzlefs_read_lower(file, data, size, 0);
	if (err)
		errorfc(fc, "%s %*phN: read failed: %d", what,
			PFS_DIGEST_BYTES, digest, err);
	else
		err = check_blob(fc, what, digest, *bytes);
	if (err) {
		vfree(data);
		*bytes = (struct pfs_bytes) { };
	}
out:
	fput(file);
	return err;
}

/* Scratch memory of pfs_find_rootfs(). */
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
	if (!pfs_find_rootfs(json, &scratch, &failure, &descriptor)) {
		err = report_rule(fc, "manifest", sbi->manifest, &failure);
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
static bool alloc_scratch(struct puzzlefs_image *image, u64 records,
			  struct pfs_scratch_u32 *links,
			  struct pfs_scratch_u53 *parents,
			  struct pfs_scratch_u53 *queue)
{
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
static int check_rules(struct puzzlefs_image *image,
		       struct pfs_failure *failure)
{
	u64 words;
	struct pfs_scratch_u53 work = { &words, 1 };
	struct pfs_scratch_u53 parents, queue;
	struct pfs_scratch_u32 starts, links;
	int err;

	failure->rule = PFS_RULE_NONE;
	starts.length = PFS_MAX_SEGMENTS + 1;
	starts.data = kcalloc(starts.length, sizeof(u32), GFP_KERNEL_ACCOUNT);
	if (!starts.data)
		return -ENOMEM;
	image->starts = starts.data;
	if (!pfs_open_message(image->bytes, starts, failure, &image->message) ||
	    !pfs_check_encoding(&image->message, work, failure, &image->rootfs))
		return -EUCLEAN;
	if (!alloc_scratch(image, pfs_count_records(image->rootfs), &links,
			   &parents, &queue))
		err = -ENOMEM;
	else if (!pfs_validate(image->rootfs, links, parents, queue, failure,
			       &image->summary))
		err = -EUCLEAN;
	else
		err = index_names(image, failure);
	kvfree(queue.data);
	if (!err) {
		image->content_bytes = pfs_content_bytes(image->rootfs, links);
		find_zeros(image);
	}
	return err;
}

/**
 * puzzlefs_load_image - read and validate the image that a manifest names
 * @sbi: has the store and the manifest's digest; its image is filled
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
	u8 digest[PFS_DIGEST_BYTES], verity[PFS_DIGEST_BYTES];
	struct pfs_failure failure;
	struct pfs_bytes json;
	u64 size;
	int err;

	err = read_blob(sbi, fc, "manifest", sbi->manifest, sbi->verity,
			PFS_MAX_MANIFEST_BYTES, PFS_RULE_MANIFEST_TOO_LARGE,
			PFS_NO_SIZE, &json);
	if (err)
		return err;
	err = find_metadata(sbi, fc, json, digest, verity, &size);
	vfree(json.data);
	if (err)
		return err;
	err = read_blob(sbi, fc, "metadata", digest, verity,
			PFS_MAX_METADATA_BYTES, PFS_RULE_MESSAGE_TOO_LARGE,
			size, &image->bytes);
	if (err)
		return err;
	err = check_rules(image, &failure);
	if (failure.rule != PFS_RULE_NONE)
		return report_rule(fc, "metadata", digest, &failure);
	return err;
}

/* The memory that the image takes while it is mounted. */
u64 puzzlefs_image_bytes(const struct puzzlefs_image *image)
{
	u64 records = image->links ? pfs_count_records(image->rootfs) + 1 : 0;

	return image->bytes.length + image->index.length * sizeof(u32) +
	       records * (sizeof(*image->links) + sizeof(*image->parents));
}

void puzzlefs_free_image(struct puzzlefs_image *image)
{
	kvfree(image->index.data);
	kvfree(image->parents);
	kvfree(image->links);
	kfree(image->starts);
	vfree(image->bytes.data);
}
