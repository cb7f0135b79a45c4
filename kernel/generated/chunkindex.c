// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/chunkindex.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/chunkindex.ts: readNumber() */
static noinline_for_stack bool
pfs_read_number(struct pfs_bytes index, u32 at, struct pfs_failure *failure,
		struct pfs_index_number *out)
{
	u64 value = 0;
	u64 scale = 1;

	for (u32 i = 0; i < PFS_NUMBER_BYTES; i++) {
		u32 byte;
		u64 digit;

		if ((u64)at + i >= index.length)
			return pfs_fail(failure, PFS_RULE_INDEX_TRUNCATED, 0,
					at);
		byte = pfs_byte(index, (u64)at + i);
		if (!pfs_checked_multiply(byte & 127, scale, failure, &digit))
			return false;
		if (!pfs_checked_add(value, digit, failure, &value))
			return false;
		if (byte < 128) {
			*out = (struct pfs_index_number) {
				.number = value,
				.next = pfs_narrow((u64)at + i + 1),
			};
			return true;
		}
		if (!pfs_checked_multiply(scale, 128, failure, &scale))
			return false;
	}
	return pfs_fail(failure, PFS_RULE_INDEX_NUMBER, 0, at);
}

/* schema/chunkindex.ts: readRun() */
static noinline_for_stack bool
pfs_read_run(struct pfs_bytes index, u32 at, struct pfs_pack_list packs,
	     struct pfs_scratch_u53 positions, struct pfs_failure *failure,
	     struct pfs_index_run *out)
{
	struct pfs_index_number head;
	struct pfs_index_number distance;
	struct pfs_index_number chunks;
	u32 pack;
	u64 end;

	if (!pfs_read_number(index, at, failure, &head))
		return false;
	if (!pfs_read_number(index, head.next, failure, &distance))
		return false;
	if (!pfs_read_number(index, distance.next, failure, &chunks))
		return false;
	pack = pfs_narrow(head.number / 2);
	if (pack >= packs.part.count)
		return pfs_fail(failure, PFS_RULE_INDEX_PACK, 0, at);
	if (chunks.number == 0)
		return pfs_fail(failure, PFS_RULE_INDEX_RUN, 0, at);
	end = pfs_scratch_u53_get(positions, pack);
	if (head.number % 2 == 0) {
		u64 after;

		if (!pfs_checked_add(end, distance.number, failure, &after))
			return false;
		*out = (struct pfs_index_run) {
			.pack = pack,
			.offset = after,
			.chunks = chunks.number,
			.next = chunks.next,
		};
		return true;
	}
	if (distance.number > end)
		return pfs_fail(failure, PFS_RULE_INDEX_OUTSIDE_PACK, 0, at);
	*out = (struct pfs_index_run) {
		.pack = pack,
		.offset = pfs_difference(end, distance.number),
		.chunks = chunks.number,
		.next = chunks.next,
	};
	return true;
}

/* schema/chunkindex.ts: checkRanks() */
/*
 * Checks that the digests of an image's blobs ascend: then the number of those
 * before one of them is its rank.
 */
bool pfs_check_ranks(struct pfs_rootfs image, struct pfs_failure *failure)
{
	struct pfs_verity_data_list list = pfs_rootfs_fs_verity_data(image);

	for (u32 i = 1; i < list.part.count && pfs_tick(); i++) {
		if (pfs_compare_names(pfs_verity_data_digest(pfs_verity_data_at(list,
										pfs_difference(i,
											       1))),
				      pfs_verity_data_digest(pfs_verity_data_at(list, i))) !=
		    0)
			return pfs_fail(failure, PFS_RULE_BUNDLE_VERITY_ORDER,
					0,
					(u64)pfs_verity_data_at(list,
								i).part.at * 8);
	}
	return pfs_finished(failure);
}

/* schema/chunkindex.ts: rankOf() */
/* The rank of a blob; the number of blobs if it is not among them. */
u32 pfs_rank_of(struct pfs_rootfs image, struct pfs_bytes digest)
{
	struct pfs_verity_data_list list = pfs_rootfs_fs_verity_data(image);
	u32 low = 0;
	u32 high = list.part.count;

	for (u64 bound = U64_MAX;
	     low < high && pfs_halves(&bound, pfs_difference(high, low));) {
		u32 middle = ((u64)low + high) / 2;
		u32 order =
			pfs_compare_names(pfs_verity_data_digest(pfs_verity_data_at(list, middle)),
					  digest);

		if (order == 1)
			return middle;
		if (order == 0)
			low = pfs_narrow((u64)middle + 1);
		else
			high = middle;
	}
	return list.part.count;
}

/* schema/chunkindex.ts: placeChunk() */
/*
 * Reads the position of the next chunk, and writes its record into the place
 * table. Returns the rest of the run.
 */
