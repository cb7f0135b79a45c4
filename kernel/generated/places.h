/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Code generated from schema/places.ts by make codegen. DO NOT EDIT. */
#ifndef _PFS_PLACES_H
#define _PFS_PLACES_H

#include "../format_base.h"
#include "bundle.h"
#include "metadata.h"

/* "pfsp". */
#define PFS_PLACE_MAGIC 0x70736670
#define PFS_PLACE_VERSION 1
#define PFS_PLACE_HEAD_BYTES 112
#define PFS_PLACE_PACK_BYTES 72
#define PFS_PLACE_BYTES 48
/* Largest table: readers keep it in memory. It has 11 million chunks. */
#define PFS_MAX_PLACE_TABLE_BYTES 0x20000000
/*
 * Numbers that are kept while a table is checked: of each pack the bytes of its
 * chunks.
 */
#define PFS_PLACE_SUMS PFS_MAX_PACKS

/* The numbers of records of a table. */
struct pfs_place_head {
	u32 packs;
	u32 chunks;
};

/* Where a chunk is: `size` bytes at `offset` of pack number `pack`. */
struct pfs_place {
	u32 pack;
	u64 offset;
	u32 size;
};

u64 pfs_place_table_bytes(u32 packs, u32 chunks);
/* If pfs_stopped(), the result has no meaning: */
void pfs_write_place_head(struct pfs_scratch_u8 table,
			  struct pfs_bytes manifest, struct pfs_bytes metadata,
			  struct pfs_bytes verity, struct pfs_pack_list packs,
			  u32 chunks);
/* If pfs_stopped(), the result has no meaning: */
void pfs_write_place(struct pfs_scratch_u8 table, u32 packs, u32 rank,
		     struct pfs_bytes digest, struct pfs_place place);
bool pfs_read_place_head(struct pfs_bytes head, u64 bytes,
			 struct pfs_failure *failure,
			 struct pfs_place_head *out);
struct pfs_bytes pfs_place_manifest(struct pfs_bytes table);
struct pfs_bytes pfs_place_metadata(struct pfs_bytes table);
struct pfs_bytes pfs_place_metadata_verity(struct pfs_bytes table);
u64 pfs_place_pack_size(struct pfs_bytes table, u32 pack);
struct pfs_bytes pfs_place_pack_digest(struct pfs_bytes table, u32 pack);
struct pfs_bytes pfs_place_pack_verity(struct pfs_bytes table, u32 pack);
struct pfs_place pfs_read_place(struct pfs_bytes table, u32 packs, u32 rank);
bool pfs_check_places(struct pfs_bytes table, struct pfs_place_head head,
		      struct pfs_scratch_u53 sums, struct pfs_failure *failure);
bool pfs_find_place(struct pfs_bytes table, struct pfs_place_head head,
		    struct pfs_bytes digest, struct pfs_place *out);

#endif /* _PFS_PLACES_H */
