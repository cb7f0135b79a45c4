// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/manifest.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* Largest number of digits of a size. */
#define PFS_MAX_SIZE_DIGITS 15

/* schema/manifest.ts: parseDigits() */
/*
 * 64 hexadecimal digits in `plain` from `start` on as DIGEST_BYTES of `digests`
 * from `first` on; false if they are not that.
 */
static bool pfs_parse_digits(struct pfs_scratch_u8 plain, u32 start,
			     struct pfs_scratch_u8 digests, u32 first)
{
	for (u32 i = 0; i < PFS_DIGEST_BYTES; i++) {
		u32 high =
			pfs_hex_digit(pfs_scratch_u8_get(plain,
							 (u64)start + i * 2));
		u32 low = pfs_hex_digit(pfs_scratch_u8_get(plain,
							   (u64)start + i * 2 +
							   1));

		if (high >= PFS_NO_DIGIT || low >= PFS_NO_DIGIT)
			return false;
		pfs_scratch_u8_set(digests, (u64)first + i,
				   ((high & 15) << 4) | (low & 15));
	}
	return true;
}

/* schema/manifest.ts: readDigest() */
/*
 * Reads the digest string at `at`, "sha256:" and 64 digits, into the first half
 * of `layer`; false if it is not that.
 */
static bool pfs_read_digest(struct pfs_bytes json, u64 at,
			    const struct pfs_manifest_scratch *scratch)
{
	u64 length = pfs_copy_string(json, at, scratch->plain);
	struct pfs_bytes prefix;
	bool valid;

	if (length != PFS_DIGEST_TEXT_BYTES)
		return false;
	prefix = PFS_TEXT("sha256:");
	for (u32 i = 0; i < PFS_DIGEST_PREFIX_BYTES; i++) {
		if (pfs_scratch_u8_get(scratch->plain, i) !=
		    pfs_byte(prefix, i))
			return false;
	}
	valid = pfs_parse_digits(scratch->plain, PFS_DIGEST_PREFIX_BYTES,
				 scratch->layer, 0);
	return valid;
}

/* schema/manifest.ts: readVerity() */
/*
 * Reads the fs-verity digest string at `at`, 64 digits, into the second half of
 * `layer`; false if it is not that.
 */
static bool pfs_read_verity(struct pfs_bytes json, u64 at,
			    const struct pfs_manifest_scratch *scratch)
{
	u64 length = pfs_copy_string(json, at, scratch->plain);
	bool valid = pfs_parse_digits(scratch->plain, 0, scratch->layer,
				      PFS_DIGEST_BYTES);

	return valid && length == PFS_HEX_DIGITS;
}

/* schema/manifest.ts: readSize() */
/*
 * The number from `at` to `end`, or NO_SIZE if it is not a count of bytes, of
 * at most MAX_SIZE_DIGITS digits.
 */
static u64 pfs_read_size(struct pfs_bytes json, u64 at, u64 end)
{
	u32 count = pfs_narrow(pfs_difference(end, at));
	u32 high = 0;
	u32 low = 0;

	if (count > PFS_MAX_SIZE_DIGITS)
		return PFS_NO_SIZE;
	for (u32 i = 0; i < count && pfs_tick(); i++) {
		u32 digit = pfs_byte(json, (u64)pfs_narrow(at) + i);

		if (!pfs_is_digit(digit))
			return PFS_NO_SIZE;
		if ((u64)i + 8 < count)
			high = high % 1000000 * 10 + (digit & 15);
		else
			low = low % 10000000 * 10 + (digit & 15);
	}
	return (u64)(high % 10000000) * 100000000 + low;
}

/* schema/manifest.ts: blobType() */
/* One of TYPE_…: the kind of blob that has the media type at `at`. */
static u32 pfs_blob_type(struct pfs_bytes json, u64 at)
{
	if (pfs_string_is(json, at, pfs_rootfs_media_type()))
		return PFS_TYPE_ROOTFS;
	if (pfs_string_is(json, at, pfs_chunk_media_type()))
		return PFS_TYPE_CHUNK;
	if (pfs_string_is(json, at, pfs_compressed_chunk_media_type()))
		return PFS_TYPE_COMPRESSED_CHUNK;
	if (pfs_string_is(json, at, pfs_bundle_media_type()))
		return PFS_TYPE_BUNDLE;
	if (pfs_string_is(json, at, pfs_pack_media_type()))
		return PFS_TYPE_PACK;
	if (pfs_string_is(json, at, pfs_pack_layer_media_type()))
		return PFS_TYPE_PACK;
	return PFS_TYPE_OTHER;
}

