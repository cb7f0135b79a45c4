// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Judges objects of an image with the generated C, and prints what verdict.ts
 * prints with the generated TypeScript.
 *
 * Requests on stdin: a letter for the kind of object, a length of 32 bits, the
 * claimed size of the object of 64 bits, the bytes. Answers on stdout: a length
 * of 32 bits, text. All scratch memory of the generated code is allocated
 * in exactly the size that it asks for, so that a sanitizer sees any overrun.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"

/* Of a refused message, this much is printed. */
#define REFUSED_ELEMENTS 2048
#define REFUSED_BYTES 65536

void *alloc_scratch(u64 count, size_t size)
{
	void *memory = count ? calloc(count, size) : NULL;

	if (count && !memory)
		abort();
	return memory;
}

struct pfs_scratch_u8 alloc_bytes(u64 count)
{
	return (struct pfs_scratch_u8) { alloc_scratch(count, 1), count };
}

void refuse(struct text *text, const struct pfs_failure *failure)
{
	put(text, "refused %s %s %" PRIu64 " %" PRIu64 "\n",
	    pfs_rule_names[failure->rule],
	    pfs_rule_unsupported[failure->rule] ? "unsupported" : "corrupt",
	    failure->inode, failure->offset);
}

/* Checks where each run ends, as if every blob ended with the first run. */
static void put_ends(struct text *text, struct pfs_inode inode, struct pfs_file_chunk_list chunks)
{
	u64 blob_bytes = 0;

	for (u32 i = 0; i < chunks.part.count; i++) {
		struct pfs_file_chunk chunk = pfs_file_chunk_at(chunks, i);
		u64 end = pfs_blob_ref_offset(pfs_file_chunk_blob(chunk)) + pfs_file_chunk_len(chunk);
		struct pfs_failure failure;

		if (i == 0)
			blob_bytes = end;
		if (!pfs_check_run_end(end, blob_bytes, pfs_inode_ino(inode), &failure))
			refuse(text, &failure);
	}
}

/* The fs-verity digest that the image records for a blob. */
static void put_recorded(struct text *text, struct pfs_rootfs image, struct pfs_blob_ref blob)
{
	struct pfs_bytes verity;

	if (pfs_find_verity(image, pfs_blob_ref_digest(blob), &verity))
		put_hex(text, verity);
	else
		put(text, "-");
	put(text, "\n");
}

static void put_chunks(struct text *text, struct pfs_rootfs image, struct pfs_inode inode)
{
	struct pfs_file_chunk_list chunks = pfs_inode_mode_file(inode);
	u64 size = pfs_file_size(chunks);
	u64 offsets[] = { 0, 1, size / 3, size / 2, size ? size - 1 : 0, size, size + 1 };

	put(text, "size %" PRIu64, size);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		struct pfs_chunk_place place = pfs_find_chunk(chunks, offsets[i]);

		put(text, " %u:%" PRIu64, place.index, place.start);
	}
	put(text, "\n");
	for (u32 i = 0; i < chunks.part.count; i++)
		put_recorded(text, image, pfs_file_chunk_blob(pfs_file_chunk_at(chunks, i)));
	put_ends(text, inode, chunks);
}

/* What a look-up of `name` in `dir` finds: an inode number, or 0. */
static u64 look_up(struct pfs_rootfs image, struct pfs_scratch_u32 index, u64 dir,
		   struct pfs_bytes name)
{
	struct pfs_layers layers = pfs_open_layers(image);
	struct pfs_inode_record directory, found;

	return pfs_resolve_inode(layers, dir, &directory) &&
	       pfs_find_name(layers, index, directory, name, &found) ? pfs_inode_ino(found.inode) : 0;
}

/* Lists directory `dir`; adds its directories to `queue`. */
static u64 put_names(struct text *text, struct pfs_rootfs image,
		     struct pfs_scratch_u32 index, u64 dir,
		     struct pfs_scratch_u53 queue, u64 queued)
{
	struct pfs_visible_entry listed = { .cookie = 0 };

