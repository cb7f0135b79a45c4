/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* As much of KUnit as kernel/tests needs, for user space: a program that runs one suite. Its output is KTAP. */
#ifndef _KUNIT_TEST_H
#define _KUNIT_TEST_H

#include <stdio.h>
#include <stdlib.h>

#include "format_base.h"

#define KUNIT_PARAM_DESC_SIZE 128
#define GFP_KERNEL 0

struct kunit {
	const void *param_value;
	int failed;
};

struct kunit_case {
	void (*run)(struct kunit *test);
	const void *(*params)(const void *last, char *text);
};

struct kunit_suite {
	const char *name;
	struct kunit_case *test_cases;
};

/* Freed with the process. */
#define kunit_kcalloc(test, count, size, flags) calloc(count, size)

#define KUNIT_EXPECT_EQ(test, left, right)                                                         \
	do {                                                                                       \
		u64 a = (left), b = (right);                                                       \
		if (a == b)                                                                        \
			break;                                                                     \
		printf("# %s is %llu, %s is %llu\n", #left, (unsigned long long)a, #right,         \
		       (unsigned long long)b);                                                     \
		(test)->failed = 1;                                                                \
	} while (0)

#define KUNIT_ARRAY_PARAM(name, array, describe)                                                   \
	static const void *name##_gen_params(const void *last, char *text)                         \
	{                                                                                          \
		const typeof((array)[0]) *next = last ? (const typeof((array)[0]) *)last + 1 : (array); \
		if (next == (array) + sizeof(array) / sizeof((array)[0]))                          \
			return NULL;                                                               \
		describe(next, text);                                                              \
		return next;                                                                       \
	}

#define KUNIT_CASE_PARAM(function, params) { function, params }

#define kunit_test_suite(suite)                                                                    \
	int main(void)                                                                             \
	{                                                                                          \
		char text[KUNIT_PARAM_DESC_SIZE];                                                  \
		int failed = 0;                                                                    \
		for (struct kunit_case *it = (suite).test_cases; it->run; it++) {                  \
			const void *param = NULL;                                                  \
			for (int i = 1; (param = it->params(param, text)); i++) {                  \
				struct kunit test = { param, 0 };                                  \
				it->run(&test);                                                    \
				printf("%sok %d %s\n", test.failed ? "not " : "", i, text);        \
				failed |= test.failed;                                             \
			}                                                                          \
		}                                                                                  \
		return failed;                                                                     \
	}

#define MODULE_DESCRIPTION(text)
#define MODULE_LICENSE(text) extern int puzzlefs_module_license

#endif
