// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Made from schema/ascii.ts by `make codegen`: change that, not this. */
#include "format.h"

/* Whether a byte is a decimal digit. */
bool pfs_is_digit(u32 code)
{
	return code >= PFS_ZERO && code <= PFS_NINE;
}
