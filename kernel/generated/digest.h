/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/digest.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_DIGEST_H
#define _PFS_DIGEST_H

#include "../format_base.h"

#define PFS_DIGEST_BYTES 32
/* Hexadecimal digits of a digest. */
#define PFS_HEX_DIGITS (PFS_DIGEST_BYTES * 2)
/* Bytes of `sha256:`. */
#define PFS_DIGEST_PREFIX_BYTES 7
/* Bytes of a digest in a descriptor. */
#define PFS_DIGEST_TEXT_BYTES (PFS_DIGEST_PREFIX_BYTES + PFS_HEX_DIGITS)
/*
 * Bytes of a block of the Merkle tree of an fs-verity digest, which is SHA-256
 * without a salt.
 */
#define PFS_VERITY_BLOCK_BYTES 0x1000
/* The value of a byte that is no hexadecimal digit. */
#define PFS_NO_DIGIT 16

u32 pfs_hex_digit(u32 code);
bool pfs_parse_hex(struct pfs_bytes digits, struct pfs_scratch_u8 digest);
void pfs_format_hex(struct pfs_bytes digest, struct pfs_scratch_u8 digits);

#endif /* _PFS_DIGEST_H */