static noinline_for_stack bool
pfs_place_chunk(struct pfs_bytes index, struct pfs_pack_list packs,
		struct pfs_scratch_u53 positions, struct pfs_scratch_u8 table,
		u32 rank, struct pfs_bytes digest, struct pfs_index_run rest,
		struct pfs_failure *failure, struct pfs_index_run *out)
{
	struct pfs_index_run run = rest;
	u32 at;
	struct pfs_index_number size;
	u32 pack;
	u64 whole;
	u64 end;
	u64 used;

	if (run.chunks == 0) {
		struct pfs_index_run started;

		if (!pfs_read_run(index, run.next, packs, positions, failure,
				  &started))
			return false;
		run = started;
	}
	at = run.next;
	if (!pfs_read_number(index, at, failure, &size))
		return false;
	pack = run.pack;
	whole = pfs_pack_size(pfs_pack_at(packs, pack));
	if (size.number == 0 || size.number > 0xffffffffU)
		return pfs_fail(failure, PFS_RULE_INDEX_CHUNK_SIZE, 0, at);
	if (run.offset > whole ||
	    size.number > pfs_difference(whole, run.offset))
		return pfs_fail(failure, PFS_RULE_INDEX_OUTSIDE_PACK, 0, at);
	if (size.number >
	    pfs_difference(whole,
			   pfs_scratch_u53_get(positions,
					       (u64)PFS_MAX_PACKS + pack)))
		return pfs_fail(failure, PFS_RULE_INDEX_OVERLAP, 0, at);
	pfs_write_place(table, packs.part.count, rank, digest,
			(struct pfs_place) {
		.pack = pack,
		.offset = run.offset,
		.size = pfs_narrow(size.number),
	});
	if (!pfs_checked_add(run.offset, size.number, failure, &end))
		return false;
	if (!pfs_checked_add(pfs_scratch_u53_get(positions,
						 (u64)PFS_MAX_PACKS + pack),
			     size.number, failure, &used))
		return false;
	pfs_scratch_u53_set(positions, pack, end);
	pfs_scratch_u53_set(positions, (u64)PFS_MAX_PACKS + pack, used);
	*out = (struct pfs_index_run) {
		.pack = pack,
		.offset = end,
		.chunks = pfs_difference(run.chunks, 1),
		.next = size.next,
	};
	return pfs_finished(failure);
}

/* schema/chunkindex.ts: readIndex() */
/*
 * Reads the index of a packed image, whose `links` was filled by validate.
 * Writes the record of each chunk into the place table, whose other parts
 * writePlaceHead writes, and by rank its form, one of FORM_…, into `forms`.
 * `positions` has INDEX_POSITIONS numbers; it and `forms` are zeroed.
 */
bool pfs_read_index(struct pfs_rootfs image, struct pfs_scratch_u32 links,
		    struct pfs_bytes index, struct pfs_pack_list packs,
		    struct pfs_scratch_u53 positions,
		    struct pfs_scratch_u8 table, struct pfs_scratch_u8 forms,
		    struct pfs_failure *failure)
{
	struct pfs_verity_data_list list = pfs_rootfs_fs_verity_data(image);
	struct pfs_index_run run;
	struct pfs_bytes last;
	u32 last_rank;
	u32 placed;
	u64 ordinal;
	struct pfs_inode_vector_list layer_list;