	put(text, "dir %" PRIu64 "\n", dir);
	while (pfs_next_name(image, dir, listed.cookie, &listed)) {
		struct pfs_bytes name = pfs_dir_entry_name(listed.entry);

		put(text, "%" PRIu64 " ", listed.cookie);
		put_hex(text, name);
		put(text, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %o %o %" PRIu64 " %" PRIu64 "\n",
		    pfs_dir_entry_ino(listed.entry), listed.ordinal, pfs_inode_ino(listed.inode),
		    pfs_file_type(listed.inode), pfs_stat_mode(listed.inode),
		    look_up(image, index, dir, name),
		    look_up(image, index, dir, pfs_slice(name, 1, name.length)));
		if (pfs_inode_mode_kind(listed.inode) == PFS_INODE_MODE_FILE)
			put_chunks(text, image, listed.inode);
		if (pfs_inode_mode_kind(listed.inode) == PFS_INODE_MODE_DIR)
			pfs_scratch_u53_set(queue, queued++, pfs_inode_ino(listed.inode));
	}
	return queued;
}

static void put_record(struct text *text, struct pfs_rootfs image, u64 ino)
{
	struct pfs_inode_record record;

	if (pfs_find_inode_record(image, ino, &record))
		put(text, " %" PRIu64 "@%" PRIu64, ino, record.ordinal);
}

static void put_tree(struct text *text, struct pfs_rootfs image, struct pfs_summary summary,
		     struct pfs_scratch_u32 index, struct pfs_scratch_u32 links, struct pfs_scratch_u53 parents,
		     struct pfs_scratch_u53 queue)
{
	u64 queued = 1;

	put(text, "inodes %" PRIu64 " bytes %" PRIu64 " unsorted %u records %" PRIu64 "\nindex ",
	    summary.inodes, pfs_content_bytes(image, links), summary.unsorted, links.length);
	for (u64 i = 0; i < index.length; i++)
		put(text, i ? " %u" : "%u", index.data[i]);
	put(text, "\nlinks");
	for (u64 i = 0; i < links.length; i++)
		put(text, " %u/%" PRIu64, links.data[i], parents.data[i]);
	put(text, "\nplaces");
	for (u32 layer = 0; layer < pfs_rootfs_metadatas(image).part.count; layer++) {
		struct pfs_inode_list inodes =
			pfs_inode_vector_inodes(pfs_inode_vector_at(pfs_rootfs_metadatas(image), layer));

		for (u32 i = 0; i < inodes.part.count; i++) {
			put_record(text, image, pfs_inode_ino(pfs_inode_at(inodes, i)));
			put_record(text, image, pfs_inode_ino(pfs_inode_at(inodes, i)) + 1);
		}
	}
	put(text, "\n");
	pfs_scratch_u53_set(queue, 0, PFS_ROOT_INO);
	for (u64 i = 0; i < queued; i++)
		queued = put_names(text, image, index, pfs_scratch_u53_get(queue, i),
				   queue, queued);
}

/* The last step, with exactly the memory that validation computed. */
static void judge_names(struct text *text, struct pfs_rootfs image, struct pfs_summary summary,
			struct pfs_scratch_u32 links, struct pfs_scratch_u53 parents,
			struct pfs_scratch_u53 queue)
{
	struct pfs_scratch_u32 index = { alloc_scratch(summary.index, sizeof(u32)), summary.index };
	struct pfs_failure failure;

	if (!summary.unsorted || pfs_index_names(image, summary.unsorted, index, &failure)) {
		text->elements = U64_MAX;
		text->bytes = U64_MAX;
		put(text, "accepted\n");
		put_tree(text, image, summary, index, links, parents, queue);
	} else {
		refuse(text, &failure);
	}
	free(index.data);
}

static void judge_image(struct text *text, const struct pfs_message *message)
{
	u64 limit = 0;
	struct pfs_scratch_u53 work = { &limit, 1 };
	struct pfs_failure failure;
	struct pfs_rootfs image;
	struct pfs_summary summary;

	if (!pfs_check_encoding(message, work, &failure, &image)) {
		refuse(text, &failure);
		return;
	}
	const u64 records = pfs_count_records(image);
	struct pfs_scratch_u32 links = { alloc_scratch(records, sizeof(u32)), records };
	struct pfs_scratch_u53 parents = { alloc_scratch(records, sizeof(u64)), records };
	struct pfs_scratch_u53 queue = { alloc_scratch(records, sizeof(u64)), records };

	if (pfs_validate(image, links, parents, queue, &failure, &summary))
		judge_names(text, image, summary, links, parents, queue);
	else
		refuse(text, &failure);
	free(links.data);
	free(parents.data);
	free(queue.data);
}

/* Inode numbers of each layer of which the check at first use is printed. */
#define FIRST_USES 64

