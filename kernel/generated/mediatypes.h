/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/mediatypes.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_MEDIATYPES_H
#define _PFS_MEDIATYPES_H

#include "../format_base.h"

struct pfs_bytes pfs_media_type_prefix(void);
struct pfs_bytes pfs_rootfs_media_type(void);
struct pfs_bytes pfs_chunk_media_type(void);
struct pfs_bytes pfs_compressed_chunk_media_type(void);
struct pfs_bytes pfs_verity_annotation(void);
struct pfs_bytes pfs_bundle_media_type(void);
struct pfs_bytes pfs_pack_media_type(void);
struct pfs_bytes pfs_pack_layer_media_type(void);
struct pfs_bytes pfs_canonical_annotation(void);
struct pfs_bytes pfs_transport_annotation(void);
struct pfs_bytes pfs_patch_media_type(void);
struct pfs_bytes pfs_base_annotation(void);

#endif /* _PFS_MEDIATYPES_H */
