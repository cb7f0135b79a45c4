/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Runtime of the generated code: byte ranges, scratch memory, failures.
 *
 * Reads beyond the end of a range return 0. Writes beyond the end of scratch
 * memory are ignored. packages/format/src/runtime.ts is the same in TypeScript.
 */
#ifndef _PFS_FORMAT_BASE_H
#define _PFS_FORMAT_BASE_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/limits.h>
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
#define noinline_for_stack __attribute__((__noinline__))
#ifndef __always_inline
#define __always_inline inline
#endif
#define U32_MAX UINT32_MAX
#define U64_MAX UINT64_MAX
#define static_assert(condition) extern char pfs_assertion[(condition) ? 1 : -1]
#endif

/* Integers are exact below this. Larger ones are read as this. */
#define PFS_U53_END (1ULL << 53)

struct pfs_bytes {
	const u8 *data;
	u32 length;
};

/*
 * The violated rule, with the inode and the byte offset of the violation. Rule
 * 0: the task was killed, and nothing is known of the input.
 */
struct pfs_failure {
	u32 rule;
	u64 inode;
	u64 offset;
};

struct pfs_scratch_u8 {
	u8 *data;
	u64 length;
};

struct pfs_scratch_u32 {
	u32 *data;
	u64 length;
};

struct pfs_scratch_u53 {
	u64 *data;
	u64 length;
};

/* One bit per element: data has (length + 7) / 8 bytes. */
struct pfs_scratch_bool {
	u8 *data;
	u64 length;
};

#ifdef __KERNEL__
DECLARE_PER_CPU(int, pfs_ticks);

bool __cold pfs_pause(void);

/*
 * Whether a loop goes on whose number of rounds the input determines. Such
 * loops sleep now and then, and end early if the task was killed. A function
 * that may fail then fails; the result of any other one has no meaning.
 */
static __always_inline bool pfs_tick(void)
{
	/* Another CPU may be counted: it does not matter which. */
	raw_cpu_dec(pfs_ticks);
	return likely(raw_cpu_read(pfs_ticks) > 0) || pfs_pause();
}

/* Whether loops may have ended early. Remains true until the task ends. */
static __always_inline bool pfs_stopped(void)
{
	return fatal_signal_pending(current);
}
#elif defined(PFS_TEST_TICKS)
bool pfs_tick(void);
bool pfs_stopped(void);
#else
static inline bool pfs_tick(void)
{
	return true;
}

static inline bool pfs_stopped(void)
{
	return false;
}
#endif

static inline bool pfs_fail(struct pfs_failure *failure, u32 rule, u64 inode,
			    u64 offset)
{
	/* Loops that ended early may have led to the failure. */
	failure->rule = pfs_stopped() ? 0 : rule;
	failure->inode = inode;
	failure->offset = offset;
	return false;
}

/* The value of a function that has succeeded unless loops ended early. */
static __always_inline bool pfs_finished(struct pfs_failure *failure)
{
	return !pfs_stopped() || pfs_fail(failure, 0, 0, 0);
}

static __always_inline u8 pfs_byte(struct pfs_bytes bytes, u64 offset)
{
	return offset < bytes.length ? bytes.data[offset] : 0;
}

static inline u32 pfs_load_u16(struct pfs_bytes bytes, u64 offset)
{
	if (bytes.length < 2 || offset > bytes.length - 2)
		return 0;
	return bytes.data[offset] | (u32)bytes.data[offset + 1] << 8;
}

static __always_inline u32 pfs_load_u32(struct pfs_bytes bytes, u64 offset)
{
	const u8 *data;

	if (bytes.length < 4 || offset > bytes.length - 4)
		return 0;
	data = bytes.data + offset;
	return data[0] | (u32)data[1] << 8 | (u32)data[2] << 16 |
	       (u32)data[3] << 24;
}

static inline u64 pfs_load_u64(struct pfs_bytes bytes, u64 offset)
{
	const u8 *data;

	if (bytes.length < 8 || offset > bytes.length - 8)
		return 0;
	data = bytes.data + offset;
	return data[0] | (u64)data[1] << 8 | (u64)data[2] << 16 |
	       (u64)data[3] << 24 | (u64)data[4] << 32 | (u64)data[5] << 40 |
	       (u64)data[6] << 48 | (u64)data[7] << 56;
}

static inline u64 pfs_load_u53(struct pfs_bytes bytes, u64 offset)
{
	u64 value = pfs_load_u64(bytes, offset);

	return value < PFS_U53_END ? value : PFS_U53_END;
}

