// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Made from schema/mediatypes.ts by `make codegen`: change that, not this. */
#include "format.h"

/* Every media type of this format starts with this. */
struct pfs_bytes pfs_media_type_prefix(void)
{
	return PFS_TEXT("application/vnd.puzzlefs.image.");
}

/* Media type of the metadata blob. */
struct pfs_bytes pfs_rootfs_media_type(void)
{
	return PFS_TEXT("application/vnd.puzzlefs.image.rootfs.v1");
}

/* Media type of a blob of content that is not compressed. */
struct pfs_bytes pfs_chunk_media_type(void)
{
	return PFS_TEXT("application/vnd.puzzlefs.image.filedata.v1");
}

/* Media type of a blob of content in the zstd seekable format. */
struct pfs_bytes pfs_compressed_chunk_media_type(void)
{
	return PFS_TEXT("application/vnd.puzzlefs.image.filedata.v1+zstd");
}

/*
 * Annotation of a layer: the fs-verity digest of its blob, 64 hexadecimal
 * digits.
 */
struct pfs_bytes pfs_verity_annotation(void)
{
	return PFS_TEXT("io.puzzlefsoci.puzzlefs.puzzlefs_verity_root_hash");
}
