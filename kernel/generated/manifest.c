// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/manifest.ts by make codegen. DO NOT EDIT. */
#include "format.h"

#define PFS_SPACE 32
#define PFS_QUOTE 34
#define PFS_COMMA 44
#define PFS_MINUS 45
#define PFS_PERIOD 46
#define PFS_ZERO 48
#define PFS_NINE 57
#define PFS_COLON 58
#define PFS_UPPER_E 69
#define PFS_OPEN_BRACKET 91
#define PFS_BACKSLASH 92
#define PFS_CLOSE_BRACKET 93
#define PFS_LOWER_B 98
#define PFS_LOWER_E 101
#define PFS_LOWER_F 102
#define PFS_LOWER_N 110
#define PFS_LOWER_R 114
#define PFS_LOWER_T 116
#define PFS_LOWER_U 117
#define PFS_OPEN_BRACE 123
#define PFS_CLOSE_BRACE 125
#define PFS_TAB 9
#define PFS_LINE_FEED 10
#define PFS_RETURN 13
#define PFS_WANT_VALUE 0
#define PFS_WANT_VALUE_OR_END 1
#define PFS_WANT_KEY 2
#define PFS_WANT_KEY_OR_END 3
#define PFS_WANT_COLON 4
#define PFS_WANT_COMMA_OR_END 5
#define PFS_WANT_NOTHING 6
#define PFS_OBJECT 1
#define PFS_ARRAY 2
#define PFS_BAD_CHARACTER 4294967295U

/* schema/manifest.ts: bad() */
static struct pfs_character pfs_bad(u64 at)
{
	return (struct pfs_character) { .code = PFS_BAD_CHARACTER, .next = at };
}

/* schema/manifest.ts: anyHexDigit() */
/* Value of a hexadecimal digit of either case, 16 for anything else. */
static u32 pfs_any_hex_digit(u32 code)
{
	if (code >= 65 && code <= 70)
		return pfs_hex_digit(code | 32);
	return pfs_hex_digit(code);
}

/* schema/manifest.ts: unicodeUnit() */
/* Four hexadecimal digits at `at`, or BAD_CHARACTER. */
static u32 pfs_unicode_unit(struct pfs_bytes json, u64 at)
{
	u32 unit = 0;

	for (u32 i = 0; i < 4; i++) {
		u32 digit =
			pfs_any_hex_digit(pfs_byte(json,
						   (u64)pfs_narrow(at) + i));

		if (digit > 15)
			return PFS_BAD_CHARACTER;
		unit = ((unit & 4095) << 4) | digit;
	}
	return unit;
}

/* schema/manifest.ts: escaped() */
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
			.code = 8,
			.next = (u64)at + 2,
		};
	if (letter == PFS_LOWER_F)
		return (struct pfs_character) {
			.code = 12,
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
		return pfs_bad(at);
	high = pfs_unicode_unit(json, (u64)at + 2);
	if (high == PFS_BAD_CHARACTER)
		return pfs_bad(at);
	if (high < 55296 || high > 57343)
		return (struct pfs_character) {
			.code = high,
			.next = (u64)at + 6,
		};
	if (high > 56319 || pfs_byte(json, (u64)at + 6) != PFS_BACKSLASH ||
	    pfs_byte(json, (u64)at + 7) != PFS_LOWER_U)
		return pfs_bad(at);
	low = pfs_unicode_unit(json, (u64)at + 8);
	if (low < 56320 || low > 57343)
		return pfs_bad(at);
	return (struct pfs_character) {
		.code = 65536 + ((high & 1023) << 10) + (low & 1023),
		.next = (u64)at + 12,
	};
}

/* schema/manifest.ts: multibyte() */
/* A character of several bytes at `at`: well-formed UTF-8 only. */
static struct pfs_character pfs_multibyte(struct pfs_bytes json, u64 start)
{
	u32 at = pfs_narrow(start);
	u32 lead = pfs_byte(json, at);
	u32 size = lead < 224 ? 2 : (lead < 240 ? 3 : 4);
	u32 code;

