/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/littleendian.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_LITTLEENDIAN_H
#define _PFS_LITTLEENDIAN_H

#include "../format_base.h"

void pfs_put_u32(struct pfs_scratch_u8 bytes, u64 at, u32 value);
void pfs_put_u53(struct pfs_scratch_u8 bytes, u64 at, u64 value);

#endif /* _PFS_LITTLEENDIAN_H */
