// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Judges objects of packed images with the generated C, as packed-text.ts does. */
#include <inttypes.h>
#include <stdlib.h>

#include "judge.h"

/* Of a bundle, this much is printed. */
#define BUNDLE_ELEMENTS 2048
#define BUNDLE_BYTES 65536

static struct pfs_scratch_u32 alloc_u32(u64 count)
{
	return (struct pfs_scratch_u32) { alloc_scratch(count, sizeof(u32)), count };
}

static struct pfs_scratch_u53 alloc_u53(u64 count)
{
	return (struct pfs_scratch_u53) { alloc_scratch(count, sizeof(u64)), count };
}

static struct pfs_bytes bytes_of(struct pfs_scratch_u8 memory)
{
	return (struct pfs_bytes) { memory.data, memory.length };
}

void judge_packed_manifest(struct text *text, struct pfs_bytes json)
{
	const struct pfs_manifest_scratch scratch = {
		.open = alloc_bytes(PFS_OPEN_MARKS),
		.keys = alloc_u32(PFS_KEY_POSITIONS),
		.plain = alloc_bytes(PFS_DIGEST_TEXT_BYTES),
		.layer = alloc_bytes(2 * PFS_DIGEST_BYTES),
		.digest = alloc_bytes(PFS_DIGEST_BYTES),
		.verity = alloc_bytes(PFS_DIGEST_BYTES),
	};
	struct pfs_rootfs_descriptor found;
	struct pfs_failure failure;

	if (pfs_find_bundle(json, &scratch, &failure, &found) &&
	    pfs_find_canonical(json, &scratch, &failure)) {
		put(text, "accepted\n%u %d %" PRIu64 " ", found.end, found.has_verity, found.size);
		put_hex(text, bytes_of(scratch.digest));
		put(text, " ");
		put_hex(text, bytes_of(scratch.verity));
		put(text, " ");
		put_hex(text, pfs_slice(bytes_of(scratch.layer), 0, PFS_DIGEST_BYTES));
		put(text, "\n");
	} else {
		refuse(text, &failure);
	}
	free(scratch.open.data);
	free(scratch.keys.data);
	free(scratch.plain.data);
	free(scratch.layer.data);
	free(scratch.digest.data);
	free(scratch.verity.data);
}

/* The table's records, and what a search finds. */
static void put_places(struct text *text, struct pfs_bytes table, struct pfs_place_head head)
{
	for (u32 pack = 0; pack < head.packs; pack++) {
		put_hex(text, pfs_place_pack_digest(table, pack));
		put(text, " ");
		put_hex(text, pfs_place_pack_verity(table, pack));
		put(text, " %" PRIu64 "\n", pfs_place_pack_size(table, pack));
	}
	for (u32 rank = 0; rank < head.chunks; rank++) {
		u64 at = pfs_place_table_bytes(head.packs, rank);
		struct pfs_bytes digest = pfs_slice(table, at, at + PFS_DIGEST_BYTES);
		struct pfs_place place;

		put_hex(text, digest);
		if (pfs_find_place(table, head, digest, &place))
			put(text, " %u %" PRIu64 " %u", place.pack, place.offset, place.size);
		if (pfs_find_place(table, head, pfs_slice(table, at + 1, at + 1 + PFS_DIGEST_BYTES), &place))
			put(text, " %u", place.pack);
		put(text, "\n");
	}
}

void judge_place_table(struct text *text, struct pfs_bytes table)
{
	struct pfs_failure failure;
	struct pfs_place_head head;

	struct pfs_scratch_u53 sums = alloc_u53(PFS_PLACE_SUMS);

	if (pfs_read_place_head(table, table.length, &failure, &head) &&
	    pfs_check_places(table, head, sums, &failure)) {
		put(text, "accepted\n%u %u ", head.packs, head.chunks);
		put_hex(text, pfs_place_manifest(table));
		put(text, " ");
		put_hex(text, pfs_place_metadata(table));
		put(text, " ");
		put_hex(text, pfs_place_metadata_verity(table));
		put(text, "\n");
		put_places(text, table, head);
	} else {
		refuse(text, &failure);
	}
	free(sums.data);
}