static void judge_use(struct text *text, struct pfs_rootfs image, u64 ino, struct pfs_scratch_u53 work)
{
	struct pfs_inode_record record;
	struct pfs_failure failure;

	if (!pfs_find_inode_record(image, ino, &record))
		return;
	if (pfs_check_inode(image, pfs_open_layers(image), record.inode, work, &failure))
		put(text, "use %" PRIu64 " %u\n", pfs_inode_ino(record.inode), pfs_recorded_links(record.inode));
	else
		refuse(text, &failure);
	if (!pfs_check_parent(record.inode, PFS_ROOT_INO, &failure))
		refuse(text, &failure);
}

/* The checks of inodes at their first use, whether the image records its tree or not. */
static void judge_first_uses(struct text *text, const struct pfs_message *message)
{
	u64 limit = 0;
	struct pfs_scratch_u53 work = { &limit, 1 };
	struct pfs_failure failure;
	struct pfs_rootfs image;

	if (!pfs_check_outline(message, work, &failure, &image)) {
		refuse(text, &failure);
		return;
	}
	put(text, "outline %s\n", pfs_records_tree(image) ? "true" : "false");
	for (u32 layer = 0; layer < pfs_rootfs_metadatas(image).part.count; layer++) {
		struct pfs_inode_list inodes =
			pfs_inode_vector_inodes(pfs_inode_vector_at(pfs_rootfs_metadatas(image), layer));

		for (u32 i = 0; i < inodes.part.count && i < FIRST_USES; i++)
			judge_use(text, image, pfs_inode_ino(pfs_inode_at(inodes, i)), work);
	}
	put(text, "left %" PRIu64 "\n", limit);
}

static void judge_metadata(struct text *text, struct pfs_bytes bytes)
{
	struct pfs_scratch_u32 starts = { alloc_scratch(PFS_MAX_SEGMENTS + 1, sizeof(u32)), PFS_MAX_SEGMENTS + 1 };
	struct pfs_failure failure;
	struct pfs_message message;

	text->elements = REFUSED_ELEMENTS;
	text->bytes = REFUSED_BYTES;
	if (!pfs_open_message(bytes, starts, &failure, &message)) {
		refuse(text, &failure);
	} else {
		/* A struct that has the message's first word as its only pointer. */
		struct pfs_struct_part top = { &message, starts.data[0], 0, 1 };

		judge_image(text, &message);
		judge_first_uses(text, &message);
		dump_root(text, pfs_struct_field(top, 0));
		put(text, "\n");
	}
	free(starts.data);
}

/* Every descriptor, as far as the text is good. */
static void put_descriptors(struct text *text, struct pfs_bytes json,
			    const struct pfs_manifest_scratch *scratch)
{
	struct pfs_descriptor last;
	struct pfs_failure failure;

	if (!pfs_manifest_start(json, &failure, &last))
		return;
	while (pfs_next_descriptor(json, scratch, last, &failure, &last) &&
	       last.kind != PFS_DESCRIPTOR_NONE) {
		put(text, "%u %u %d %d %" PRIu64 " %" PRIu64 " ", last.kind, last.type, last.has_digest,
		    last.has_verity, last.size, last.step.at);
		put_hex(text, (struct pfs_bytes) { scratch->layer.data, scratch->layer.length });
		put(text, "\n");
	}
}

static void judge_manifest(struct text *text, struct pfs_bytes json)
{
	const struct pfs_manifest_scratch scratch = {
		.open = alloc_bytes(PFS_OPEN_MARKS),
		.keys = { alloc_scratch(PFS_KEY_POSITIONS, sizeof(u32)), PFS_KEY_POSITIONS },
		.plain = alloc_bytes(PFS_DIGEST_TEXT_BYTES),
		.layer = alloc_bytes(2 * PFS_DIGEST_BYTES),
		.digest = alloc_bytes(PFS_DIGEST_BYTES),
		.verity = alloc_bytes(PFS_DIGEST_BYTES),
	};
	struct pfs_rootfs_descriptor found;
	struct pfs_failure failure;

	if (pfs_find_rootfs(json, &scratch, &failure, &found)) {
		put(text, "accepted\n%u ", found.end);
		put_hex(text, (struct pfs_bytes) { scratch.digest.data, PFS_DIGEST_BYTES });
		if (found.has_verity) {
			put(text, " ");
			put_hex(text, (struct pfs_bytes) { scratch.verity.data, PFS_DIGEST_BYTES });
		}
		put(text, "\n");
	} else {
		refuse(text, &failure);
	}
	put_descriptors(text, json, &scratch);
	free(scratch.open.data);
	free(scratch.keys.data);
	free(scratch.plain.data);
	free(scratch.layer.data);
	free(scratch.digest.data);
	free(scratch.verity.data);
}

