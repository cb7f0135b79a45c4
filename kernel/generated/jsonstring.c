// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/jsonstring.ts by make codegen. DO NOT EDIT. */
#include "format.h"

#define PFS_BAD_CHARACTER 0xffffffffU
#define PFS_HIGH_SURROGATE 0xd800
#define PFS_LOW_SURROGATE 0xdc00
#define PFS_SURROGATE_END 0xe000
#define PFS_PAIRED 0x10000
#define PFS_LARGEST_CODE_POINT 0x10ffff
#define PFS_BACKSPACE 0x8
#define PFS_FORM_FEED 0xc

/* schema/jsonstring.ts: badCharacter() */
static struct pfs_character pfs_bad_character(u64 at)
{
	return (struct pfs_character) { .code = PFS_BAD_CHARACTER, .next = at };
}

/* schema/jsonstring.ts: anyHexDigit() */
/* Value of a hexadecimal digit of either case, NO_DIGIT for anything else. */
static u32 pfs_any_hex_digit(u32 code)
{
	if (code >= PFS_UPPER_A && code <= PFS_UPPER_F)
		return pfs_hex_digit(code | 0x20);
	return pfs_hex_digit(code);
}

/* schema/jsonstring.ts: codeUnit() */
/*
 * The UTF-16 code unit of the four hexadecimal digits at `at`, or
 * BAD_CHARACTER.
 */
static u32 pfs_code_unit(struct pfs_bytes json, u64 at)
{
	u32 unit = 0;

	for (u32 i = 0; i < 4; i++) {
		u32 digit =
			pfs_any_hex_digit(pfs_byte(json,
						   (u64)pfs_narrow(at) + i));

		if (digit >= PFS_NO_DIGIT)
			return PFS_BAD_CHARACTER;
		unit = ((unit & 0xfff) << 4) | digit;
	}
	return unit;
}

/* schema/jsonstring.ts: escaped() */
/* The escape whose backslash is at `at`. */
static struct pfs_character pfs_escaped(struct pfs_bytes json, u64 start)
{
	u32 at = pfs_narrow(start);
	u32 letter = pfs_byte(json, (u64)at + 1);
	u32 high;
	u32 low;

	if (letter == PFS_QUOTE || letter == PFS_BACKSLASH ||
	    letter == PFS_SLASH)
		return (struct pfs_character) {
			.code = letter,
			.next = (u64)at + 2,
		};
	if (letter == PFS_LOWER_B)
		return (struct pfs_character) {
			.code = PFS_BACKSPACE,
			.next = (u64)at + 2,
		};
	if (letter == PFS_LOWER_F)
		return (struct pfs_character) {
			.code = PFS_FORM_FEED,
			.next = (u64)at + 2,
		};
	if (letter == PFS_LOWER_N)
		return (struct pfs_character) {
			.code = PFS_LINE_FEED,
			.next = (u64)at + 2,
		};
	if (letter == PFS_LOWER_R)
		return (struct pfs_character) {
			.code = PFS_RETURN,
			.next = (u64)at + 2,
		};
	if (letter == PFS_LOWER_T)
		return (struct pfs_character) {
			.code = PFS_TAB,
			.next = (u64)at + 2,
		};
	if (letter != PFS_LOWER_U)
		return pfs_bad_character(at);
	high = pfs_code_unit(json, (u64)at + 2);
	if (high == PFS_BAD_CHARACTER)
		return pfs_bad_character(at);
	if (high < PFS_HIGH_SURROGATE || high >= PFS_SURROGATE_END)
		return (struct pfs_character) {
			.code = high,
			.next = (u64)at + 6,
		};
	if (high >= PFS_LOW_SURROGATE ||
	    pfs_byte(json, (u64)at + 6) != PFS_BACKSLASH ||
	    pfs_byte(json, (u64)at + 7) != PFS_LOWER_U)
		return pfs_bad_character(at);
	low = pfs_code_unit(json, (u64)at + 8);
	if (low < PFS_LOW_SURROGATE || low >= PFS_SURROGATE_END)
		return pfs_bad_character(at);
	return (struct pfs_character) {
		.code = PFS_PAIRED + ((high & 0x3ff) << 10) + (low & 0x3ff),
		.next = (u64)at + 12,
	};
}

/* schema/jsonstring.ts: multibyte() */
/* A character of several bytes at `at`: well-formed UTF-8 only. */
static struct pfs_character pfs_multibyte(struct pfs_bytes json, u64 start)
{
	u32 at = pfs_narrow(start);
	u32 lead = pfs_byte(json, at);
	u32 size = lead < 0xe0 ? 2 : (lead < 0xf0 ? 3 : 4);
	u32 code;

	if (lead < 0xc2 || lead > 0xf4)
		return pfs_bad_character(at);
	code = size == 2 ? lead & 0x1f : (size == 3 ? lead & 0xf : lead & 0x7);
	for (u32 i = 1; i < size; i++) {
		u32 byte = pfs_byte(json, (u64)at + i);

		if (byte >> 6 != 2)
			return pfs_bad_character(at);
		code = ((code & 0xffff) << 6) | (byte & 0x3f);
	}
	if (size == 3 &&
	    (code < 0x800 ||
	     (code >= PFS_HIGH_SURROGATE && code < PFS_SURROGATE_END)))
		return pfs_bad_character(at);
	if (size == 4 && (code < PFS_PAIRED || code > PFS_LARGEST_CODE_POINT))
		return pfs_bad_character(at);
	return (struct pfs_character) { .code = code, .next = (u64)at + size };
}

