/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/wire.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_WIRE_H
#define _PFS_WIRE_H

#include "../format_base.h"

/* Largest number of segments: the limit of the reference implementation. */
#define PFS_MAX_SEGMENTS 512
/* Largest message, bytes: positions in words fit 29 bits. */
#define PFS_MAX_MESSAGE_BYTES 0xfffffff8U
/* Largest metadata, bytes: readers keep it in memory. */
#define PFS_MAX_METADATA_BYTES 0x40000000
/* Largest table of segments, bytes: their number and sizes, in whole words. */
#define PFS_MAX_HEADER_BYTES (PFS_MAX_SEGMENTS * 4 + 8)
#define PFS_POINTER_NULL 0
#define PFS_POINTER_STRUCT 1
#define PFS_POINTER_LIST 2

/*
 * A message: its bytes, and where each of its segments starts (one more start
 * ends the last one).
 */
struct pfs_message {
	struct pfs_bytes bytes;
	u32 segments;
	struct pfs_scratch_u32 starts;
};

/* A struct: its data section starts at word `at`, its pointers follow it. */
struct pfs_struct_part {
	const struct pfs_message *message;
	u32 at;
	u16 words;
	u16 pointers;
};

/* A list of structs: the first of `count` elements starts at word `at`. */
struct pfs_list_part {
	const struct pfs_message *message;
	u32 at;
	u32 count;
	u16 words;
	u16 pointers;
};

/*
 * A pointer, followed to its target: `rule` is 0 if it is valid, `kind` one of
 * POINTER_….
 */
struct pfs_pointer {
	u32 rule;
	u32 kind;
	u32 at;
	/* Upper half of the pointer: the sizes of its target. */
	u32 sizes;
};

/*
 * A near pointer in, or for, a segment: its halves, and its target. `rule` is 0
 * unless the far pointer that leads to it breaks one.
 */
struct pfs_near_pointer {
	u32 rule;
	u32 segment;
	u32 target;
	u32 low;
	u32 sizes;
};

/* schema/wire.ts: emptyStruct() */
static inline struct pfs_struct_part
pfs_empty_struct(const struct pfs_message *message)
{
	return (struct pfs_struct_part) {
		.message = message,
		.at = 0,
		.words = 0,
		.pointers = 0,
	};
}

/* schema/wire.ts: element() */
/* Element `index` of a list, or an empty struct. */
static inline struct pfs_struct_part pfs_element(struct pfs_list_part list,
						 u32 index)
{
	u64 at;

	if (index >= list.count)
		return pfs_empty_struct(list.message);
	at = list.at + (u64)index * (list.words + list.pointers);
	return (struct pfs_struct_part) {
		.message = list.message,
		.at = pfs_narrow(at),
		.words = list.words,
		.pointers = list.pointers,
	};
}

/* schema/wire.ts: boolField() */
static inline bool pfs_bool_field(struct pfs_struct_part part, u32 offset,
				  u32 mask)
{
	if (offset >= part.words * 8)
		return false;
	return (pfs_byte(part.message->bytes, (u64)part.at * 8 + offset) &
		mask) != 0;
}

/* schema/wire.ts: u16Field() */
static inline u16 pfs_u16_field(struct pfs_struct_part part, u32 offset)
{
	if (offset >= part.words * 8)
		return 0;
	return pfs_load_u16(part.message->bytes, (u64)part.at * 8 + offset);
}

/* schema/wire.ts: u32Field() */
static inline u32 pfs_u32_field(struct pfs_struct_part part, u32 offset)
{
	if (offset >= part.words * 8)
		return 0;
	return pfs_load_u32(part.message->bytes, (u64)part.at * 8 + offset);
}

/* schema/wire.ts: u53Field() */
static inline u64 pfs_u53_field(struct pfs_struct_part part, u32 offset)
{
	if (offset >= part.words * 8)
		return 0;
	return pfs_load_u53(part.message->bytes, (u64)part.at * 8 + offset);
}

/* schema/wire.ts: i53Field() */
static inline s64 pfs_i53_field(struct pfs_struct_part part, u32 offset)
{
	if (offset >= part.words * 8)
		return 0;
	return pfs_load_i53(part.message->bytes, (u64)part.at * 8 + offset);
}

bool pfs_read_segments(struct pfs_bytes header, u64 size,
		       struct pfs_scratch_u32 starts,
		       struct pfs_failure *failure, u32 *out);
bool pfs_open_message(struct pfs_bytes bytes, struct pfs_scratch_u32 starts,
		      struct pfs_failure *failure, struct pfs_message *out);
struct pfs_pointer pfs_follow_pointer(const struct pfs_message *message,
				      u32 at);
struct pfs_struct_part pfs_struct_field(struct pfs_struct_part part, u32 index);
struct pfs_list_part pfs_list_field(struct pfs_struct_part part, u32 index);
struct pfs_bytes pfs_data_field(struct pfs_struct_part part, u32 index);
bool pfs_spend(struct pfs_scratch_u53 work, u64 words, u64 offset,
	       struct pfs_failure *failure);
bool pfs_checked_root(const struct pfs_message *message,
		      struct pfs_failure *failure, struct pfs_struct_part *out);
bool pfs_checked_struct(struct pfs_struct_part part, u32 index,
			struct pfs_scratch_u53 work,
			struct pfs_failure *failure,
			struct pfs_struct_part *out);
bool pfs_checked_list(struct pfs_struct_part part, u32 index,
		      struct pfs_scratch_u53 work, struct pfs_failure *failure,
		      struct pfs_list_part *out);
bool pfs_checked_data(struct pfs_struct_part part, u32 index,
		      struct pfs_scratch_u53 work, struct pfs_failure *failure,
		      struct pfs_bytes *out);

#endif /* _PFS_WIRE_H */
