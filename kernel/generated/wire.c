// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/wire.ts by make codegen. DO NOT EDIT. */
#include "format.h"

#define PFS_NEAR_STRUCT 0
#define PFS_NEAR_LIST 1
#define PFS_FAR 2
#define PFS_ELEMENT_BYTE 2
#define PFS_ELEMENT_COMPOSITE 7
#define PFS_OFFSET_SPAN 0x40000000
#define PFS_OFFSET_HALF 0x20000000

/* schema/wire.ts: readSegments() */
/*
 * Reads the table of segments of a message of `size` bytes; returns their
 * number. `header` is its first MAX_HEADER_BYTES, or all of a smaller one, so
 * that it can be read before the rest. `starts` has room for MAX_SEGMENTS + 1
 * positions.
 */
bool pfs_read_segments(struct pfs_bytes header, u64 size,
		       struct pfs_scratch_u32 starts,
		       struct pfs_failure *failure, u32 *out)
{
	u32 segments;
	u32 words;
	u64 start;

	if (size > PFS_MAX_MESSAGE_BYTES)
		return pfs_fail(failure, PFS_RULE_MESSAGE_TOO_LARGE, 0, 0);
	if (size < 8)
		return pfs_fail(failure, PFS_RULE_MESSAGE_TRUNCATED, 0, 0);
	if (pfs_load_u32(header, 0) >= PFS_MAX_SEGMENTS)
		return pfs_fail(failure, PFS_RULE_MESSAGE_SEGMENTS, 0, 0);
	segments = pfs_narrow((u64)pfs_load_u32(header, 0) + 1);
	words = pfs_narrow(size / 8);
	start = segments / 2 + 1;
	for (u32 i = 0; i < segments && pfs_tick(); i++) {
		if (start > words)
			return pfs_fail(failure, PFS_RULE_MESSAGE_TRUNCATED, 0,
					(u64)i * 4 + 4);
		pfs_scratch_u32_set(starts, i, pfs_narrow(start));
		if (!pfs_checked_add(start,
				     pfs_load_u32(header, (u64)i * 4 + 4),
				     failure, &start))
			return false;
	}
	if (start > words)
		return pfs_fail(failure, PFS_RULE_MESSAGE_TRUNCATED, 0, 0);
	if ((u64)pfs_narrow(start) * 8 != size)
		return pfs_fail(failure, PFS_RULE_MESSAGE_TRAILING_BYTES, 0,
				(u64)pfs_narrow(start) * 8);
	pfs_scratch_u32_set(starts, segments, pfs_narrow(start));
	*out = segments;
	return pfs_finished(failure);
}

/* schema/wire.ts: openMessage() */
/* A message in memory. `starts` has room for MAX_SEGMENTS + 1 positions. */
bool pfs_open_message(struct pfs_bytes bytes, struct pfs_scratch_u32 starts,
		      struct pfs_failure *failure, struct pfs_message *out)
{
	u32 segments;

	if (!pfs_read_segments(bytes, bytes.length, starts, failure, &segments))
		return false;
	*out = (struct pfs_message) {
		.bytes = bytes,
		.segments = segments,
		.starts = starts,
	};
	return true;
}

