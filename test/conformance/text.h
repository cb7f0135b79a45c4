/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Text that grows: the content of a message, as dump.ts writes it.
 *
 * A message that was refused may claim billions of elements: `elements` and
 * `bytes` bound what is printed of one.
 */
#ifndef _PFS_CONFORMANCE_TEXT_H
#define _PFS_CONFORMANCE_TEXT_H

#include "format.h"

struct text {
	char *data;
	size_t length;
	size_t room;
	u64 elements;
	u64 bytes;
};

void put(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void put_hex(struct text *text, struct pfs_bytes bytes);
/* Like put_hex, quoted; subtracts from `bytes`, and prints only the length once that is used up. */
void put_data(struct text *text, struct pfs_bytes bytes);
/* Subtracts one from `elements`; prints "..." and returns false if none is left. */
bool more(struct text *text);

/* Written by dump-c.ts from the specification. */
void dump_root(struct text *text, struct pfs_struct_part part);
void dump_bundle(struct text *text, struct pfs_bundle self);

#endif /* _PFS_CONFORMANCE_TEXT_H */
