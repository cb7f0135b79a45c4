// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/json.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/*
 * Numbers that are kept of one object: how many keys it has, and their
 * positions.
 */
#define PFS_KEY_STRIDE (PFS_MAX_KEYS + 1)
/* Characters of `false`. */
#define PFS_LONGEST_LITERAL 5
#define PFS_WANT_VALUE 0
#define PFS_WANT_VALUE_OR_END 1
#define PFS_WANT_KEY 2
#define PFS_WANT_KEY_OR_END 3
#define PFS_WANT_COLON 4
#define PFS_WANT_COMMA_OR_END 5
#define PFS_WANT_NOTHING 6

/* schema/json.ts: digitsEnd() */
/* The first position from `at` on that has no digit. */
static u64 pfs_digits_end(struct pfs_bytes json, u64 at)
{
	u64 position = at;

	for (u64 bound = U64_MAX;
	     position < json.length && pfs_is_digit(pfs_byte(json, position)) &&
	     pfs_decreases(&bound, pfs_difference(json.length, position)) &&
	     pfs_tick();)
		position = (u64)pfs_narrow(position) + 1;
	return position;
}

/* schema/json.ts: numberEnd() */
/* The end of the number at `at`: just after it. */
static noinline_for_stack bool
pfs_number_end(struct pfs_bytes json, u64 at, struct pfs_failure *failure,
	       u64 *out)
{
	u64 position = pfs_byte(json, at) == PFS_MINUS ?
		       (u64)pfs_narrow(at) + 1 : pfs_narrow(at);

	if (!pfs_is_digit(pfs_byte(json, position)))
		return pfs_fail(failure, PFS_RULE_MANIFEST_SYNTAX, 0, position);
	if (pfs_byte(json, position) == PFS_ZERO)
		position = (u64)pfs_narrow(position) + 1;
	else
		position = pfs_digits_end(json, position);
	if (pfs_byte(json, position) == PFS_PERIOD) {
		position = (u64)pfs_narrow(position) + 1;
		if (!pfs_is_digit(pfs_byte(json, position)))
			return pfs_fail(failure, PFS_RULE_MANIFEST_SYNTAX, 0,
					position);
		position = pfs_digits_end(json, position);
	}
	if (pfs_byte(json, position) == PFS_LOWER_E ||
	    pfs_byte(json, position) == PFS_UPPER_E) {
		position = (u64)pfs_narrow(position) + 1;
		if (pfs_byte(json, position) == PFS_PLUS ||
		    pfs_byte(json, position) == PFS_MINUS)
			position = (u64)pfs_narrow(position) + 1;
		if (!pfs_is_digit(pfs_byte(json, position)))
			return pfs_fail(failure, PFS_RULE_MANIFEST_SYNTAX, 0,
					position);
		position = pfs_digits_end(json, position);
	}
	*out = position;
	return pfs_finished(failure);
}

/* schema/json.ts: literalEnd() */
/* The end of the literal `word` at `at`; fails if another text is there. */
static noinline_for_stack bool
pfs_literal_end(struct pfs_bytes json, u64 at, struct pfs_bytes word,
		struct pfs_failure *failure, u64 *out)
{
	u32 length = pfs_at_most(word.length, PFS_LONGEST_LITERAL);

	for (u32 i = 0; i < length; i++) {
		if (pfs_byte(json, (u64)pfs_narrow(at) + i) !=
		    pfs_byte(word, i))
			return pfs_fail(failure, PFS_RULE_MANIFEST_SYNTAX, 0,
					(u64)pfs_narrow(at) + i);
	}
	*out = (u64)pfs_narrow(at) + word.length;
	return true;
}

/* schema/json.ts: scalarEnd() */
/* The end of the string, number or literal at `at`: just after it. */
static noinline_for_stack bool
pfs_scalar_end(struct pfs_bytes json, u64 at, struct pfs_failure *failure,
	       u64 *out)
{
	u32 code = pfs_byte(json, at);

	if (code == PFS_QUOTE) {
		u64 end;

		if (!pfs_string_end(json, at, failure, &end))
			return false;
		*out = (u64)pfs_narrow(end) + 1;
		return true;
	}
	if (code == PFS_LOWER_T)
		return pfs_literal_end(json, at, PFS_TEXT("true"), failure,
				       out);
	if (code == PFS_LOWER_F)
		return pfs_literal_end(json, at, PFS_TEXT("false"), failure,
				       out);
	if (code == PFS_LOWER_N)
		return pfs_literal_end(json, at, PFS_TEXT("null"), failure,
				       out);
	return pfs_number_end(json, at, failure, out);
}