static void put_frames(struct text *text, u32 frames, struct pfs_scratch_u53 stored,
		       struct pfs_scratch_u53 content)
{
	for (u32 i = 0; i <= frames; i++)
		put(text, "%" PRIu64 " %" PRIu64 " %u %u\n", stored.data[i], content.data[i],
		    pfs_find_frame(content, frames, content.data[i]),
		    pfs_find_frame(content, frames, content.data[i] + 1));
}

/* The table as the writer makes it of the frames that were read. */
static void put_written_table(struct text *text, u32 frames, struct pfs_scratch_u53 stored,
			      struct pfs_scratch_u53 content)
{
	struct pfs_scratch_u32 stored_sizes = { alloc_scratch(frames, sizeof(u32)), frames };
	struct pfs_scratch_u32 content_sizes = { alloc_scratch(frames, sizeof(u32)), frames };
	struct pfs_scratch_u8 table = alloc_bytes(pfs_seek_table_bytes(frames));

	for (u32 i = 0; i < frames; i++) {
		stored_sizes.data[i] = stored.data[i + 1] - stored.data[i];
		content_sizes.data[i] = content.data[i + 1] - content.data[i];
	}
	pfs_write_seek_table(table, stored_sizes, content_sizes, frames);
	put(text, "written ");
	put_hex(text, (struct pfs_bytes) { table.data, table.length });
	put(text, "\n");
	free(stored_sizes.data);
	free(content_sizes.data);
	free(table.data);
}

/* `tail`: the last bytes of a blob of `blob_bytes`; the table, and perhaps more or less. */
static void judge_seek_table(struct text *text, struct pfs_bytes tail, u64 blob_bytes)
{
	u64 start = tail.length > PFS_SEEK_FOOTER_BYTES ? tail.length - PFS_SEEK_FOOTER_BYTES : 0;
	struct pfs_seek_footer footer;
	struct pfs_failure failure;
	u64 size;

	if (!pfs_read_seek_footer(pfs_slice(tail, start, tail.length), blob_bytes, &failure, &footer)) {
		refuse(text, &failure);
		return;
	}
	put(text, "frames %u entry %u table %" PRIu64 "\n", footer.frames, footer.entry_bytes, footer.table_bytes);
	start = tail.length > footer.table_bytes ? tail.length - footer.table_bytes : 0;
	const u64 room = footer.table_bytes > tail.length ? 0 : (u64)footer.frames + 1;
	struct pfs_scratch_u53 stored = { alloc_scratch(room, sizeof(u64)), room };
	struct pfs_scratch_u53 content = { alloc_scratch(room, sizeof(u64)), room };

	if (pfs_read_seek_table(pfs_slice(tail, start, tail.length), footer, blob_bytes, stored, content,
				&failure, &size)) {
		put(text, "accepted\n%" PRIu64 "\n", size);
		put_frames(text, footer.frames, stored, content);
		put_written_table(text, footer.frames, stored, content);
	} else {
		refuse(text, &failure);
	}
	free(stored.data);
	free(content.data);
}

/* One request; returns false at the end of the input. */
static bool answer(void)
{
	struct { u8 kind; u8 length[4]; u8 size[8]; } request;
	struct text text = { .data = NULL };
	u32 length;

	if (fread(&request, sizeof(request), 1, stdin) != 1)
		return false;
	length = pfs_load_u32((struct pfs_bytes) { request.length, 4 }, 0);
	const u64 size = pfs_load_u64((struct pfs_bytes) { request.size, 8 }, 0);
	u8 *data = malloc(length ? length : 1);

	if (!data || (length && fread(data, length, 1, stdin) != 1))
		abort();
	/* An object that claims to be larger than its bytes is refused for its size alone. */
	struct pfs_bytes bytes = { data, request.kind != 's' && size > length ? size : length };

	if (request.kind == 'm')
		judge_metadata(&text, bytes);
	else if (request.kind == 'j')
		judge_manifest(&text, bytes);
	else if (request.kind == 'k')
		judge_packed_manifest(&text, bytes);
	else if (request.kind == 'b')
		judge_bundle(&text, bytes);
	else if (request.kind == 'p')
		judge_place_table(&text, bytes);
	else
		judge_seek_table(&text, bytes, size);
	length = text.length;
	fwrite((u8[]) { length, length >> 8, length >> 16, length >> 24 }, 4, 1, stdout);
	fwrite(text.data, text.length, 1, stdout);
	free(text.data);
	free(data);
	return true;
}

int main(void)
{
	while (answer())
		fflush(stdout);
	return 0;
}
