// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/ascii.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/ascii.ts: isDigit() */
/* Whether a byte is a decimal digit. */
bool pfs_is_digit(u32 code)
{
	return code >= PFS_ZERO && code <= PFS_NINE;
}
