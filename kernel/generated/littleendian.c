// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/littleendian.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/littleendian.ts: putU32() */
void pfs_put_u32(struct pfs_scratch_u8 bytes, u64 at, u32 value)
{
	u32 first = pfs_narrow(at);

	pfs_scratch_u8_set(bytes, first, value & 0xff);
	pfs_scratch_u8_set(bytes, (u64)first + 1, (value >> 8) & 0xff);
	pfs_scratch_u8_set(bytes, (u64)first + 2, (value >> 16) & 0xff);
	pfs_scratch_u8_set(bytes, (u64)first + 3, value >> 24);
}

/* schema/littleendian.ts: putU53() */
/* Writes an integer in 8 bytes. */
void pfs_put_u53(struct pfs_scratch_u8 bytes, u64 at, u64 value)
{
	pfs_put_u32(bytes, at, value % 0x100000000ULL);
	pfs_put_u32(bytes, (u64)pfs_narrow(at) + 4, value / 0x100000000ULL);
}