/* schema/wire.ts: segmentOf() */
/* The segment that has word `at`. */
static u32 pfs_segment_of(const struct pfs_message *message, u32 at)
{
	u32 low = 0;
	u32 high = message->segments;

	for (u64 bound = U64_MAX;
	     (u64)low + 1 < high &&
	     pfs_halves(&bound, pfs_difference(high, (u64)low + 1));) {
		u32 middle = ((u64)low + high) / 2;

		if (pfs_scratch_u32_get(message->starts, middle) <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* schema/wire.ts: refused() */
/* A pointer that breaks `rule`, or is null if that is 0. */
static struct pfs_pointer pfs_refused(u32 rule)
{
	return (struct pfs_pointer) {
		.rule = rule,
		.kind = PFS_POINTER_NULL,
		.at = 0,
		.sizes = 0,
	};
}

/* schema/wire.ts: nearTarget() */
/*
 * The target of a near pointer at word `at` whose lower half is `low`; 0 is
 * outside any segment.
 */
static u32 pfs_near_target(u32 at, u32 low)
{
	u64 offset = low >> 2;
	u64 target = (u64)at + 1 + offset;

	if (offset < PFS_OFFSET_HALF)
		return pfs_narrow(target);
	return pfs_difference(target, PFS_OFFSET_SPAN);
}

/* schema/wire.ts: listWords() */
/* Words of a list, its tag included. */
static u32 pfs_list_words(u32 sizes)
{
	u64 count = sizes >> 3;
	u32 size = sizes & 7;

	if (size == 0)
		return 0;
	if (size == 1)
		return (count + 63) / 64;
	if (size == 2)
		return (count + 7) / 8;
	if (size == 3)
		return (count + 3) / 4;
	if (size == 4)
		return (count + 1) / 2;
	if (size == 7)
		return count + 1;
	return count;
}

/* schema/wire.ts: targetWords() */
/* Words of the target of a near pointer. */
static u32 pfs_target_words(u32 low, u32 sizes)
{
	if ((low & 3) == PFS_NEAR_STRUCT)
		return (sizes & 65535) + (sizes >> 16);
	return pfs_list_words(sizes);
}

/* schema/wire.ts: farRefused() */
/* A far pointer that breaks `rule`. */
static struct pfs_near_pointer pfs_far_refused(u32 rule)
{
	return (struct pfs_near_pointer) {
		.rule = rule,
		.segment = 0,
		.target = 0,
		.low = 0,
		.sizes = 0,
	};
}

/* schema/wire.ts: landingPad() */
/*
 * Follows the far pointer whose halves are `low` and `high` to its landing pad.
 */
static struct pfs_near_pointer
pfs_landing_pad(const struct pfs_message *message, u32 low, u32 high)
{
	u64 pad;
	u64 pad_words;
	u32 pad_low;
	u32 pad_high;
	u32 tag_low;
	u32 tag_high;
	u32 target;

	if (high >= message->segments)
		return pfs_far_refused(PFS_RULE_FAR_POINTER_SEGMENT);
	pad = (u64)pfs_scratch_u32_get(message->starts, high) + (low >> 3);
	pad_words = (low & 4) == 0 ? 1 : 2;
	if (pad + pad_words >
	    pfs_scratch_u32_get(message->starts, (u64)high + 1))
		return pfs_far_refused(PFS_RULE_FAR_POINTER_OUT_OF_BOUNDS);
	pad_low = pfs_load_u32(message->bytes, pad * 8);
	pad_high = pfs_load_u32(message->bytes, pad * 8 + 4);
	if (pad_words == 1) {
		if ((pad_low & 3) == PFS_FAR)
			return pfs_far_refused(PFS_RULE_FAR_POINTER_CHAIN);
		return (struct pfs_near_pointer) {
			.rule = 0,
			.segment = high,
			.target = pfs_near_target(pfs_narrow(pad), pad_low),
			.low = pad_low,
			.sizes = pad_high,
		};
	}
	if ((pad_low & 7) != PFS_FAR)
		return pfs_far_refused(PFS_RULE_FAR_POINTER_CHAIN);
	if (pad_high >= message->segments)
		return pfs_far_refused(PFS_RULE_FAR_POINTER_SEGMENT);
	tag_low = pfs_load_u32(message->bytes, pad * 8 + 8);
	tag_high = pfs_load_u32(message->bytes, pad * 8 + 12);
	if (tag_low >> 2 != 0)
		return pfs_far_refused(PFS_RULE_FAR_POINTER_TAG);
	target =
		pfs_narrow((u64)pfs_scratch_u32_get(message->starts, pad_high) +
			   (pad_low >> 3));
	return (struct pfs_near_pointer) {
		.rule = 0,
		.segment = pad_high,
		.target = target,
		.low = tag_low,
		.sizes = tag_high,
	};
}

/* schema/wire.ts: nearPointer() */
/*
 * The near pointer at word `at`, or that to which the far pointer there leads.
 */
static struct pfs_near_pointer
pfs_near_pointer(const struct pfs_message *message, u32 at, u32 low, u32 high)
{
	if ((low & 3) == PFS_FAR)
		return pfs_landing_pad(message, low, high);
	return (struct pfs_near_pointer) {
		.rule = 0,
		.segment = pfs_segment_of(message, at),
		.target = pfs_near_target(at, low),
		.low = low,
		.sizes = high,
	};
}

/* schema/wire.ts: followPointer() */
/*
 * Follows the pointer at word `at`, which is inside the message. A target is
 * refused unless all of it is inside its segment.
 */
struct pfs_pointer pfs_follow_pointer(const struct pfs_message *message, u32 at)
{
	u32 low = pfs_load_u32(message->bytes, (u64)at * 8);
	u32 high = pfs_load_u32(message->bytes, (u64)at * 8 + 4);
	struct pfs_near_pointer near;
	u32 kind;
	u32 target;
	u64 end;

	if (low == 0 && high == 0)
		return pfs_refused(0);
	near = pfs_near_pointer(message, at, low, high);
	if (near.rule != 0)
		return pfs_refused(near.rule);
	kind = near.low & 3;
	if (kind > PFS_NEAR_LIST)
		return pfs_refused(PFS_RULE_POINTER_KIND);
	target = near.target;
	end = (u64)target + pfs_target_words(near.low, near.sizes);
	if (target < pfs_scratch_u32_get(message->starts, near.segment))
		return pfs_refused(PFS_RULE_POINTER_OUT_OF_BOUNDS);
	if (end > pfs_scratch_u32_get(message->starts, (u64)near.segment + 1))
		return pfs_refused(PFS_RULE_POINTER_OUT_OF_BOUNDS);
	return (struct pfs_pointer) {
		.rule = 0,
		.kind = kind == PFS_NEAR_STRUCT ? PFS_POINTER_STRUCT :
			PFS_POINTER_LIST,
		.at = target,
		.sizes = near.sizes,
	};
}

/* schema/wire.ts: emptyList() */
static struct pfs_list_part pfs_empty_list(const struct pfs_message *message)
{
	return (struct pfs_list_part) {
		.message = message,
		.at = 0,
		.count = 0,
		.words = 0,
		.pointers = 0,
	};
}

/* schema/wire.ts: listTag() */
/*
 * The tag of the list of structs behind a valid list pointer, as a pointer
 * whose `at` is the number of elements.
 */
static struct pfs_pointer pfs_list_tag(const struct pfs_message *message,
				       struct pfs_pointer pointer)
{
	u32 low;
	u32 sizes;
	u64 words;

	if ((pointer.sizes & 7) != PFS_ELEMENT_COMPOSITE) {
		if (pointer.sizes >> 3 == 0)
			return pfs_refused(0);
		return pfs_refused(PFS_RULE_LIST_ELEMENT_SIZE);
	}
	low = pfs_load_u32(message->bytes, (u64)pointer.at * 8);
	sizes = pfs_load_u32(message->bytes, (u64)pointer.at * 8 + 4);
	if ((low & 3) != PFS_NEAR_STRUCT)
		return pfs_refused(PFS_RULE_LIST_TAG);
	words = (sizes & 65535) + (sizes >> 16);
	if ((u64)(low >> 2) * words > pointer.sizes >> 3)
		return pfs_refused(PFS_RULE_LIST_TAG);
	return (struct pfs_pointer) {
		.rule = 0,
		.kind = PFS_POINTER_STRUCT,
		.at = low >> 2,
		.sizes = sizes,
	};
}

/* schema/wire.ts: structOf() */
/* The struct behind a pointer; empty if it points to something else. */
static struct pfs_struct_part pfs_struct_of(const struct pfs_message *message,
					    struct pfs_pointer pointer)
{
	if (pointer.kind != PFS_POINTER_STRUCT)
		return pfs_empty_struct(message);
	return (struct pfs_struct_part) {
		.message = message,
		.at = pointer.at,
		.words = pointer.sizes & 65535,
		.pointers = pointer.sizes >> 16,
	};
}

/* schema/wire.ts: listOf() */
/*
 * The list of structs behind a pointer; empty if it points to something else.
 */
static struct pfs_list_part pfs_list_of(const struct pfs_message *message,
					struct pfs_pointer pointer)
{
	struct pfs_pointer tag;

	if (pointer.kind != PFS_POINTER_LIST)
		return pfs_empty_list(message);
	tag = pfs_list_tag(message, pointer);
	if (tag.kind != PFS_POINTER_STRUCT)
		return pfs_empty_list(message);
	return (struct pfs_list_part) {
		.message = message,
		.at = pfs_narrow((u64)pointer.at + 1),
		.count = tag.at,
		.words = tag.sizes & 65535,
		.pointers = tag.sizes >> 16,
	};
}

/* schema/wire.ts: bytesOf() */
/* The bytes behind a pointer; empty if it points to something else. */
static struct pfs_bytes pfs_bytes_of(const struct pfs_message *message,
				     struct pfs_pointer pointer)
{
	if (pointer.kind != PFS_POINTER_LIST ||
	    (pointer.sizes & 7) != PFS_ELEMENT_BYTE)
		return pfs_slice(message->bytes, 0, 0);
	return pfs_slice(message->bytes, (u64)pointer.at * 8,
			 (u64)pointer.at * 8 + (pointer.sizes >> 3));
}

/* schema/wire.ts: structField() */
/* The struct behind pointer `index`, or an empty one. */
struct pfs_struct_part pfs_struct_field(struct pfs_struct_part part, u32 index)
{
	if (index >= part.pointers)
		return pfs_empty_struct(part.message);
	return pfs_struct_of(part.message,
			     pfs_follow_pointer(part.message,
						pfs_narrow((u64)part.at +
							   part.words +
							   index)));
}

/* schema/wire.ts: listField() */
/* The list of structs behind pointer `index`, or an empty one. */
struct pfs_list_part pfs_list_field(struct pfs_struct_part part, u32 index)
{
	if (index >= part.pointers)
		return pfs_empty_list(part.message);
	return pfs_list_of(part.message,
			   pfs_follow_pointer(part.message,
					      pfs_narrow((u64)part.at +
							 part.words + index)));
}

/* schema/wire.ts: dataField() */
/* The bytes behind pointer `index`, or none. */
struct pfs_bytes pfs_data_field(struct pfs_struct_part part, u32 index)
{
	if (index >= part.pointers)
		return pfs_slice(part.message->bytes, 0, 0);
	return pfs_bytes_of(part.message,
			    pfs_follow_pointer(part.message,
					       pfs_narrow((u64)part.at +
							  part.words + index)));
}

/* schema/wire.ts: spend() */
/*
 * Subtracts `words` from the work that the size of the message allows: a small
 * message cannot cost minutes.
 */
bool pfs_spend(struct pfs_scratch_u53 work, u64 words, u64 offset,
	       struct pfs_failure *failure)
{
	u64 left;

	if (words > pfs_scratch_u53_get(work, 0))
		return pfs_fail(failure, PFS_RULE_TRAVERSAL_LIMIT, 0, offset);
	if (!pfs_checked_subtract(pfs_scratch_u53_get(work, 0), words, failure,
				  &left))
		return false;
	pfs_scratch_u53_set(work, 0, left);
	return true;
}

/* schema/wire.ts: checkedRoot() */
bool pfs_checked_root(const struct pfs_message *message,
		      struct pfs_failure *failure, struct pfs_struct_part *out)
{
	struct pfs_pointer pointer;

	if ((u64)pfs_scratch_u32_get(message->starts, 0) + 1 >
	    pfs_scratch_u32_get(message->starts, 1))
		return pfs_fail(failure, PFS_RULE_ROOT_MISSING, 0, 0);
	pointer = pfs_follow_pointer(message,
				     pfs_scratch_u32_get(message->starts, 0));
	if (pointer.rule != 0)
		return pfs_fail(failure, pointer.rule, 0,
				(u64)pfs_scratch_u32_get(message->starts, 0) *
				8);
	if (pointer.kind != PFS_POINTER_STRUCT)
		return pfs_fail(failure, PFS_RULE_ROOT_MISSING, 0,
				(u64)pfs_scratch_u32_get(message->starts, 0) *
				8);
	*out = pfs_struct_of(message, pointer);
	return true;
}

/* schema/wire.ts: checkedPointer() */
/* The pointer at `index`, which is null or of `kind`. */
static noinline_for_stack bool
pfs_checked_pointer(struct pfs_struct_part part, u32 index, u32 kind,
		    struct pfs_failure *failure, struct pfs_pointer *out)
{
	u64 at;
	struct pfs_pointer pointer;

	if (index >= part.pointers) {
		*out = pfs_refused(0);
		return true;
	}
	at = (u64)part.at + part.words + index;
	pointer = pfs_follow_pointer(part.message, pfs_narrow(at));
	if (pointer.rule != 0)
		return pfs_fail(failure, pointer.rule, 0, at * 8);
	if (pointer.kind != PFS_POINTER_NULL && pointer.kind != kind)
		return pfs_fail(failure, PFS_RULE_POINTER_KIND, 0, at * 8);
	*out = pointer;
	return true;
}

/* schema/wire.ts: isNull() */
/* Whether pointer `index` is null, as most of the optional ones are. */
static bool pfs_is_null(struct pfs_struct_part part, u32 index)
{
	u64 at;

	if (index >= part.pointers)
		return true;
	at = (u64)part.at + part.words + index;
	return pfs_load_u32(part.message->bytes, at * 8) == 0 &&
	       pfs_load_u32(part.message->bytes, at * 8 + 4) == 0;
}

/* schema/wire.ts: checkedStruct() */
bool pfs_checked_struct(struct pfs_struct_part part, u32 index,
			struct pfs_scratch_u53 work,
			struct pfs_failure *failure,
			struct pfs_struct_part *out)
{
	struct pfs_pointer pointer;
	struct pfs_struct_part target;

	if (pfs_is_null(part, index)) {
		if (!pfs_spend(work, 1, (u64)part.at * 8, failure))
			return false;
		*out = pfs_empty_struct(part.message);
		return true;
	}
	if (!pfs_checked_pointer(part, index, PFS_POINTER_STRUCT, failure,
				 &pointer))
		return false;
	target = pfs_struct_of(part.message, pointer);
	if (!pfs_spend(work, 1 + target.words + target.pointers,
		       (u64)part.at * 8, failure))
		return false;
	*out = target;
	return true;
}

/* schema/wire.ts: checkedList() */
bool pfs_checked_list(struct pfs_struct_part part, u32 index,
		      struct pfs_scratch_u53 work, struct pfs_failure *failure,
		      struct pfs_list_part *out)
{
	struct pfs_pointer pointer;
	struct pfs_list_part list;

	if (pfs_is_null(part, index)) {
		*out = pfs_empty_list(part.message);
		return true;
	}
	if (!pfs_checked_pointer(part, index, PFS_POINTER_LIST, failure,
				 &pointer))
		return false;
	list = pfs_list_of(part.message, pointer);
	if (pointer.kind == PFS_POINTER_LIST) {
		struct pfs_pointer tag = pfs_list_tag(part.message, pointer);
		u64 words;

		if (tag.rule != 0)
			return pfs_fail(failure, tag.rule, 0,
					(u64)pointer.at * 8);
		words = list.words + list.pointers;
		if (words == 0 && list.count != 0)
			return pfs_fail(failure, PFS_RULE_LIST_EMPTY_STRUCTS, 0,
					(u64)pointer.at * 8);
		if (!pfs_spend(work, 1 + (u64)list.count * words,
			       (u64)pointer.at * 8, failure))
			return false;
	}
	*out = list;
	return true;
}

/* schema/wire.ts: checkedData() */
bool pfs_checked_data(struct pfs_struct_part part, u32 index,
		      struct pfs_scratch_u53 work, struct pfs_failure *failure,
		      struct pfs_bytes *out)
{
	struct pfs_pointer pointer;
	struct pfs_bytes bytes;

	if (pfs_is_null(part, index)) {
		if (!pfs_spend(work, 1, (u64)part.at * 8, failure))
			return false;
		*out = pfs_slice(part.message->bytes, 0, 0);
		return true;
	}
	if (!pfs_checked_pointer(part, index, PFS_POINTER_LIST, failure,
				 &pointer))
		return false;
	if (pointer.kind == PFS_POINTER_LIST &&
	    (pointer.sizes & 7) != PFS_ELEMENT_BYTE)
		return pfs_fail(failure, PFS_RULE_LIST_ELEMENT_SIZE, 0,
				(u64)pointer.at * 8);
	bytes = pfs_bytes_of(part.message, pointer);
	if (!pfs_spend(work, bytes.length / 8 + 1, (u64)part.at * 8, failure))
		return false;
	*out = bytes;
	return true;
}
