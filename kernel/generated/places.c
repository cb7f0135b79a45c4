// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/places.ts by make codegen. DO NOT EDIT. */
#include "format.h"

#define PFS_MANIFEST_AT 16
#define PFS_METADATA_AT 48
#define PFS_METADATA_VERITY_AT 80

/* schema/places.ts: placeTableBytes() */
/* Bytes of a table. */
u64 pfs_place_table_bytes(u32 packs, u32 chunks)
{
	return PFS_PLACE_HEAD_BYTES + (u64)packs * PFS_PLACE_PACK_BYTES +
	       (u64)chunks * PFS_PLACE_BYTES;
}

/* schema/places.ts: placeAt() */
/* Where the record of a chunk starts, bytes. */
static u64 pfs_place_at(u32 packs, u32 rank)
{
	return pfs_place_table_bytes(packs, rank);
}

/* schema/places.ts: putBytes() */
static void pfs_put_bytes(struct pfs_scratch_u8 table, u64 at,
			  struct pfs_bytes bytes)
{
	for (u32 i = 0; i < bytes.length && pfs_tick(); i++)
		pfs_scratch_u8_set(table, (u64)pfs_narrow(at) + i,
				   pfs_byte(bytes, i));
}

/* schema/places.ts: writePlaceHead() */
/*
 * Writes the head and the packs. `verity` is the metadata's fs-verity digest;
 * empty, and the table zeroed: it is not known.
 */
void pfs_write_place_head(struct pfs_scratch_u8 table,
			  struct pfs_bytes manifest, struct pfs_bytes metadata,
			  struct pfs_bytes verity, struct pfs_pack_list packs,
			  u32 chunks)
{
	pfs_put_u32(table, 0, PFS_PLACE_MAGIC);
	pfs_put_u32(table, 4, PFS_PLACE_VERSION);
	pfs_put_u32(table, 8, packs.part.count);
	pfs_put_u32(table, 12, chunks);
	pfs_put_bytes(table, PFS_MANIFEST_AT, manifest);
	pfs_put_bytes(table, PFS_METADATA_AT, metadata);
	pfs_put_bytes(table, PFS_METADATA_VERITY_AT, verity);
	for (u32 i = 0; i < packs.part.count && pfs_tick(); i++) {
		u64 at = PFS_PLACE_HEAD_BYTES + (u64)i * PFS_PLACE_PACK_BYTES;

		pfs_put_bytes(table, at,
			      pfs_pack_digest(pfs_pack_at(packs, i)));
		pfs_put_bytes(table, (u64)pfs_narrow(at) + PFS_DIGEST_BYTES,
			      pfs_pack_verity(pfs_pack_at(packs, i)));
		pfs_put_u53(table, (u64)pfs_narrow(at) + 2 * PFS_DIGEST_BYTES,
			    pfs_pack_size(pfs_pack_at(packs, i)));
	}
}

/* schema/places.ts: writePlace() */
/* Writes the record of the chunk that has `rank` chunks before it. */
void pfs_write_place(struct pfs_scratch_u8 table, u32 packs, u32 rank,
		     struct pfs_bytes digest, struct pfs_place place)
{
	u64 at = pfs_place_at(packs, rank);

	pfs_put_bytes(table, at, digest);
	pfs_put_u53(table, (u64)pfs_narrow(at) + PFS_DIGEST_BYTES,
		    place.offset);
	pfs_put_u32(table, (u64)pfs_narrow(at) + PFS_DIGEST_BYTES + 8,
		    place.size);
	pfs_put_u32(table, (u64)pfs_narrow(at) + PFS_DIGEST_BYTES + 12,
		    place.pack);
}

/* schema/places.ts: readPlaceHead() */
/*
 * Reads the head of a table of `bytes`; `head` is its first PLACE_HEAD_BYTES.
 */
bool pfs_read_place_head(struct pfs_bytes head, u64 bytes,
			 struct pfs_failure *failure,
			 struct pfs_place_head *out)
{
	u32 packs;
	u32 chunks;

	if (bytes > PFS_MAX_PLACE_TABLE_BYTES)
		return pfs_fail(failure, PFS_RULE_PLACE_TABLE_TOO_LARGE, 0, 0);
	if (bytes < PFS_PLACE_HEAD_BYTES)
		return pfs_fail(failure, PFS_RULE_PLACE_TABLE_SIZE, 0, 0);
	if (pfs_load_u32(head, 0) != PFS_PLACE_MAGIC ||
	    pfs_load_u32(head, 4) != PFS_PLACE_VERSION)
		return pfs_fail(failure, PFS_RULE_PLACE_TABLE_MAGIC, 0, 0);
	packs = pfs_load_u32(head, 8);
	chunks = pfs_load_u32(head, 12);
	if (packs > PFS_MAX_PACKS)
		return pfs_fail(failure, PFS_RULE_PLACE_TABLE_PACKS, 0, 8);
	if (pfs_place_table_bytes(packs, chunks) != bytes)
		return pfs_fail(failure, PFS_RULE_PLACE_TABLE_SIZE, 0, 0);
	*out = (struct pfs_place_head) { .packs = packs, .chunks = chunks };
	return true;
}

/* schema/places.ts: digestAt() */
static struct pfs_bytes pfs_digest_at(struct pfs_bytes table, u64 at)
{
	return pfs_slice(table, at, (u64)pfs_narrow(at) + PFS_DIGEST_BYTES);
}

