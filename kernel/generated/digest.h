/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/digest.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_DIGEST_H
#define _PFS_DIGEST_H

#include "../format_base.h"

#define PFS_DIGEST_BYTES 32
#define PFS_HEX_DIGITS 64

u32 pfs_hex_digit(u32 code);
bool pfs_parse_hex(struct pfs_bytes digits, struct pfs_scratch_u8 digest);
void pfs_format_hex(struct pfs_bytes digest, struct pfs_scratch_u8 digits);

#endif /* _PFS_DIGEST_H */
