// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/mediatypes.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/mediatypes.ts: mediaTypePrefix() */
/* Every media type of this format starts with this. */
struct pfs_bytes pfs_media_type_prefix(void)
{
	return PFS_TEXT("application/vnd.puzzlefs.image.");
}

/* schema/mediatypes.ts: rootfsMediaType() */
/* Media type of the metadata blob. */
struct pfs_bytes pfs_rootfs_media_type(void)
{
	return PFS_TEXT("application/vnd.puzzlefs.image.rootfs.v1");
}

/* schema/mediatypes.ts: chunkMediaType() */
/* Media type of a blob of content that is not compressed. */
struct pfs_bytes pfs_chunk_media_type(void)
{
	return PFS_TEXT("application/vnd.puzzlefs.image.filedata.v1");
}

/* schema/mediatypes.ts: compressedChunkMediaType() */
/* Media type of a blob of content in the zstd seekable format. */
struct pfs_bytes pfs_compressed_chunk_media_type(void)
{
	return PFS_TEXT("application/vnd.puzzlefs.image.filedata.v1+zstd");
}

/* schema/mediatypes.ts: verityAnnotation() */
/*
 * Annotation of a layer: the fs-verity digest of its blob, 64 hexadecimal
 * digits.
 */
struct pfs_bytes pfs_verity_annotation(void)
{
	return PFS_TEXT("io.puzzlefsoci.puzzlefs.puzzlefs_verity_root_hash");
}

/* schema/mediatypes.ts: bundleMediaType() */
/* Media type of the bundle of a packed image. */
struct pfs_bytes pfs_bundle_media_type(void)
{
	return PFS_TEXT("application/vnd.puzzlefs.image.rootfs.bundle.v1+zstd");
}

/* schema/mediatypes.ts: packMediaType() */
/* Media type of a pack. */
struct pfs_bytes pfs_pack_media_type(void)
{
	return PFS_TEXT("application/vnd.puzzlefs.pack.v1");
}

/* schema/mediatypes.ts: packLayerMediaType() */
/*
 * Media type of a pack that containerd takes for a layer, so that it asks its
 * snapshotter before it fetches it.
 */
struct pfs_bytes pfs_pack_layer_media_type(void)
{
	return PFS_TEXT("application/vnd.oci.image.layer.puzzlefs.pack.v1");
}

/* schema/mediatypes.ts: canonicalAnnotation() */
/*
 * Annotation of a packed manifest: the sha256 of the canonical manifest, as in
 * a descriptor.
 */
struct pfs_bytes pfs_canonical_annotation(void)
{
	return PFS_TEXT("io.puzzlefs.image.manifest");
}

/* schema/mediatypes.ts: transportAnnotation() */
/* Annotation of a packed manifest: the version of the form, "1". */
struct pfs_bytes pfs_transport_annotation(void)
{
	return PFS_TEXT("io.puzzlefs.transport");
}

/* schema/mediatypes.ts: patchMediaType() */
/*
 * Media type of the bundle of a packed image as a patch: a zstd frame with the
 * metadata of another image as its dictionary.
 */
struct pfs_bytes pfs_patch_media_type(void)
{
	return PFS_TEXT("application/vnd.puzzlefs.image.rootfs.bundle.v1.patch+zstd");
}

/* schema/mediatypes.ts: baseAnnotation() */
/*
 * Annotation of a patch: the sha256 of the canonical manifest of that image, as
 * in a descriptor.
 */
struct pfs_bytes pfs_base_annotation(void)
{
	return PFS_TEXT("io.puzzlefs.base");
}