/* schema/manifest.ts: manifestStart() */
/* The argument of the first call of nextDescriptor. */
bool pfs_manifest_start(struct pfs_bytes json, struct pfs_failure *failure,
			struct pfs_descriptor *out)
{
	if (json.length > PFS_MAX_MANIFEST_BYTES)
		return pfs_fail(failure, PFS_RULE_MANIFEST_TOO_LARGE, 0, 0);
	*out = (struct pfs_descriptor) {
		.kind = PFS_DESCRIPTOR_NONE,
		.type = PFS_TYPE_OTHER,
		.has_digest = false,
		.has_verity = false,
		.size = PFS_NO_SIZE,
		.in_layers = false,
		.step = pfs_scan_start(),
	};
	return true;
}

/* schema/manifest.ts: nextDescriptor() */
/*
 * The descriptor after `last`, of the config or a layer, in the order of the
 * text. Its digests are in `scratch.layer`. If it is of kind DESCRIPTOR_NONE,
 * the whole text has been checked.
 */
bool pfs_next_descriptor(struct pfs_bytes json,
			 const struct pfs_manifest_scratch *scratch,
			 struct pfs_descriptor last,
			 struct pfs_failure *failure,
			 struct pfs_descriptor *out)
{
	struct pfs_step step = last.step;
	bool in_layers = last.in_layers;
	u32 kind = PFS_DESCRIPTOR_NONE;
	u32 top = 0;
	bool in_annotations = false;
	u32 type = PFS_TYPE_OTHER;
	bool has_digest = false;
	bool has_verity = false;
	u64 size = PFS_NO_SIZE;

	for (u64 bound = U64_MAX;
	     step.at <= json.length &&
	     pfs_decreases(&bound,
			   pfs_difference((u64)json.length + 1, step.at)) &&
	     pfs_tick();) {
		struct pfs_step next;
		u32 depth;

		if (!pfs_next_step(json, scratch->open, scratch->keys, step,
				   failure, &next))
			return false;
		step = next;
		depth = next.depth;
		if (next.kind == PFS_STEP_NONE)
			break;
		if (next.kind == PFS_STEP_OPENED && top == 0) {
			bool config;

			if (depth == 2 &&
			    pfs_string_is(json, next.key, PFS_TEXT("layers"))) {
				if (pfs_scratch_u8_get(scratch->open, 2) !=
				    PFS_ARRAY)
					return pfs_fail(failure,
							PFS_RULE_MANIFEST_SYNTAX,
							0, next.start);
				in_layers = true;
			}
			config = depth == 2 &&
				 pfs_string_is(json, next.key,
					       PFS_TEXT("config"));
			if (pfs_scratch_u8_get(scratch->open, depth) ==
			    PFS_OBJECT &&
			    (config || (depth == 3 && in_layers))) {
				top = depth;
				kind = config ? PFS_DESCRIPTOR_CONFIG :
				       PFS_DESCRIPTOR_LAYER;
			}
		} else if (next.kind == PFS_STEP_OPENED) {
			if (depth == (u64)top + 1 &&
			    pfs_string_is(json, next.key,
					  PFS_TEXT("annotations")))
				in_annotations = true;
		} else if (next.kind == PFS_STEP_CLOSED) {
			if (depth == top)
				in_annotations = false;
			if (depth == 1)
				in_layers = false;
			if (top != 0 && (u64)depth + 1 == top) {
				if (!has_digest && kind == PFS_DESCRIPTOR_LAYER)
					return pfs_fail(failure,
							PFS_RULE_MANIFEST_DIGEST,
							0, next.start);
				break;
			}
		} else if (top != 0 && depth == top) {
			bool is_text = pfs_byte(json, next.start) == PFS_QUOTE;

			if (pfs_string_is(json, next.key, PFS_TEXT("size")))
				size = pfs_read_size(json, next.start, next.at);
			if (is_text &&
			    pfs_string_is(json, next.key,
					  PFS_TEXT("mediaType")))
				type = pfs_blob_type(json, next.start);
			if (is_text &&
			    pfs_string_is(json, next.key, PFS_TEXT("digest"))) {
				bool valid = pfs_read_digest(json, next.start,
							     scratch);

				if (!valid && kind == PFS_DESCRIPTOR_LAYER)
					return pfs_fail(failure,
							PFS_RULE_MANIFEST_DIGEST,
							0, next.start);
				has_digest = valid;
			}
		} else if (in_annotations && depth == (u64)top + 1 &&
			   pfs_byte(json, next.start) == PFS_QUOTE) {
			if (pfs_string_is(json, next.key,
					  pfs_verity_annotation())) {
				bool valid = pfs_read_verity(json, next.start,
							     scratch);

				if (!valid && kind == PFS_DESCRIPTOR_LAYER)
					return pfs_fail(failure,
							PFS_RULE_MANIFEST_DIGEST,
							0, next.start);
				has_verity = valid;
			}
		}
	}
	*out = (struct pfs_descriptor) {
		.kind = kind,
		.type = type,
		.has_digest = has_digest,
		.has_verity = has_verity,
		.size = size,
		.in_layers = in_layers,
		.step = step,
	};
	return pfs_finished(failure);
}

