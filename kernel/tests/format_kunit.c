// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: the generated code refuses each object of the corpus for the rule that
 * it breaks, and accepts those without one. The corpus is generated from
 * test/corpus as corpus.h, an array of struct pfs_case.
 */
#include <kunit/test.h>

#include "../format.c"

enum pfs_object { PFS_OBJECT_METADATA, PFS_OBJECT_MANIFEST, PFS_OBJECT_TABLE };

struct pfs_case {
	const char *name;
	enum pfs_rule rule;		/* PFS_RULE_NONE: a good object */
	enum pfs_object object;
	const u8 *bytes;		/* of a blob with a seek table the last */
	u32 length;
	u64 size;			/* of the blob */
};

#include "corpus.h"

static struct pfs_scratch_u32 scratch_u32(struct kunit *test, u64 length)
{
	return (struct pfs_scratch_u32) {
		kunit_kcalloc(test, length + 1, sizeof(u32), GFP_KERNEL),
		length };
}

static struct pfs_scratch_u53 scratch_u53(struct kunit *test, u64 length)
{
	return (struct pfs_scratch_u53) {
		kunit_kcalloc(test, length + 1, sizeof(u64), GFP_KERNEL),
		length };
}

static struct pfs_scratch_u8 scratch_u8(struct kunit *test, u64 length)
{
	return (struct pfs_scratch_u8) {
		kunit_kcalloc(test, length + 1, sizeof(u8), GFP_KERNEL),
		length };
}

/* The functions that return false set the rule. */
static void judge_image(struct kunit *test, struct pfs_rootfs image,
			struct pfs_failure *failure)
{
	u64 records = pfs_count_records(image);
	struct pfs_summary summary;

	if (!pfs_validate(image, scratch_u32(test, records),
			  scratch_u53(test, records),
			  scratch_u53(test, records), failure, &summary))
		return;
	if (summary.unsorted)
		pfs_index_names(image, summary.unsorted,
				scratch_u32(test, summary.index), failure);
}

static void judge_metadata(struct kunit *test, struct pfs_bytes bytes,
			   struct pfs_failure *failure)
{
	struct pfs_scratch_u32 starts = scratch_u32(test, PFS_MAX_SEGMENTS + 1);
	struct pfs_scratch_u53 work = scratch_u53(test, 1);
	struct pfs_message message;
	struct pfs_rootfs image;

	if (pfs_open_message(bytes, starts, failure, &message) &&
	    pfs_check_encoding(&message, work, failure, &image))
		judge_image(test, image, failure);
}

static void judge_manifest(struct kunit *test, struct pfs_bytes json,
			   struct pfs_failure *failure)
{
	const struct pfs_manifest_scratch scratch = {
		.open = scratch_u8(test, PFS_OPEN_MARKS),
		.keys = scratch_u32(test, PFS_KEY_POSITIONS),
		.plain = scratch_u8(test, PFS_DIGEST_TEXT_BYTES),
		.layer = scratch_u8(test, 2 * PFS_DIGEST_BYTES),
		.digest = scratch_u8(test, PFS_DIGEST_BYTES),
		.verity = scratch_u8(test, PFS_DIGEST_BYTES),
	};
	struct pfs_rootfs_descriptor found;

	pfs_find_rootfs(json, &scratch, failure, &found);
}

static void judge_table(struct kunit *test, struct pfs_bytes bytes, u64 size,
			struct pfs_failure *failure)
{
	struct pfs_bytes end = pfs_slice(bytes,
					 pfs_difference(bytes.length,
							PFS_SEEK_FOOTER_BYTES),
					 bytes.length);
	struct pfs_seek_footer footer;
	u64 content;

	if (!pfs_read_seek_footer(end, size, failure, &footer))
		return;
	bytes = pfs_slice(bytes, pfs_difference(bytes.length,
						footer.table_bytes),
			  bytes.length);
	pfs_read_seek_table(bytes, footer, size,
			    scratch_u53(test, footer.frames + 1ULL),
			    scratch_u53(test, footer.frames + 1ULL), failure,
			    &content);
}

static void objects_are_refused_for_their_rule(struct kunit *test)
{
	const struct pfs_case *it = test->param_value;
	struct pfs_bytes bytes = { it->bytes, it->length };
	struct pfs_failure failure = { .rule = PFS_RULE_NONE };

	switch (it->object) {
	case PFS_OBJECT_METADATA:
		judge_metadata(test, bytes, &failure);
		break;
	case PFS_OBJECT_MANIFEST:
		judge_manifest(test, bytes, &failure);
		break;
	case PFS_OBJECT_TABLE:
		judge_table(test, bytes, it->size, &failure);
		break;
	}
	KUNIT_EXPECT_EQ(test, failure.rule, (u32)it->rule);
}

static void describe(const struct pfs_case *it, char *text)
{
	snprintf(text, KUNIT_PARAM_DESC_SIZE, "%s", it->name);
}

KUNIT_ARRAY_PARAM(pfs, pfs_cases, describe);

static struct kunit_case format_cases[] = {
	KUNIT_CASE_PARAM(objects_are_refused_for_their_rule, pfs_gen_params),
	{}
};

static struct kunit_suite format_suite = {
	.name		= "puzzlefs_format",
	.test_cases	= format_cases,
};

kunit_test_suite(format_suite);

MODULE_DESCRIPTION("KUnit tests of the parsers of PuzzleFS images");
MODULE_LICENSE("GPL");