static inline s64 pfs_load_i53(struct pfs_bytes bytes, u64 offset)
{
	const s64 limit = PFS_U53_END - 1;
	s64 value = (s64)pfs_load_u64(bytes, offset);

	if (value > limit)
		return limit;
	return value < -limit ? -limit : value;
}

static inline struct pfs_bytes pfs_slice(struct pfs_bytes bytes, u64 start,
					 u64 end)
{
	u64 to = end < bytes.length ? end : bytes.length;
	u64 from = start < to ? start : to;

	return (struct pfs_bytes) { bytes.data + from, to - from };
}

/* The bytes of a string literal. */
#define PFS_TEXT(literal) \
	((struct pfs_bytes) { (const u8 *)(literal), sizeof(literal) - 1 })

/* The largest u32 if `value` is larger. */
static inline u32 pfs_narrow(u64 value)
{
	return value < U32_MAX ? value : U32_MAX;
}

/* a - b, or 0 if b is larger. */
static inline u64 pfs_difference(u64 a, u64 b)
{
	return a > b ? a - b : 0;
}

/* `value`, or `limit` if that is smaller. */
static inline u64 pfs_at_most(u64 value, u64 limit)
{
	return value < limit ? value : limit;
}

/*
 * The guard of a loop that must end: false, which ends it, if `measure` is not
 * smaller than in the round before, whose measure is in `bound`.
 */
static inline bool pfs_decreases(u64 *bound, u64 measure)
{
	if (measure >= *bound)
		return false;
	*bound = measure;
	return true;
}

/* The same, but the measure must have become half of that, or less. */
static inline bool pfs_halves(u64 *bound, u64 measure)
{
	if (measure > *bound / 2 || !*bound)
		return false;
	*bound = measure;
	return true;
}

/*
 * Byte order of at most `most` bytes, then of lengths: 0 if `a` comes first, 1
 * if they are equal, 2 if `b` comes first.
 */
static inline u32 pfs_compare_bytes(struct pfs_bytes a, struct pfs_bytes b,
				    u32 most)
{
	u32 shorter = a.length < b.length ? a.length : b.length;
	u32 count = shorter < most ? shorter : most;
	int order = count ? __builtin_memcmp(a.data, b.data, count) : 0;

	if (order)
		return order < 0 ? 0 : 2;
	if (a.length == b.length)
		return 1;
	return a.length < b.length ? 0 : 2;
}

static inline u8 pfs_scratch_u8_get(struct pfs_scratch_u8 scratch, u64 index)
{
	return index < scratch.length ? scratch.data[index] : 0;
}

static inline void pfs_scratch_u8_set(struct pfs_scratch_u8 scratch, u64 index,
				      u8 value)
{
	if (index < scratch.length)
		scratch.data[index] = value;
}

static inline u32 pfs_scratch_u32_get(struct pfs_scratch_u32 scratch, u64 index)
{
	return index < scratch.length ? scratch.data[index] : 0;
}

static inline void pfs_scratch_u32_set(struct pfs_scratch_u32 scratch,
				       u64 index, u32 value)
{
	if (index < scratch.length)
		scratch.data[index] = value;
}

static inline u64 pfs_scratch_u53_get(struct pfs_scratch_u53 scratch, u64 index)
{
	return index < scratch.length ? scratch.data[index] : 0;
}

static inline void pfs_scratch_u53_set(struct pfs_scratch_u53 scratch,
				       u64 index, u64 value)
{
	if (index < scratch.length)
		scratch.data[index] = value;
}

static inline bool pfs_scratch_bool_get(struct pfs_scratch_bool scratch,
					u64 index)
{
	return index < scratch.length &&
	       (scratch.data[index / 8] >> (index % 8) & 1);
}

static inline void pfs_scratch_bool_set(struct pfs_scratch_bool scratch,
					u64 index, bool value)
{
	u8 mask = 1 << (index % 8);

	if (index >= scratch.length)
		return;
	if (value)
		scratch.data[index / 8] |= mask;
	else
		scratch.data[index / 8] &= ~mask;
}

bool pfs_checked_add(u64 a, u64 b, struct pfs_failure *failure, u64 *out);
bool pfs_checked_subtract(u64 a, u64 b, struct pfs_failure *failure, u64 *out);
bool pfs_checked_multiply(u64 a, u64 b, struct pfs_failure *failure, u64 *out);

#endif /* _PFS_FORMAT_BASE_H */
