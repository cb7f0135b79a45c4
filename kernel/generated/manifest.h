/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/manifest.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_MANIFEST_H
#define _PFS_MANIFEST_H

#include "../format_base.h"
#include "json.h"

/* 64 MiB: readers hold the manifest in memory. */
#define PFS_MAX_MANIFEST_BYTES 67108864
/* Size of a descriptor that has no valid size. */
#define PFS_NO_SIZE PFS_U53_END
/* There are no more. */
#define PFS_DESCRIPTOR_NONE 0
#define PFS_DESCRIPTOR_CONFIG 1
#define PFS_DESCRIPTOR_LAYER 2
#define PFS_TYPE_OTHER 0
#define PFS_TYPE_ROOTFS 1
#define PFS_TYPE_CHUNK 2
#define PFS_TYPE_COMPRESSED_CHUNK 3
#define PFS_TYPE_BUNDLE 4
#define PFS_TYPE_PACK 5

/*
 * Memory for reading a manifest. All of it is zeroed before the first
 * descriptor is read.
 */
struct pfs_manifest_scratch {
	/* Marks of the objects and arrays that are open: OPEN_MARKS. */
	struct pfs_scratch_u8 open;
	/* Positions of the keys of the objects that are open: KEY_POSITIONS. */
	struct pfs_scratch_u32 keys;
	/* A string without its escapes: DIGEST_TEXT_BYTES. */
	struct pfs_scratch_u8 plain;
	/*
	 * The digest of the descriptor that was read last, then its fs-verity
	 * digest: 2 * DIGEST_BYTES.
	 */
	struct pfs_scratch_u8 layer;
	/*
	 * The digest of the metadata blob or bundle: DIGEST_BYTES. findRootfs
	 * and findBundle fill it.
	 */
	struct pfs_scratch_u8 digest;
	/*
	 * The fs-verity digest of the same: DIGEST_BYTES. findRootfs and
	 * findBundle fill it.
	 */
	struct pfs_scratch_u8 verity;
};

/*
 * The metadata blob, or the bundle of a packed image, as the manifest describes
 * it; its digests are in ManifestScratch.
 */
struct pfs_rootfs_descriptor {
	/* Where its descriptor ends in the manifest, bytes. */
	u32 end;
	/* Whether an fs-verity digest is annotated. */
	bool has_verity;
	/* Bytes of the blob, or NO_SIZE. */
	u64 size;
	/*
	 * Where the last descriptor of a bundle ends in the manifest, bytes; 0
	 * if it has none.
	 */
	u32 bundle;
};

/*
 * A descriptor of a manifest, and the scanner's state after it; its digests are
 * in ManifestScratch.layer.
 */
struct pfs_descriptor {
	/* One of DESCRIPTOR_…. */
	u32 kind;
	/* One of TYPE_…. */
	u32 type;
	/* Whether its digest is sha256 in hexadecimal; a layer's always is. */
	bool has_digest;
	/* Whether an fs-verity digest is annotated. */
	bool has_verity;
	/* Bytes of the blob, or NO_SIZE. */
	u64 size;
	/* Whether the array of layers is open. */
	bool in_layers;
	struct pfs_step step;
};

bool pfs_manifest_start(struct pfs_bytes json, struct pfs_failure *failure,
			struct pfs_descriptor *out);
bool pfs_next_descriptor(struct pfs_bytes json,
			 const struct pfs_manifest_scratch *scratch,
			 struct pfs_descriptor last,
			 struct pfs_failure *failure,
			 struct pfs_descriptor *out);
bool pfs_find_rootfs(struct pfs_bytes json,
		     const struct pfs_manifest_scratch *scratch,
		     struct pfs_failure *failure,
		     struct pfs_rootfs_descriptor *out);
bool pfs_find_first_rootfs(struct pfs_bytes json,
			   const struct pfs_manifest_scratch *scratch,
			   struct pfs_failure *failure,
			   struct pfs_rootfs_descriptor *out);
bool pfs_find_bundle(struct pfs_bytes json,
		     const struct pfs_manifest_scratch *scratch,
		     struct pfs_failure *failure,
		     struct pfs_rootfs_descriptor *out);
bool pfs_find_canonical(struct pfs_bytes json,
			const struct pfs_manifest_scratch *scratch,
			struct pfs_failure *failure);

#endif /* _PFS_MANIFEST_H */