	if (!pfs_check_ranks(image, failure))
		return false;
	run = (struct pfs_index_run) {
		.pack = 0,
		.offset = 0,
		.chunks = 0,
		.next = 0,
	};
	last = pfs_slice(index, 0, 0);
	last_rank = 0;
	placed = 0;
	ordinal = 0;
	layer_list = pfs_rootfs_metadatas(image);
	for (u32 layer_index = 0;
	     layer_index < layer_list.part.count && pfs_tick(); layer_index++) {
		struct pfs_inode_vector layer =
			pfs_inode_vector_at(layer_list, layer_index);
		struct pfs_inode_list inode_list;

		inode_list = pfs_inode_vector_inodes(layer);
		for (u32 inode_index = 0;
		     inode_index < inode_list.part.count && pfs_tick();
		     inode_index++) {
			struct pfs_inode inode = pfs_inode_at(inode_list,
							      inode_index);
			bool visible = pfs_scratch_u32_get(links, ordinal) != 0;
			struct pfs_file_chunk_list chunk_list;

			ordinal = (u64)pfs_narrow(ordinal) + 1;
			if (!visible ||
			    pfs_inode_mode_kind(inode) != PFS_INODE_MODE_FILE)
				continue;
			chunk_list = pfs_inode_mode_file(inode);
			for (u32 chunk_index = 0;
			     chunk_index < chunk_list.part.count && pfs_tick();
			     chunk_index++) {
				struct pfs_file_chunk chunk =
					pfs_file_chunk_at(chunk_list,
							  chunk_index);
				struct pfs_bytes digest =
					pfs_blob_ref_digest(pfs_file_chunk_blob(chunk));
				u32 rank;

				if (pfs_compare_names(digest, last) != 1) {
					last_rank = pfs_rank_of(image, digest);
					last = digest;
					if (last_rank >= list.part.count)
						return pfs_fail(failure,
								PFS_RULE_BUNDLE_CHUNK_UNLISTED,
								pfs_inode_ino(inode),
								(u64)chunk.part.at * 8);
				}
				rank = last_rank;
				if (pfs_scratch_u8_get(forms, rank) == 0) {
					struct pfs_index_run next;

					if (!pfs_place_chunk(index, packs,
							     positions, table,
							     rank, digest, run,
							     failure, &next))
						return false;
					run = next;
					pfs_scratch_u8_set(forms, rank,
							   PFS_FORM_RAW);
					placed = pfs_narrow((u64)placed + 1);
				}
				if (pfs_blob_ref_compressed(pfs_file_chunk_blob(chunk)))
					pfs_scratch_u8_set(forms, rank,
							   PFS_FORM_COMPRESSED);
			}
		}
	}
	if (run.chunks != 0 || run.next != index.length ||
	    placed != list.part.count)
		return pfs_fail(failure, PFS_RULE_INDEX_LENGTH, 0, run.next);
	return pfs_finished(failure);
}

/* schema/chunkindex.ts: putNumber() */
static u32 pfs_put_number(struct pfs_scratch_u8 index, u32 at, u64 value)
{
	u64 rest = value;
	u32 next = at;

	for (u64 bound = U64_MAX;
	     rest >= 128 && pfs_decreases(&bound, rest) && pfs_tick();) {
		u32 digit = rest % 128;

		pfs_scratch_u8_set(index, next, (digit & 127) | 128);
		next = pfs_narrow((u64)next + 1);
		rest = rest / 128;
	}
	pfs_scratch_u8_set(index, next, pfs_narrow(rest) & 127);
	return pfs_narrow((u64)next + 1);
}

/* schema/chunkindex.ts: endOf() */
/* Where a chunk ends, at most U53_END. */
static u64 pfs_end_of(u64 start, u64 size)
{
	u64 room = pfs_difference(PFS_U53_END, start);
	u64 left = pfs_difference(room, size);

	return pfs_difference(PFS_U53_END, left);
}

/* schema/chunkindex.ts: writeIndex() */
/*
 * Writes the index of `chunks` chunks in walk order: the pack, offset and size
 * of each. Returns its length; `index` has room for INDEX_CHUNK_BYTES a chunk.
 * `positions` has INDEX_POSITIONS numbers and is zeroed.
 */
u32 pfs_write_index(struct pfs_scratch_u8 index, struct pfs_scratch_u32 packs,
		    struct pfs_scratch_u53 offsets,
		    struct pfs_scratch_u32 sizes, u32 chunks,
		    struct pfs_scratch_u53 positions)
{
	u32 at = 0;
	u32 first = 0;

	for (u64 bound = U64_MAX;
	     first < chunks &&
	     pfs_decreases(&bound, pfs_difference(chunks, first)) &&
	     pfs_tick();) {
		u32 pack = pfs_scratch_u32_get(packs, first);
		u64 start = pfs_scratch_u53_get(offsets, first);
		u32 next = first;
		u64 end = start;
		u64 before;
		bool is_back;

		for (u64 bound = U64_MAX;
		     next < chunks &&
		     pfs_scratch_u32_get(packs, next) == pack &&
		     pfs_scratch_u53_get(offsets, next) == end &&
		     pfs_decreases(&bound, pfs_difference(chunks, next)) &&
		     pfs_tick();) {
			end = pfs_end_of(end, pfs_scratch_u32_get(sizes, next));
			next = pfs_narrow((u64)next + 1);
		}
		before = pfs_scratch_u53_get(positions, pack);
		is_back = start < before;
		at = pfs_put_number(index, at,
				    (u64)pack * 2 + (is_back ? 1 : 0));
		at = pfs_put_number(index, at,
				    is_back ? pfs_difference(before, start) :
				    pfs_difference(start, before));
		at = pfs_put_number(index, at, pfs_difference(next, first));
		for (u32 i = first; i < next && pfs_tick(); i++)
			at = pfs_put_number(index, at,
					    pfs_scratch_u32_get(sizes, i));
		pfs_scratch_u53_set(positions, pack, end);
		first = next;
	}
	return at;
}