/* schema/json.ts: recordKey() */
/* Records a key of the object at `depth`, and refuses a duplicate. */
static noinline_for_stack bool
pfs_record_key(struct pfs_bytes json, u64 at, u32 depth,
	       struct pfs_scratch_u32 keys, struct pfs_failure *failure)
{
	u64 first = (u64)depth * PFS_KEY_STRIDE;
	u32 count = pfs_scratch_u32_get(keys, first);

	if (count >= PFS_MAX_KEYS)
		return pfs_fail(failure, PFS_RULE_MANIFEST_OBJECT_TOO_LARGE, 0,
				at);
	for (u32 i = 0; i < count && pfs_tick(); i++) {
		if (pfs_same_string(json,
				    pfs_scratch_u32_get(keys, first + 1 + i),
				    at))
			return pfs_fail(failure, PFS_RULE_MANIFEST_KEY_TWICE, 0,
					at);
	}
	pfs_scratch_u32_set(keys, first + 1 + count, pfs_narrow(at));
	pfs_scratch_u32_set(keys, first, pfs_narrow((u64)count + 1));
	return pfs_finished(failure);
}

/* schema/json.ts: scanStart() */
/* The state before the first step. */
struct pfs_step pfs_scan_start(void)
{
	return (struct pfs_step) {
		.kind = PFS_STEP_NONE,
		.depth = 0,
		.key = 0,
		.start = 0,
		.at = 0,
		.want = PFS_WANT_VALUE,
	};
}

/* schema/json.ts: closeInnermost() */
/* The step at the end, at `at`, of the innermost object or array. */
static noinline_for_stack bool
pfs_close_innermost(struct pfs_bytes json, struct pfs_scratch_u8 open,
		    struct pfs_step last, u32 want, u64 at,
		    struct pfs_failure *failure, struct pfs_step *out)
{
	bool object = pfs_byte(json, at) == PFS_CLOSE_BRACE;
	bool closable =
		want == PFS_WANT_COMMA_OR_END ||
		want == (object ? PFS_WANT_KEY_OR_END : PFS_WANT_VALUE_OR_END);
	u8 kind = object ? PFS_OBJECT : PFS_ARRAY;
	u32 depth;
	u32 next;

	if (!closable || last.depth == 0 ||
	    pfs_scratch_u8_get(open, last.depth) != kind)
		return pfs_fail(failure, PFS_RULE_MANIFEST_SYNTAX, 0, at);
	depth = pfs_difference(last.depth, 1);
	next = depth == 0 ? PFS_WANT_NOTHING : PFS_WANT_COMMA_OR_END;
	*out = (struct pfs_step) {
		.kind = PFS_STEP_CLOSED,
		.depth = depth,
		.key = last.key,
		.start = at,
		.at = (u64)pfs_narrow(at) + 1,
		.want = next,
	};
	return true;
}

/* schema/json.ts: openNested() */
/* The step at the start, at `at`, of an object or array. */
static noinline_for_stack bool
pfs_open_nested(struct pfs_bytes json, struct pfs_scratch_u8 open,
		struct pfs_scratch_u32 keys, struct pfs_step last, u64 key,
		u64 at, struct pfs_failure *failure, struct pfs_step *out)
{
	bool object = pfs_byte(json, at) == PFS_OPEN_BRACE;
	u32 depth;
	u32 want;

	if (last.depth >= PFS_MAX_DEPTH)
		return pfs_fail(failure, PFS_RULE_MANIFEST_TOO_DEEP, 0, at);
	if (last.depth == 0 && !object)
		return pfs_fail(failure, PFS_RULE_MANIFEST_SYNTAX, 0, at);
	depth = pfs_narrow((u64)last.depth + 1);
	want = object ? PFS_WANT_KEY_OR_END : PFS_WANT_VALUE_OR_END;
	pfs_scratch_u8_set(open, depth, object ? PFS_OBJECT : PFS_ARRAY);
	pfs_scratch_u32_set(keys, (u64)depth * PFS_KEY_STRIDE, 0);
	*out = (struct pfs_step) {
		.kind = PFS_STEP_OPENED,
		.depth = depth,
		.key = key,
		.start = at,
		.at = (u64)pfs_narrow(at) + 1,
		.want = want,
	};
	return true;
}

