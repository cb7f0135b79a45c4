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
struct pfs_struct_part pfs_element(struct pfs_list_part list, u32 index);
bool pfs_bool_field(struct pfs_struct_part part, u32 offset, u32 mask);
u16 pfs_u16_field(struct pfs_struct_part part, u32 offset);
u32 pfs_u32_field(struct pfs_struct_part part, u32 offset);
u64 pfs_u53_field(struct pfs_struct_part part, u32 offset);
s64 pfs_i53_field(struct pfs_struct_part part, u32 offset);
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