/* schema/manifest.ts: findLayer() */
/*
 * Finds the one layer of a type; its digests are in `scratch.digest` and
 * `scratch.verity`. A second one breaks rule `twice`; if that is 0, the first
 * one is returned and the rest of the text is not read. `end` is 0 if there is
 * none.
 */
static noinline_for_stack bool
pfs_find_layer(struct pfs_bytes json,
	       const struct pfs_manifest_scratch *scratch, u32 type, u32 twice,
	       struct pfs_failure *failure, struct pfs_rootfs_descriptor *out)
{
	struct pfs_descriptor start;
	struct pfs_descriptor last;
	u32 found;
	u32 bundle;
	bool has_verity;
	u64 size;

	if (!pfs_manifest_start(json, failure, &start))
		return false;
	last = start;
	found = 0;
	bundle = 0;
	has_verity = false;
	size = PFS_NO_SIZE;
	for (u64 bound = U64_MAX;
	     last.step.at <= json.length &&
	     pfs_decreases(&bound,
			   pfs_difference((u64)json.length + 1,
					  last.step.at)) && pfs_tick();) {
		struct pfs_descriptor next;

		if (!pfs_next_descriptor(json, scratch, last, failure, &next))
			return false;
		last = next;
		if (next.kind == PFS_DESCRIPTOR_NONE)
			break;
		if (next.kind != PFS_DESCRIPTOR_LAYER)
			continue;
		if (next.type == PFS_TYPE_BUNDLE)
			bundle = pfs_narrow(next.step.at);
		if (next.type != type)
			continue;
		if (found != 0)
			return pfs_fail(failure, twice, 0, next.step.start);
		found = pfs_narrow(next.step.at);
		has_verity = next.has_verity;
		size = next.size;
		for (u32 i = 0; i < PFS_DIGEST_BYTES; i++) {
			pfs_scratch_u8_set(scratch->digest, i,
					   pfs_scratch_u8_get(scratch->layer,
							      i));
			pfs_scratch_u8_set(scratch->verity, i,
					   pfs_scratch_u8_get(scratch->layer,
							      PFS_DIGEST_BYTES +
							      i));
		}
		if (twice == 0)
			break;
	}
	*out = (struct pfs_rootfs_descriptor) {
		.end = found,
		.has_verity = has_verity,
		.size = size,
		.bundle = bundle,
	};
	return pfs_finished(failure);
}

/* schema/manifest.ts: checkFound() */
/* Refuses a manifest in which no layer is the metadata blob. */
static noinline_for_stack bool
pfs_check_found(struct pfs_rootfs_descriptor found, struct pfs_failure *failure)
{
	if (found.end != 0)
		return true;
	if (found.bundle != 0)
		return pfs_fail(failure, PFS_RULE_MANIFEST_PACKED, 0,
				found.bundle);
	return pfs_fail(failure, PFS_RULE_MANIFEST_ROOTFS_MISSING, 0, 0);
}