/* schema/json.ts: nextStep() */
/*
 * The step after `last`; the text up to its end has been checked. `open` has
 * room for OPEN_MARKS, `keys` for KEY_POSITIONS; both keep the scanner's state
 * and belong to one scan.
 */
bool pfs_next_step(struct pfs_bytes json, struct pfs_scratch_u8 open,
		   struct pfs_scratch_u32 keys, struct pfs_step last,
		   struct pfs_failure *failure, struct pfs_step *out)
{
	u32 depth = last.depth;
	u64 at = last.at;
	u32 want = last.want;
	u64 key = last.key;

	for (u64 bound = U64_MAX;
	     at < json.length &&
	     pfs_decreases(&bound, pfs_difference(json.length, at)) &&
	     pfs_tick();) {
		u32 code = pfs_byte(json, at);
		u64 start = at;

		if (code == PFS_SPACE || code == PFS_TAB ||
		    code == PFS_LINE_FEED || code == PFS_RETURN)
			at = (u64)pfs_narrow(at) + 1;
		else if (want == PFS_WANT_NOTHING)
			return pfs_fail(failure, PFS_RULE_MANIFEST_SYNTAX, 0,
					at);
		else if (want == PFS_WANT_COLON) {
			if (code != PFS_COLON)
				return pfs_fail(failure,
						PFS_RULE_MANIFEST_SYNTAX, 0,
						at);
			want = PFS_WANT_VALUE;
			at = (u64)pfs_narrow(at) + 1;
		} else if (code == PFS_CLOSE_BRACE || code == PFS_CLOSE_BRACKET)
			return pfs_close_innermost(json, open, last, want, at,
						   failure, out) &&
			       pfs_finished(failure);
		else if (want == PFS_WANT_COMMA_OR_END) {
			if (code != PFS_COMMA)
				return pfs_fail(failure,
						PFS_RULE_MANIFEST_SYNTAX, 0,
						at);
			want = pfs_scratch_u8_get(open, depth) == PFS_OBJECT ?
			       PFS_WANT_KEY : PFS_WANT_VALUE;
			at = (u64)pfs_narrow(at) + 1;
		} else if (want == PFS_WANT_KEY ||
			   want == PFS_WANT_KEY_OR_END) {
			u64 key_end;

			if (code != PFS_QUOTE)
				return pfs_fail(failure,
						PFS_RULE_MANIFEST_SYNTAX, 0,
						at);
			if (!pfs_scalar_end(json, start, failure, &key_end))
				return false;
			if (!pfs_record_key(json, start, depth, keys, failure))
				return false;
			key = start;
			at = key_end;
			want = PFS_WANT_COLON;
		} else if (code == PFS_OPEN_BRACE || code == PFS_OPEN_BRACKET) {
			return pfs_open_nested(json, open, keys, last, key, at,
					       failure, out) &&
			       pfs_finished(failure);
		} else {
			u64 end;

			if (depth == 0)
				return pfs_fail(failure,
						PFS_RULE_MANIFEST_SYNTAX, 0,
						at);
			if (!pfs_scalar_end(json, start, failure, &end))
				return false;
			*out = (struct pfs_step) {
				.kind = PFS_STEP_SCALAR,
				.depth = depth,
				.key = key,
				.start = start,
				.at = end,
				.want = PFS_WANT_COMMA_OR_END,
			};
			return pfs_finished(failure);
		}
	}
	if (want != PFS_WANT_NOTHING)
		return pfs_fail(failure, PFS_RULE_MANIFEST_SYNTAX, 0, at);
	*out = (struct pfs_step) {
		.kind = PFS_STEP_NONE,
		.depth = 0,
		.key = key,
		.start = at,
		.at = at,
		.want = want,
	};
	return pfs_finished(failure);
}
