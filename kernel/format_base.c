// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
#include "generated/rules.h"

#ifdef __KERNEL__
/* Rounds of loops between two pauses of a CPU. */
#define ROUNDS 256

DEFINE_PER_CPU(int, pfs_ticks);

/*
 * Lets other tasks run. False: the task was killed, which is returned for the
 * next round too.
 */
bool pfs_pause(void)
{
	bool stopped;

	cond_resched();
	stopped = pfs_stopped();
	this_cpu_write(pfs_ticks, stopped ? 0 : ROUNDS);
	return !stopped;
}
#endif

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
