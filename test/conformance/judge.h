/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the files of the harness share: memory in exactly the size that is asked
 * for, the text of a refusal, and the kinds of objects of packed images.
 */
#ifndef _PFS_CONFORMANCE_JUDGE_H
#define _PFS_CONFORMANCE_JUDGE_H

#include "text.h"

void *alloc_scratch(u64 count, size_t size);
struct pfs_scratch_u8 alloc_bytes(u64 count);
void refuse(struct text *text, const struct pfs_failure *failure);

void judge_packed_manifest(struct text *text, struct pfs_bytes json);
/* `content` is decompressed. */
void judge_bundle(struct text *text, struct pfs_bytes content);
void judge_place_table(struct text *text, struct pfs_bytes table);

#endif /* _PFS_CONFORMANCE_JUDGE_H */