/* schema/manifest.ts: findRootfs() */
/*
 * Finds the one layer that is the metadata blob; its digests are in
 * `scratch.digest` and `scratch.verity`.
 */
bool pfs_find_rootfs(struct pfs_bytes json,
		     const struct pfs_manifest_scratch *scratch,
		     struct pfs_failure *failure,
		     struct pfs_rootfs_descriptor *out)
{
	struct pfs_rootfs_descriptor found;

	if (!pfs_find_layer(json, scratch, PFS_TYPE_ROOTFS,
			    PFS_RULE_MANIFEST_ROOTFS_TWICE, failure, &found))
		return false;
	if (!pfs_check_found(found, failure))
		return false;
	*out = found;
	return true;
}

/* schema/manifest.ts: findFirstRootfs() */
/*
 * The same, but the text behind that layer, which lists all chunks, is neither
 * read nor checked.
 */
bool pfs_find_first_rootfs(struct pfs_bytes json,
			   const struct pfs_manifest_scratch *scratch,
			   struct pfs_failure *failure,
			   struct pfs_rootfs_descriptor *out)
{
	struct pfs_rootfs_descriptor found;

	if (!pfs_find_layer(json, scratch, PFS_TYPE_ROOTFS, 0, failure, &found))
		return false;
	if (!pfs_check_found(found, failure))
		return false;
	*out = found;
	return true;
}

/* schema/manifest.ts: findBundle() */
/*
 * Finds the one layer of a packed manifest that is the bundle; its digests are
 * in `scratch.digest` and `scratch.verity`.
 */
bool pfs_find_bundle(struct pfs_bytes json,
		     const struct pfs_manifest_scratch *scratch,
		     struct pfs_failure *failure,
		     struct pfs_rootfs_descriptor *out)
{
	struct pfs_rootfs_descriptor found;

	if (!pfs_find_layer(json, scratch, PFS_TYPE_BUNDLE,
			    PFS_RULE_MANIFEST_BUNDLE_TWICE, failure, &found))
		return false;
	if (found.end == 0)
		return pfs_fail(failure, PFS_RULE_MANIFEST_BUNDLE_MISSING, 0,
				0);
	*out = found;
	return true;
}

/* schema/manifest.ts: findCanonical() */
/*
 * Reads the sha256 of the canonical manifest, which a packed manifest records,
 * into the first half of `scratch.layer`.
 */
bool pfs_find_canonical(struct pfs_bytes json,
			const struct pfs_manifest_scratch *scratch,
			struct pfs_failure *failure)
{
	struct pfs_step step = pfs_scan_start();
	bool in_annotations = false;
	bool found = false;

	if (json.length > PFS_MAX_MANIFEST_BYTES)
		return pfs_fail(failure, PFS_RULE_MANIFEST_TOO_LARGE, 0, 0);
	for (u64 bound = U64_MAX;
	     step.at <= json.length &&
	     pfs_decreases(&bound,
			   pfs_difference((u64)json.length + 1, step.at)) &&
	     pfs_tick();) {
		struct pfs_step next;

		if (!pfs_next_step(json, scratch->open, scratch->keys, step,
				   failure, &next))
			return false;
		step = next;
		if (next.kind == PFS_STEP_NONE)
			break;
		if (next.kind == PFS_STEP_OPENED && next.depth == 2)
			in_annotations = pfs_scratch_u8_get(scratch->open, 2) ==
					 PFS_OBJECT &&
					 pfs_string_is(json, next.key,
						       PFS_TEXT("annotations"));
		if (next.kind == PFS_STEP_CLOSED && next.depth == 1)
			in_annotations = false;
		if (next.kind == PFS_STEP_SCALAR && in_annotations &&
		    next.depth == 2) {
			if (pfs_byte(json, next.start) == PFS_QUOTE &&
			    pfs_string_is(json, next.key,
					  pfs_canonical_annotation())) {
				bool valid = pfs_read_digest(json, next.start,
							     scratch);

				if (!valid)
					return pfs_fail(failure,
							PFS_RULE_MANIFEST_DIGEST,
							0, next.start);
				found = true;
			}
		}
	}
	if (!found)
		return pfs_fail(failure, PFS_RULE_MANIFEST_CANONICAL_MISSING, 0,
				0);
	return pfs_finished(failure);
}