/* schema/jsonstring.ts: character() */
/* The character of a string at `at`. */
static struct pfs_character pfs_character(struct pfs_bytes json, u64 at)
{
	u32 code = pfs_byte(json, at);

	if (code < PFS_SPACE)
		return pfs_bad_character(at);
	if (code == PFS_BACKSLASH)
		return pfs_escaped(json, at);
	if (code < PFS_ASCII_END)
		return (struct pfs_character) {
			.code = code,
			.next = (u64)pfs_narrow(at) + 1,
		};
	return pfs_multibyte(json, at);
}

/* schema/jsonstring.ts: isPlain() */
/* Whether a byte of a string is a character by itself, without an escape. */
static bool pfs_is_plain(u32 code)
{
	return code >= PFS_SPACE && code < PFS_ASCII_END && code != PFS_QUOTE &&
	       code != PFS_BACKSLASH;
}

/* schema/jsonstring.ts: stringEnd() */
/*
 * The position of the closing quote of the string whose opening quote is at
 * `at`; fails if the string is not well-formed.
 */
bool pfs_string_end(struct pfs_bytes json, u64 at, struct pfs_failure *failure,
		    u64 *out)
{
	u64 position = (u64)pfs_narrow(at) + 1;

	for (u64 bound = U64_MAX;
	     position < json.length &&
	     pfs_decreases(&bound, pfs_difference(json.length, position)) &&
	     pfs_tick();) {
		u32 code = pfs_byte(json, position);
		struct pfs_character next;

		if (code == PFS_QUOTE) {
			*out = position;
			return pfs_finished(failure);
		}
		if (pfs_is_plain(code)) {
			position = (u64)pfs_narrow(position) + 1;
			continue;
		}
		next = pfs_character(json, position);
		if (next.code == PFS_BAD_CHARACTER)
			return pfs_fail(failure, PFS_RULE_MANIFEST_STRING, 0,
					position);
		position = next.next;
	}
	return pfs_fail(failure, PFS_RULE_MANIFEST_STRING, 0, at);
}

/* schema/jsonstring.ts: sameString() */
/*
 * Whether two well-formed strings, given by their opening quotes, have the same
 * characters.
 */
bool pfs_same_string(struct pfs_bytes json, u64 a, u64 b)
{
	u64 left = (u64)pfs_narrow(a) + 1;
	u64 right = (u64)pfs_narrow(b) + 1;

	for (u64 bound = U64_MAX;
	     left < json.length &&
	     pfs_decreases(&bound, pfs_difference(json.length, left)) &&
	     pfs_tick();) {
		struct pfs_character one;
		struct pfs_character other;

		if (pfs_byte(json, left) == PFS_QUOTE ||
		    pfs_byte(json, right) == PFS_QUOTE)
			return pfs_byte(json, left) == pfs_byte(json, right);
		one = pfs_character(json, left);
		other = pfs_character(json, right);
		if (one.code != other.code)
			return false;
		left = one.next;
		right = other.next;
	}
	return false;
}

/* schema/jsonstring.ts: stringIs() */
/*
 * Whether the well-formed string whose opening quote is at `at` is `wanted`,
 * which has at most MAX_NAME_BYTES, plain characters.
 */
bool pfs_string_is(struct pfs_bytes json, u64 at, struct pfs_bytes wanted)
{
	u32 length = pfs_at_most(wanted.length, PFS_MAX_NAME_BYTES);
	u64 position = (u64)pfs_narrow(at) + 1;

	for (u32 i = 0; i < length; i++) {
		u32 code = pfs_byte(json, position);

		if (code == pfs_byte(wanted, i)) {
			position = (u64)pfs_narrow(position) + 1;
		} else {
			struct pfs_character next;

			if (code != PFS_BACKSLASH)
				return false;
			next = pfs_escaped(json, position);
			if (next.code != pfs_byte(wanted, i))
				return false;
			position = next.next;
		}
	}
	return pfs_byte(json, position) == PFS_QUOTE;
}

/* schema/jsonstring.ts: copyString() */
/*
 * Copies the characters of a well-formed string into `plain`, as many as fit;
 * returns the number of all its characters. One that is not ASCII is copied as
 * 0.
 */
u64 pfs_copy_string(struct pfs_bytes json, u64 at, struct pfs_scratch_u8 plain)
{
	u64 position = (u64)pfs_narrow(at) + 1;
	u64 count = 0;

	for (u64 bound = U64_MAX;
	     position < json.length && pfs_byte(json, position) != PFS_QUOTE &&
	     pfs_decreases(&bound, pfs_difference(json.length, position)) &&
	     pfs_tick();) {
		u32 code = pfs_byte(json, position);

		if (pfs_is_plain(code)) {
			pfs_scratch_u8_set(plain, count, code & 0x7f);
			position = (u64)pfs_narrow(position) + 1;
		} else {
			struct pfs_character next = pfs_character(json,
								  position);

			pfs_scratch_u8_set(plain, count,
					   next.code < PFS_ASCII_END ?
					   next.code & 0x7f : 0);
			position = next.next;
		}
		count = (u64)pfs_narrow(count) + 1;
	}
	return count;
}
