// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Code generated from schema/content.ts by make codegen. DO NOT EDIT. */
#include "format.h"

/* schema/content.ts: sum() */
/* a + b, at most U53_END. */
static u64 pfs_sum(u64 a, u64 b)
{
	u64 room = pfs_difference(PFS_U53_END, a);
	u64 left = pfs_difference(room, b);

	return pfs_difference(PFS_U53_END, left);
}

/* schema/content.ts: findChunk() */
/*
 * The run of a file that has byte `offset`; if the file is shorter, `index` is
 * the number of runs.
 */
struct pfs_chunk_place pfs_find_chunk(struct pfs_file_chunk_list chunks,
				      u64 offset)
{
	u64 start = 0;

	for (u32 i = 0; i < chunks.part.count && pfs_tick(); i++) {
		u64 len = pfs_file_chunk_len(pfs_file_chunk_at(chunks, i));

		if (pfs_difference(offset, start) < len && offset >= start)
			return (struct pfs_chunk_place) {
				.index = i,
				.start = start,
			};
		start = pfs_sum(start, len);
	}
	return (struct pfs_chunk_place) {
		.index = chunks.part.count,
		.start = start,
	};
}

/* schema/content.ts: fileSize() */
/* Size of a file, bytes; validate has checked that it does not overflow. */
u64 pfs_file_size(struct pfs_file_chunk_list chunks)
{
	u64 size = 0;

	for (u32 chunk_index = 0; chunk_index < chunks.part.count && pfs_tick();
	     chunk_index++) {
		struct pfs_file_chunk chunk = pfs_file_chunk_at(chunks,
								chunk_index);

		size = pfs_sum(size, pfs_file_chunk_len(chunk));
	}
	return size;
}

/* schema/content.ts: zeroBlobDigest() */
/* Writes the sha256 of the stored blob of zeros into 32 bytes. */
bool pfs_zero_blob_digest(struct pfs_scratch_u8 digest)
{
	return pfs_parse_hex(PFS_TEXT("52074b2358a884b000a1a5d2d12befe0bd12c5a50e59bc218fbb702cd136418d"),
			     digest);
}

/* schema/content.ts: isHole() */
/*
 * Whether a run is a hole: inside the blob of zeros, and with `compressed`.
 * `zeros` is the digest of that blob.
 */
bool pfs_is_hole(struct pfs_file_chunk chunk, struct pfs_bytes zeros)
{
	struct pfs_blob_ref blob = pfs_file_chunk_blob(chunk);

	if (!pfs_blob_ref_compressed(blob) ||
	    !pfs_same_bytes(pfs_blob_ref_digest(blob), zeros))
		return false;
	return pfs_file_chunk_len(chunk) <=
	       pfs_difference(PFS_ZERO_BLOB_BYTES, pfs_blob_ref_offset(blob));
}

/* schema/content.ts: dataSize() */
/* Size of a file without its holes, bytes. */
u64 pfs_data_size(struct pfs_file_chunk_list chunks, struct pfs_bytes zeros)
{
	u64 size = 0;

	for (u32 chunk_index = 0; chunk_index < chunks.part.count && pfs_tick();
	     chunk_index++) {
		struct pfs_file_chunk chunk = pfs_file_chunk_at(chunks,
								chunk_index);

		if (!pfs_is_hole(chunk, zeros))
			size = pfs_sum(size, pfs_file_chunk_len(chunk));
	}
	return size;
}

/* schema/content.ts: contentBytes() */
/*
 * Bytes of all visible files, each once, at most U53_END: statfs(2) returns
 * this. `links` was filled by validate.
 */
u64 pfs_content_bytes(struct pfs_rootfs image, struct pfs_scratch_u32 links)
{
	u64 bytes = 0;
	u64 ordinal = 0;
	struct pfs_inode_vector_list layer_list;

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

			if (pfs_scratch_u32_get(links, ordinal) != 0 &&
			    pfs_inode_mode_kind(inode) == PFS_INODE_MODE_FILE)
				bytes = pfs_sum(bytes,
						pfs_file_size(pfs_inode_mode_file(inode)));
			ordinal = (u64)pfs_narrow(ordinal) + 1;
		}
	}
	return bytes;
}

/* schema/content.ts: checkRunEnd() */
/*
 * Checks, after a blob was opened, that a run of inode `ino` ends inside its
 * `blobBytes` of uncompressed content.
 */
bool pfs_check_run_end(u64 end, u64 blob_bytes, u64 ino,
		       struct pfs_failure *failure)
{
	if (end > blob_bytes)
		return pfs_fail(failure, PFS_RULE_CHUNK_OUTSIDE_BLOB, ino,
				blob_bytes);
	return true;
}

/* schema/content.ts: findVerity() */
/*
 * The fs-verity digest that the image records for blob `digest`. In a list that
 * does not ascend some are not found.
 */
bool pfs_find_verity(struct pfs_rootfs image, struct pfs_bytes digest,
		     struct pfs_bytes *out)
{
	struct pfs_verity_data_list list = pfs_rootfs_fs_verity_data(image);
	u32 low = 0;
	u32 high = list.part.count;

	for (u64 bound = U64_MAX;
	     low < high && pfs_halves(&bound, pfs_difference(high, low));) {
		u32 middle = ((u64)low + high) / 2;

		if (pfs_compare_names(pfs_verity_data_digest(pfs_verity_data_at(list, middle)),
				      digest) == 0)
			low = pfs_narrow((u64)middle + 1);
		else
			high = middle;
	}
	if (low >= list.part.count ||
	    !pfs_same_bytes(pfs_verity_data_digest(pfs_verity_data_at(list,
								      low)),
			    digest))
		return false;
	*out = pfs_verity_data_verity(pfs_verity_data_at(list, low));
	return true;
}
