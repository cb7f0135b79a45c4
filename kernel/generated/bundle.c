// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/bundle.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/bundle.ts: checkBundleSize() */
/*
 * Checks the sizes of a bundle, as it is stored and decompressed, before memory
 * is taken for it.
 */
bool pfs_check_bundle_size(u64 stored, u64 content, struct pfs_failure *failure)
{
	if (stored > PFS_MAX_BUNDLE_BYTES ||
	    content > PFS_MAX_BUNDLE_CONTENT_BYTES)
		return pfs_fail(failure, PFS_RULE_BUNDLE_TOO_LARGE, 0, 0);
	return true;
}

/* schema/bundle.ts: openBundle() */
/*
 * Checks the encoding of a decompressed bundle and its list of packs. `work` is
 * one number.
 */
bool pfs_open_bundle(const struct pfs_message *message,
		     struct pfs_scratch_u53 work, struct pfs_failure *failure,
		     struct pfs_bundle *out)
{
	struct pfs_struct_part part;
	struct pfs_bundle bundle;
	u64 total;
	struct pfs_pack_list pack_list;

	if (!pfs_checked_root(message, failure, &part))
		return false;
	bundle = (struct pfs_bundle) { .part = part };
	pfs_scratch_u53_set(work, 0,
			    message->bytes.length / 8 * PFS_WORK_PER_WORD);
	if (!pfs_follow_bundle(bundle, work, failure))
		return false;
	if (pfs_bundle_packs(bundle).part.count > PFS_MAX_PACKS)
		return pfs_fail(failure, PFS_RULE_BUNDLE_PACKS, 0,
				(u64)bundle.part.at * 8);
	total = 0;
	pack_list = pfs_bundle_packs(bundle);
	for (u32 pack_index = 0;
	     pack_index < pack_list.part.count && pfs_tick(); pack_index++) {
		struct pfs_pack pack = pfs_pack_at(pack_list, pack_index);
		u64 size = pfs_pack_size(pack);

		if (pfs_pack_digest(pack).length != PFS_DIGEST_BYTES ||
		    pfs_pack_verity(pack).length != PFS_DIGEST_BYTES)
			return pfs_fail(failure, PFS_RULE_DIGEST_LENGTH, 0,
					(u64)pack.part.at * 8);
		if (size >= pfs_difference(PFS_U53_END, total))
			return pfs_fail(failure, PFS_RULE_BUNDLE_PACK_SIZES, 0,
					(u64)pack.part.at * 8);
		if (!pfs_checked_add(total, size, failure, &total))
			return false;
	}
	*out = bundle;
	return pfs_finished(failure);
}

/* schema/bundle.ts: checkPackDescriptor() */
/*
 * Checks that a descriptor of the packed manifest is that of a pack of the
 * bundle.
 */
bool pfs_check_pack_descriptor(struct pfs_pack pack, struct pfs_bytes digest,
			       u64 size, struct pfs_failure *failure)
{
	if (!pfs_same_bytes(pfs_pack_digest(pack), digest) ||
	    pfs_pack_size(pack) != size)
		return pfs_fail(failure, PFS_RULE_BUNDLE_PACK_DESCRIPTOR, 0,
				(u64)pack.part.at * 8);
	return true;
}