	if (lead < 194 || lead > 244)
		return pfs_bad(at);
	code = size == 2 ? lead & 31 : (size == 3 ? lead & 15 : lead & 7);
	for (u32 i = 1; i < size; i++) {
		u32 byte = pfs_byte(json, (u64)at + i);

		if (byte >> 6 != 2)
			return pfs_bad(at);
		code = ((code & 65535) << 6) | (byte & 63);
	}
	if (size == 3 && (code < 2048 || (code >= 55296 && code <= 57343)))
		return pfs_bad(at);
	if (size == 4 && (code < 65536 || code > 1114111))
		return pfs_bad(at);
	return (struct pfs_character) { .code = code, .next = (u64)at + size };
}

/* schema/manifest.ts: character() */
/* The character of a string at `at`. */
static struct pfs_character pfs_character(struct pfs_bytes json, u64 at)
{
	u32 code = pfs_byte(json, at);

	if (code < PFS_SPACE)
		return pfs_bad(at);
	if (code == PFS_BACKSLASH)
		return pfs_escaped(json, at);
	if (code < 128)
		return (struct pfs_character) {
			.code = code,
			.next = (u64)pfs_narrow(at) + 1,
		};
	return pfs_multibyte(json, at);
}

/* schema/manifest.ts: isPlain() */
/* Whether a byte of a string is a character as it stands. */
static bool pfs_is_plain(u32 code)
{
	return code >= PFS_SPACE && code < 128 && code != PFS_QUOTE &&
	       code != PFS_BACKSLASH;
}

