// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
#include "generated/rules.h"

/* Arithmetic on integers below 2^53, as in TypeScript. */

static bool exact(u64 result, bool wrapped, struct pfs_failure *failure,
		  u64 *out)
{
	if (wrapped || result >= PFS_U53_END)
		return pfs_fail(failure, PFS_RULE_ARITHMETIC_OVERFLOW, 0, 0);
	*out = result;
	return true;
}

bool pfs_checked_add(u64 a, u64 b, struct pfs_failure *failure, u64 *out)
{
	u64 result;
	bool wrapped = __builtin_add_overflow(a, b, &result);

	return exact(result, wrapped, failure, out);
}

bool pfs_checked_subtract(u64 a, u64 b, struct pfs_failure *failure, u64 *out)
{
	return exact(a - b, b > a, failure, out);
}

bool pfs_checked_multiply(u64 a, u64 b, struct pfs_failure *failure, u64 *out)
{
	u64 result;
	bool wrapped = __builtin_mul_overflow(a, b, &result);

	return exact(result, wrapped, failure, out);
}
