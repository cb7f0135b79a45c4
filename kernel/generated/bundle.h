/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/bundle.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_BUNDLE_H
#define _PFS_BUNDLE_H

#include "../format_base.h"
#include "metadata.h"
#include "wire.h"

/* Largest bundle as it is stored, bytes. */
#define PFS_MAX_BUNDLE_BYTES 0x4000000
/* Largest decompressed bundle, bytes: readers keep it in memory. */
#define PFS_MAX_BUNDLE_CONTENT_BYTES 0x40000000
/* Largest number of packs of an image. */
#define PFS_MAX_PACKS 1000

bool pfs_check_bundle_size(u64 stored, u64 content,
			   struct pfs_failure *failure);
bool pfs_open_bundle(const struct pfs_message *message,
		     struct pfs_scratch_u53 work, struct pfs_failure *failure,
		     struct pfs_bundle *out);
bool pfs_check_pack_descriptor(struct pfs_pack pack, struct pfs_bytes digest,
			       u64 size, struct pfs_failure *failure);

#endif /* _PFS_BUNDLE_H */