/* schema/manifest.ts: stringEnd() */
/* Where the string whose opening quote is at `at` ends: its closing quote. */
static noinline_for_stack bool
pfs_string_end(struct pfs_bytes json, u64 at, struct pfs_failure *failure,
	       u64 *out)
{
	u64 position = (u64)pfs_narrow(at) + 1;

	for (u64 bound = U64_MAX;
	     position < json.length &&
	     pfs_decreases(&bound, pfs_difference(json.length, position));) {
		u32 code = pfs_byte(json, position);
		struct pfs_character next;

		if (code == PFS_QUOTE) {
			*out = position;
			return true;
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

/* schema/manifest.ts: sameString() */
/*
 * Whether two strings, given by their opening quotes, are the same text. Both
 * are well-formed.
 */
static bool pfs_same_string(struct pfs_bytes json, u64 a, u64 b)
{
	u64 left = (u64)pfs_narrow(a) + 1;
	u64 right = (u64)pfs_narrow(b) + 1;

	for (u64 bound = U64_MAX;
	     left < json.length &&
	     pfs_decreases(&bound, pfs_difference(json.length, left));) {
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

/* schema/manifest.ts: says() */
/*
 * Whether the string whose opening quote is at `at` says `wanted`, which is all
 * of plain characters.
 */
static bool pfs_says(struct pfs_bytes json, u64 at, struct pfs_bytes wanted)
{
	u64 position = (u64)pfs_narrow(at) + 1;

	for (u32 i = 0; i < wanted.length; i++) {
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

/* schema/manifest.ts: saysRootfsType() */
static bool pfs_says_rootfs_type(struct pfs_bytes json, u64 at)
{
	return pfs_says(json, at,
			PFS_TEXT("application/vnd.puzzlefs.image.rootfs.v1"));
}

/* schema/manifest.ts: saysRootHash() */
static bool pfs_says_root_hash(struct pfs_bytes json, u64 at)
{
	return pfs_says(json, at,
			PFS_TEXT("io.puzzlefsoci.puzzlefs.puzzlefs_verity_root_hash"));
}

/* schema/manifest.ts: copyString() */
/*
 * Copies the characters of a string into `plain`, as many as it has room for;
 * gives how many there are in all.
 */
static u64 pfs_copy_string(struct pfs_bytes json, u64 at,
			   struct pfs_scratch_u8 plain)
{
	u64 position = (u64)pfs_narrow(at) + 1;
	u64 count = 0;

	for (u64 bound = U64_MAX;
	     position < json.length && pfs_byte(json, position) != PFS_QUOTE &&
	     pfs_decreases(&bound, pfs_difference(json.length, position));) {
		u32 code = pfs_byte(json, position);

		if (pfs_is_plain(code)) {
			pfs_scratch_u8_set(plain, count, code & 127);
			position = (u64)pfs_narrow(position) + 1;
		} else {
			struct pfs_character next = pfs_character(json,
								  position);

			pfs_scratch_u8_set(plain, count,
					   next.code < 128 ? next.code & 127 :
					   0);
			position = next.next;
		}
		count = (u64)pfs_narrow(count) + 1;
	}
	return count;
}

/* schema/manifest.ts: isDigit() */
static bool pfs_is_digit(u32 code)
{
	return code >= PFS_ZERO && code <= PFS_NINE;
}

/* schema/manifest.ts: digitsEnd() */
static u64 pfs_digits_end(struct pfs_bytes json, u64 at)
{
	u64 position = at;

	for (u64 bound = U64_MAX;
	     position < json.length && pfs_is_digit(pfs_byte(json, position)) &&
	     pfs_decreases(&bound, pfs_difference(json.length, position));)
		position = (u64)pfs_narrow(position) + 1;
	return position;
}

/* schema/manifest.ts: numberEnd() */
/* Where the number at `at` ends. */
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
		if (pfs_byte(json, position) == 43 ||
		    pfs_byte(json, position) == PFS_MINUS)
			position = (u64)pfs_narrow(position) + 1;
		if (!pfs_is_digit(pfs_byte(json, position)))
			return pfs_fail(failure, PFS_RULE_MANIFEST_SYNTAX, 0,
					position);
		position = pfs_digits_end(json, position);
	}
	*out = position;
	return true;
}

/* schema/manifest.ts: wordEnd() */
/* Where the literal `word` at `at` ends. */
static noinline_for_stack bool
pfs_word_end(struct pfs_bytes json, u64 at, struct pfs_bytes word,
	     struct pfs_failure *failure, u64 *out)
{
	for (u32 i = 0; i < word.length; i++) {
		if (pfs_byte(json, (u64)pfs_narrow(at) + i) !=
		    pfs_byte(word, i))
			return pfs_fail(failure, PFS_RULE_MANIFEST_SYNTAX, 0,
					(u64)pfs_narrow(at) + i);
	}
	*out = (u64)pfs_narrow(at) + word.length;
	return true;
}

/* schema/manifest.ts: scalarEnd() */
/* Where the string, number or literal at `at` ends: just after it. */
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
		return pfs_word_end(json, at, PFS_TEXT("true"), failure, out);
	if (code == PFS_LOWER_F)
		return pfs_word_end(json, at, PFS_TEXT("false"), failure, out);
	if (code == PFS_LOWER_N)
		return pfs_word_end(json, at, PFS_TEXT("null"), failure, out);
	return pfs_number_end(json, at, failure, out);
}

/* schema/manifest.ts: noteKey() */
/*
 * Notes a key of the object at `depth` and refuses one that it has already.
 * keys[depth * (MAX_KEYS + 1)] counts them.
 */
static noinline_for_stack bool
pfs_note_key(struct pfs_bytes json, u64 at, u32 depth,
	     struct pfs_scratch_u32 keys, struct pfs_failure *failure)
{
	u64 first = (u64)depth * (PFS_MAX_KEYS + 1);
	u32 count = pfs_scratch_u32_get(keys, first);

	if (count >= PFS_MAX_KEYS)
		return pfs_fail(failure, PFS_RULE_MANIFEST_OBJECT_TOO_LARGE, 0,
				at);
	for (u32 i = 0; i < count; i++) {
		if (pfs_same_string(json,
				    pfs_scratch_u32_get(keys, first + 1 + i),
				    at))
			return pfs_fail(failure, PFS_RULE_MANIFEST_KEY_TWICE, 0,
					at);
	}
	pfs_scratch_u32_set(keys, first + 1 + count, pfs_narrow(at));
	pfs_scratch_u32_set(keys, first, pfs_narrow((u64)count + 1));
	return true;
}

/* schema/manifest.ts: parseDigits() */
/*
 * 64 hexadecimal digits in `plain` from `start` on as 32 bytes of `digests`
 * from `first` on.
 */
static bool pfs_parse_digits(struct pfs_scratch_u8 plain, u32 start,
			     struct pfs_scratch_u8 digests, u32 first)
{
	for (u32 i = 0; i < 32; i++) {
		u32 high =
			pfs_hex_digit(pfs_scratch_u8_get(plain,
							 (u64)start + i * 2));
		u32 low = pfs_hex_digit(pfs_scratch_u8_get(plain,
							   (u64)start + i * 2 +
							   1));

		if (high > 15 || low > 15)
			return false;
		pfs_scratch_u8_set(digests, (u64)first + i,
				   ((high & 15) << 4) | (low & 15));
	}
	return true;
}

/* schema/manifest.ts: readDigest() */
/*
 * Reads the digest string at `at`, "sha256:" and 64 digits, into the first 32
 * of `digests`; false where it is not that.
 */
static bool pfs_read_digest(struct pfs_bytes json, u64 at,
			    struct pfs_scratch_u8 plain,
			    struct pfs_scratch_u8 digests)
{
	u64 length = pfs_copy_string(json, at, plain);
	struct pfs_bytes prefix;
	bool valid;

	if (length != 7 + PFS_HEX_DIGITS)
		return false;
	prefix = PFS_TEXT("sha256:");
	for (u32 i = 0; i < prefix.length; i++) {
		if (pfs_scratch_u8_get(plain, i) != pfs_byte(prefix, i))
			return false;
	}
	valid = pfs_parse_digits(plain, 7, digests, 0);
	return valid;
}

/* schema/manifest.ts: readSize() */
/*
 * The number from `at` to `end`, or NO_SIZE where it is not a count of bytes,
 * of 15 digits at most.
 */
static u64 pfs_read_size(struct pfs_bytes json, u64 at, u64 end)
{
	u32 count = pfs_narrow(pfs_difference(end, at));
	u32 high = 0;
	u32 low = 0;

	if (count > 15)
		return PFS_NO_SIZE;
	for (u32 i = 0; i < count; i++) {
		u32 digit = pfs_byte(json, (u64)pfs_narrow(at) + i);

		if (!pfs_is_digit(digit))
			return PFS_NO_SIZE;
		if ((u64)i + 8 < count)
			high = high % 1000000 * 10 + (digit & 15);
		else
			low = low % 10000000 * 10 + (digit & 15);
	}
	return (u64)(high % 10000000) * 100000000 + low;
}

/* schema/manifest.ts: close() */
/* Closes the object or array at `at`, which is the innermost one. */
static noinline_for_stack bool
pfs_close(struct pfs_bytes json, struct pfs_scratch_u8 open,
	  struct pfs_step last, u32 want, u64 at, struct pfs_failure *failure,
	  struct pfs_step *out)
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

/* schema/manifest.ts: begin() */
/*
 * Opens an object or array at `at`. `open` has room for MAX_DEPTH + 1 marks,
 * `keys` for KEY_POSITIONS.
 */
static noinline_for_stack bool
pfs_begin(struct pfs_bytes json, struct pfs_scratch_u8 open,
	  struct pfs_scratch_u32 keys, struct pfs_step last, u64 key, u64 at,
	  struct pfs_failure *failure, struct pfs_step *out)
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
	pfs_scratch_u32_set(keys, (u64)depth * (PFS_MAX_KEYS + 1), 0);
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

/* schema/manifest.ts: nextStep() */
/*
 * The next thing that is opened, closed or a scalar. Everything on the way is
 * checked.
 */
static noinline_for_stack bool
pfs_next_step(struct pfs_bytes json, struct pfs_scratch_u8 open,
	      struct pfs_scratch_u32 keys, struct pfs_step last,
	      struct pfs_failure *failure, struct pfs_step *out)
{
	u32 depth = last.depth;
	u64 at = last.at;
	u32 want = last.want;
	u64 key = last.key;

	for (u64 bound = U64_MAX;
	     at < json.length &&
	     pfs_decreases(&bound, pfs_difference(json.length, at));) {
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
			return pfs_close(json, open, last, want, at, failure,
					 out);
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
			if (!pfs_note_key(json, start, depth, keys, failure))
				return false;
			key = start;
			at = key_end;
			want = PFS_WANT_COLON;
		} else if (code == PFS_OPEN_BRACE || code == PFS_OPEN_BRACKET) {
			return pfs_begin(json, open, keys, last, key, at,
					 failure, out);
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
			return true;
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
	return true;
}

/* schema/manifest.ts: blobType() */
/* The type that a media type says. */
static u32 pfs_blob_type(struct pfs_bytes json, u64 at)
{
	if (pfs_says_rootfs_type(json, at))
		return PFS_TYPE_ROOTFS;
	if (pfs_says(json, at,
		     PFS_TEXT("application/vnd.puzzlefs.image.filedata.v1")))
		return PFS_TYPE_CHUNK;
	if (pfs_says(json, at,
		     PFS_TEXT("application/vnd.puzzlefs.image.filedata.v1+zstd")))
		return PFS_TYPE_COMPRESSED_CHUNK;
	return PFS_TYPE_OTHER;
}

/* schema/manifest.ts: manifestStart() */
/* Where to start: what nextDescriptor takes first. */
bool pfs_manifest_start(struct pfs_bytes json, struct pfs_failure *failure,
			struct pfs_descriptor *out)
{
	if (json.length > PFS_MAX_MANIFEST_BYTES)
		return pfs_fail(failure, PFS_RULE_MANIFEST_TOO_LARGE, 0, 0);
	*out = (struct pfs_descriptor) {
		.kind = PFS_DESCRIPTOR_NONE,
		.type = PFS_TYPE_OTHER,
		.has_digest = false,
		.has_verity = false,
		.size = PFS_NO_SIZE,
		.in_layers = false,
		.step = (struct pfs_step) {
			.kind = PFS_STEP_NONE,
			.depth = 0,
			.key = 0,
			.start = 0,
			.at = 0,
			.want = PFS_WANT_VALUE,
		},
	};
	return true;
}

/* schema/manifest.ts: nextDescriptor() */
/*
 * The descriptor after `last`, of the config or a layer, in the order of the
 * text: its digest and its annotated fs-verity digest are read into `digests`,
 * 32 bytes each. `open` has room for MAX_DEPTH + 1 marks, `keys` for
 * KEY_POSITIONS, `plain` for 80 bytes. The text has been checked where there
 * are no more.
 */
bool pfs_next_descriptor(struct pfs_bytes json, struct pfs_scratch_u8 open,
			 struct pfs_scratch_u32 keys,
			 struct pfs_scratch_u8 plain,
			 struct pfs_scratch_u8 digests,
			 struct pfs_descriptor last,
			 struct pfs_failure *failure,
			 struct pfs_descriptor *out)
{
	struct pfs_step step = last.step;
	bool in_layers = last.in_layers;
	u32 kind = PFS_DESCRIPTOR_NONE;
	u32 top = 0;
	bool in_annotations = false;
	u32 type = PFS_TYPE_OTHER;
	bool has_digest = false;
	bool has_verity = false;
	u64 size = PFS_NO_SIZE;

	for (u64 bound = U64_MAX;
	     step.at <= json.length &&
	     pfs_decreases(&bound,
			   pfs_difference((u64)json.length + 1, step.at));) {
		struct pfs_step next;
		u32 depth;

		if (!pfs_next_step(json, open, keys, step, failure, &next))
			return false;
		step = next;
		depth = next.depth;
		if (next.kind == PFS_STEP_NONE)
			break;
		if (next.kind == PFS_STEP_OPENED && top == 0) {
			bool config;

			if (depth == 2 &&
			    pfs_says(json, next.key, PFS_TEXT("layers"))) {
				if (pfs_scratch_u8_get(open, 2) != PFS_ARRAY)
					return pfs_fail(failure,
							PFS_RULE_MANIFEST_SYNTAX,
							0, next.start);
				in_layers = true;
			}
			config = depth == 2 &&
				 pfs_says(json, next.key, PFS_TEXT("config"));
			if (pfs_scratch_u8_get(open, depth) == PFS_OBJECT &&
			    (config || (depth == 3 && in_layers))) {
				top = depth;
				kind = config ? PFS_DESCRIPTOR_CONFIG :
				       PFS_DESCRIPTOR_LAYER;
			}
		} else if (next.kind == PFS_STEP_OPENED) {
			if (depth == (u64)top + 1 &&
			    pfs_says(json, next.key, PFS_TEXT("annotations")))
				in_annotations = true;
		} else if (next.kind == PFS_STEP_CLOSED) {
			if (depth == top)
				in_annotations = false;
			if (depth == 1)
				in_layers = false;
			if (top != 0 && (u64)depth + 1 == top) {
				if (!has_digest && kind == PFS_DESCRIPTOR_LAYER)
					return pfs_fail(failure,
							PFS_RULE_MANIFEST_DIGEST,
							0, next.start);
				break;
			}
		} else if (top != 0 && depth == top) {
			bool is_text = pfs_byte(json, next.start) == PFS_QUOTE;

			if (pfs_says(json, next.key, PFS_TEXT("size")))
				size = pfs_read_size(json, next.start, next.at);
			if (is_text &&
			    pfs_says(json, next.key, PFS_TEXT("mediaType")))
				type = pfs_blob_type(json, next.start);
			if (is_text &&
			    pfs_says(json, next.key, PFS_TEXT("digest"))) {
				bool valid = pfs_read_digest(json, next.start,
							     plain, digests);

				if (!valid && kind == PFS_DESCRIPTOR_LAYER)
					return pfs_fail(failure,
							PFS_RULE_MANIFEST_DIGEST,
							0, next.start);
				has_digest = valid;
			}
		} else if (in_annotations && depth == (u64)top + 1 &&
			   pfs_byte(json, next.start) == PFS_QUOTE &&
			   pfs_says_root_hash(json, next.key)) {
			u64 count = pfs_copy_string(json, next.start, plain);
			bool valid = pfs_parse_digits(plain, 0, digests, 32);

			has_verity = valid && count == PFS_HEX_DIGITS;
			if (!has_verity && kind == PFS_DESCRIPTOR_LAYER)
				return pfs_fail(failure,
						PFS_RULE_MANIFEST_DIGEST, 0,
						next.start);
		}
	}
	*out = (struct pfs_descriptor) {
		.kind = kind,
		.type = type,
		.has_digest = has_digest,
		.has_verity = has_verity,
		.size = size,
		.in_layers = in_layers,
		.step = step,
	};
	return true;
}

/* schema/manifest.ts: findRootfs() */
/*
 * Finds the one layer that is the metadata blob, and reads its digests into
 * `digest` and `verity`, 32 bytes each. `open` has room for MAX_DEPTH + 1
 * marks, `keys` for KEY_POSITIONS, `plain` for 80 bytes, `layer` for 64.
 */
bool pfs_find_rootfs(struct pfs_bytes json, struct pfs_scratch_u8 open,
		     struct pfs_scratch_u32 keys, struct pfs_scratch_u8 plain,
		     struct pfs_scratch_u8 layer, struct pfs_scratch_u8 digest,
		     struct pfs_scratch_u8 verity, struct pfs_failure *failure,
		     struct pfs_rootfs_descriptor *out)
{
	struct pfs_descriptor start;
	struct pfs_descriptor last;
	u32 found;
	bool has_verity;
	u64 size;

	if (!pfs_manifest_start(json, failure, &start))
		return false;
	last = start;
	found = 0;
	has_verity = false;
	size = PFS_NO_SIZE;
	for (u64 bound = U64_MAX;
	     last.step.at <= json.length &&
	     pfs_decreases(&bound,
			   pfs_difference((u64)json.length + 1,
					  last.step.at));) {
		struct pfs_descriptor next;

		if (!pfs_next_descriptor(json, open, keys, plain, layer, last,
					 failure, &next))
			return false;
		last = next;
		if (next.kind == PFS_DESCRIPTOR_NONE)
			break;
		if (next.kind != PFS_DESCRIPTOR_LAYER ||
		    next.type != PFS_TYPE_ROOTFS)
			continue;
		if (found != 0)
			return pfs_fail(failure, PFS_RULE_MANIFEST_ROOTFS_TWICE,
					0, next.step.start);
		found = pfs_narrow(next.step.at);
		has_verity = next.has_verity;
		size = next.size;
		for (u32 j = 0; j < 32; j++)
			pfs_scratch_u8_set(digest, j,
					   pfs_scratch_u8_get(layer, j));
		for (u32 j = 0; j < 32; j++)
			pfs_scratch_u8_set(verity, j,
					   pfs_scratch_u8_get(layer, 32 + j));
	}
	if (found == 0)
		return pfs_fail(failure, PFS_RULE_MANIFEST_ROOTFS_MISSING, 0,
				0);
	*out = (struct pfs_rootfs_descriptor) {
		.end = found,
		.has_verity = has_verity,
		.size = size,
	};
	return true;
}