/* The index of the chunks in the order of their digests, as the writer makes it. */
static void put_index(struct text *text, struct pfs_bytes table, u32 packs, u32 chunks)
{
	struct pfs_scratch_u32 numbers = alloc_u32(chunks);
	struct pfs_scratch_u53 offsets = alloc_u53(chunks);
	struct pfs_scratch_u32 sizes = alloc_u32(chunks);
	struct pfs_scratch_u53 positions = alloc_u53(PFS_INDEX_POSITIONS);
	struct pfs_scratch_u8 index = alloc_bytes((u64)chunks * PFS_INDEX_CHUNK_BYTES);

	for (u32 rank = 0; rank < chunks; rank++) {
		struct pfs_place place = pfs_read_place(table, packs, rank);

		numbers.data[rank] = place.pack;
		offsets.data[rank] = place.offset;
		sizes.data[rank] = place.size;
	}
	u32 length = pfs_write_index(index, numbers, offsets, sizes, chunks, positions);

	put(text, "index ");
	put_hex(text, pfs_slice(bytes_of(index), 0, length));
	put(text, "\n");
	free(numbers.data);
	free(offsets.data);
	free(sizes.data);
	free(positions.data);
	free(index.data);
}

/* The index of a bundle whose metadata is good. */
static void judge_index(struct text *text, struct pfs_bundle bundle, struct pfs_rootfs image,
			struct pfs_scratch_u32 links)
{
	struct pfs_pack_list packs = pfs_bundle_packs(bundle);
	u32 chunks = pfs_rootfs_fs_verity_data(image).part.count;
	struct pfs_scratch_u8 table = alloc_bytes(pfs_place_table_bytes(packs.part.count, chunks));
	struct pfs_scratch_u8 forms = alloc_bytes(chunks);
	struct pfs_scratch_u53 positions = alloc_u53(PFS_INDEX_POSITIONS);
	struct pfs_failure failure;

	if (pfs_read_index(image, links, pfs_bundle_index(bundle), packs, positions, table, forms, &failure)) {
		struct pfs_bytes manifest = pfs_bundle_manifest(bundle);

		pfs_write_place_head(table, pfs_slice(manifest, 0, PFS_DIGEST_BYTES),
				     pfs_slice(manifest, 1, 1 + PFS_DIGEST_BYTES),
				     pfs_slice(manifest, 2, 2 + PFS_DIGEST_BYTES), packs, chunks);
		put(text, "accepted\n");
		put_hex(text, bytes_of(table));
		put(text, "\n");
		put_hex(text, bytes_of(forms));
		put(text, "\n");
		put_index(text, bytes_of(table), packs.part.count, chunks);
		judge_place_table(text, bytes_of(table));
	} else {
		refuse(text, &failure);
	}
	free(table.data);
	free(forms.data);
	free(positions.data);
}

static void judge_metadata_of(struct text *text, struct pfs_bundle bundle)
{
	struct pfs_scratch_u32 starts = alloc_u32(PFS_MAX_SEGMENTS + 1);
	struct pfs_scratch_u53 work = alloc_u53(1);
	struct pfs_failure failure;
	struct pfs_message message;
	struct pfs_rootfs image;
	struct pfs_summary summary;

	if (!pfs_open_message(pfs_bundle_metadata(bundle), starts, &failure, &message) ||
	    !pfs_check_encoding(&message, work, &failure, &image)) {
		refuse(text, &failure);
	} else {
		const u64 records = pfs_count_records(image);
		struct pfs_scratch_u32 links = alloc_u32(records);
		struct pfs_scratch_u53 parents = alloc_u53(records);
		struct pfs_scratch_u53 queue = alloc_u53(records);

		if (pfs_validate(image, links, parents, queue, &failure, &summary))
			judge_index(text, bundle, image, links);
		else
			refuse(text, &failure);
		free(links.data);
		free(parents.data);
		free(queue.data);
	}
	free(starts.data);
	free(work.data);
}

void judge_bundle(struct text *text, struct pfs_bytes content)
{
	struct pfs_scratch_u32 starts = alloc_u32(PFS_MAX_SEGMENTS + 1);
	struct pfs_scratch_u53 work = alloc_u53(1);
	struct pfs_failure failure;
	struct pfs_message message;
	struct pfs_bundle bundle;

	if (pfs_check_bundle_size(0, content.length, &failure) &&
	    pfs_open_message(content, starts, &failure, &message) &&
	    pfs_open_bundle(&message, work, &failure, &bundle)) {
		judge_metadata_of(text, bundle);
		text->elements = BUNDLE_ELEMENTS;
		text->bytes = BUNDLE_BYTES;
		dump_bundle(text, bundle);
		put(text, "\n");
	} else {
		refuse(text, &failure);
	}
	free(starts.data);
	free(work.data);
}