/* schema/places.ts: placeManifest() */
/* The digest of the canonical manifest. */
struct pfs_bytes pfs_place_manifest(struct pfs_bytes table)
{
	return pfs_digest_at(table, PFS_MANIFEST_AT);
}

/* schema/places.ts: placeMetadata() */
/* The digest of the metadata. */
struct pfs_bytes pfs_place_metadata(struct pfs_bytes table)
{
	return pfs_digest_at(table, PFS_METADATA_AT);
}

/* schema/places.ts: placeMetadataVerity() */
/* The fs-verity digest of the metadata; zeros if it is not known. */
struct pfs_bytes pfs_place_metadata_verity(struct pfs_bytes table)
{
	return pfs_digest_at(table, PFS_METADATA_VERITY_AT);
}

/* schema/places.ts: placePackSize() */
/* The size of pack number `pack`. */
u64 pfs_place_pack_size(struct pfs_bytes table, u32 pack)
{
	return pfs_load_u53(table,
			    PFS_PLACE_HEAD_BYTES +
			    (u64)pack * PFS_PLACE_PACK_BYTES +
			    2 * PFS_DIGEST_BYTES);
}

/* schema/places.ts: placePackDigest() */
/* The digest of pack number `pack`. */
struct pfs_bytes pfs_place_pack_digest(struct pfs_bytes table, u32 pack)
{
	return pfs_digest_at(table,
			     PFS_PLACE_HEAD_BYTES +
			     (u64)pack * PFS_PLACE_PACK_BYTES);
}

/* schema/places.ts: placePackVerity() */
/* The fs-verity digest of pack number `pack`. */
struct pfs_bytes pfs_place_pack_verity(struct pfs_bytes table, u32 pack)
{
	return pfs_digest_at(table,
			     PFS_PLACE_HEAD_BYTES +
			     (u64)pack * PFS_PLACE_PACK_BYTES +
			     PFS_DIGEST_BYTES);
}

/* schema/places.ts: readPlace() */
/* The record of the chunk that has `rank` chunks before it. */
struct pfs_place pfs_read_place(struct pfs_bytes table, u32 packs, u32 rank)
{
	u64 at = pfs_place_at(packs, rank);

	return (struct pfs_place) {
		.pack = pfs_load_u32(table,
				     (u64)pfs_narrow(at) + PFS_DIGEST_BYTES +
				     12),
		.offset = pfs_load_u53(table,
				       (u64)pfs_narrow(at) + PFS_DIGEST_BYTES),
		.size = pfs_load_u32(table,
				     (u64)pfs_narrow(at) + PFS_DIGEST_BYTES +
				     8),
	};
}

/* schema/places.ts: checkPlaces() */
/*
 * Checks every record of a whole table whose head is `head`. `sums` has
 * PLACE_SUMS numbers and is zeroed.
 */
bool pfs_check_places(struct pfs_bytes table, struct pfs_place_head head,
		      struct pfs_scratch_u53 sums, struct pfs_failure *failure)
{
	for (u32 rank = 0; rank < head.chunks && pfs_tick(); rank++) {
		u64 at = pfs_place_at(head.packs, rank);
		struct pfs_place place = pfs_read_place(table, head.packs,
							rank);
		u64 size;
		u64 used;
		u64 sum;

		if (rank > 0) {
			u64 before = pfs_place_at(head.packs,
						  pfs_difference(rank, 1));

			if (pfs_compare_names(pfs_digest_at(table, before),
					      pfs_digest_at(table, at)) != 0)
				return pfs_fail(failure,
						PFS_RULE_PLACE_TABLE_ORDER, 0,
						at);
		}
		if (place.pack >= head.packs || place.size == 0)
			return pfs_fail(failure, PFS_RULE_PLACE_TABLE_SLICE, 0,
					at);
		size = pfs_place_pack_size(table, place.pack);
		if (place.offset > size ||
		    place.size > pfs_difference(size, place.offset))
			return pfs_fail(failure, PFS_RULE_PLACE_TABLE_SLICE, 0,
					at);
		used = pfs_scratch_u53_get(sums, place.pack);
		if (place.size > pfs_difference(size, used))
			return pfs_fail(failure, PFS_RULE_PLACE_TABLE_OVERLAP,
					0, at);
		if (!pfs_checked_add(used, place.size, failure, &sum))
			return false;
		pfs_scratch_u53_set(sums, place.pack, sum);
	}
	return pfs_finished(failure);
}

/* schema/places.ts: findPlace() */
/* Where chunk `digest` is, by a table that has been checked. */
bool pfs_find_place(struct pfs_bytes table, struct pfs_place_head head,
		    struct pfs_bytes digest, struct pfs_place *out)
{
	u32 low = 0;
	u32 high = head.chunks;

	for (u64 bound = U64_MAX;
	     low < high && pfs_halves(&bound, pfs_difference(high, low));) {
		u32 middle = ((u64)low + high) / 2;
		u64 at = pfs_place_at(head.packs, middle);
		u32 order = pfs_compare_names(pfs_digest_at(table, at), digest);

		if (order == 1) {
			*out = pfs_read_place(table, head.packs, middle);
			return true;
		}
		if (order == 0)
			low = pfs_narrow((u64)middle + 1);
		else
			high = middle;
	}
	return false;
}
