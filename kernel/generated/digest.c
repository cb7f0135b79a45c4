// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/digest.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/digest.ts: hexDigit() */
/* Value of a lower-case hexadecimal digit, NO_DIGIT for anything else. */
u32 pfs_hex_digit(u32 code)
{
	if (code >= PFS_ZERO && code <= PFS_NINE)
		return code & 15;
	if (code >= PFS_LOWER_A && code <= PFS_LOWER_F)
		return (code & 15) + 9;
	return PFS_NO_DIGIT;
}

/* schema/digest.ts: parseHex() */
/* Reads 64 digits into 32 bytes; false if the text is anything else. */
bool pfs_parse_hex(struct pfs_bytes digits, struct pfs_scratch_u8 digest)
{
	if (digits.length != PFS_HEX_DIGITS)
		return false;
	for (u32 i = 0; i < PFS_DIGEST_BYTES; i++) {
		u32 high = pfs_hex_digit(pfs_byte(digits, i * 2));
		u32 low = pfs_hex_digit(pfs_byte(digits, i * 2 + 1));

		if (high >= PFS_NO_DIGIT || low >= PFS_NO_DIGIT)
			return false;
		pfs_scratch_u8_set(digest, i, ((high & 15) << 4) | (low & 15));
	}
	return true;
}

/* schema/digest.ts: digitOf() */
static u8 pfs_digit_of(u32 value)
{
	u32 digit = value & 15;

	return digit < 10 ? PFS_ZERO + digit : PFS_LOWER_A - 10 + digit;
}

/* schema/digest.ts: formatHex() */
/* Writes 32 bytes as 64 digits. */
void pfs_format_hex(struct pfs_bytes digest, struct pfs_scratch_u8 digits)
{
	for (u32 i = 0; i < PFS_DIGEST_BYTES; i++) {
		pfs_scratch_u8_set(digits, i * 2,
				   pfs_digit_of(pfs_byte(digest, i) >> 4));
		pfs_scratch_u8_set(digits, i * 2 + 1,
				   pfs_digit_of(pfs_byte(digest, i) & 15));
	}
}
