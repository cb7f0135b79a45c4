// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What metadata cost: basic blocks of the generated C that are executed. stdin: messages, each after its length of 32 bits. stdout: for each
 * one the violated rule, and the blocks of all checks, of the most expensive listing of a directory, look-up, and use of an inode's attributes
 * and content; then the most blocks between two pauses of the kernel.
 *
 * Compiled with -fsanitize-coverage=trace-pc.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../../kernel/format.c"

/* As in kernel/format_base.c. */
#define ROUNDS 256

/* Counted by calls that the optimizer does not know to change it. */
static volatile u64 blocks;
static u64 paused_at, longest;
static u32 rounds_left;

__attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc(void);

void __sanitizer_cov_trace_pc(void)
{
	blocks++;
}

__attribute__((no_sanitize_coverage)) static void pause_now(void)
{
	if (blocks > paused_at && blocks - paused_at > longest)
		longest = blocks - paused_at;
	paused_at = blocks;
	rounds_left = ROUNDS;
}

__attribute__((no_sanitize_coverage)) bool pfs_tick(void)
{
	if (!--rounds_left)
		pause_now();
	return true;
}

bool pfs_stopped(void)
{
	return false;
}

struct costs {
	u64 check, list, look_up, use;
};

static void raise_to(u64 *most, u64 cost)
{
	if (cost > *most)
		*most = cost;
}

static void *room(u64 count, size_t size)
{
	void *memory = calloc(count + 1, size);

	if (!memory)
		abort();
	return memory;
}

/* As the driver uses an inode: its size, and an attribute that it has not. */
static u64 use(struct pfs_inode inode)
{
	u64 before = blocks;
	struct pfs_xattr_list xattrs = pfs_inode_additional_xattrs(pfs_inode_additional(inode));

	for (u32 i = 0; i < xattrs.part.count; i++)
		if (pfs_same_bytes(pfs_xattr_key(pfs_xattr_at(xattrs, i)), PFS_TEXT("user.none")))
			break;
	pfs_file_size(pfs_inode_mode_file(inode));
	return blocks - before;
}

static void list(struct pfs_rootfs image, struct pfs_scratch_u32 index, u64 dir, struct costs *costs)
{
	struct pfs_visible_entry entry = { .cookie = 0 };
	struct pfs_layers layers = pfs_open_layers(image);
	struct pfs_inode_record directory;
	struct pfs_dir_record record;
	u64 before = blocks, other = 0;
	bool more = pfs_resolve_inode(layers, dir, &directory) && pfs_open_listing(layers, directory, 0, &record);

	for (; more; more = pfs_next_listing(layers, dir, record, &record)) {
		u64 cookie = 0;

		while (pfs_next_visible_entry(layers, dir, record, cookie, &entry)) {
			u64 start = blocks;
			struct pfs_inode_record found;

			cookie = entry.cookie;
			/* Those of some, and of one beside it. */
			if (entry.shown && cookie % 16 == 0) {
				pfs_find_name(layers, index, directory, pfs_dir_entry_name(entry.entry), &found);
				raise_to(&costs->look_up, blocks - start);
				raise_to(&costs->use, use(entry.inode));
			}
			other += blocks - start;
		}
	}
	raise_to(&costs->list, blocks - before - other);
}

static u32 measure(struct pfs_bytes bytes, struct costs *costs)
{
	u32 segments[PFS_MAX_SEGMENTS + 1];
	struct pfs_scratch_u32 starts = { segments, PFS_MAX_SEGMENTS + 1 };
	struct pfs_scratch_u32 links, index = { NULL, 0 };
	struct pfs_scratch_u53 parents, queue;
	u64 words, records;
	struct pfs_scratch_u53 work = { &words, 1 };
	struct pfs_message message;
	struct pfs_rootfs image;
	struct pfs_summary summary;
	struct pfs_failure failure = { .rule = PFS_RULE_NONE };
	bool accepted;

	blocks = 0;
	pause_now();
	longest = 0;
	if (!pfs_open_message(bytes, starts, &failure, &message) ||
	    !pfs_check_encoding(&message, work, &failure, &image)) {
		costs->check = blocks;
		pause_now();
		return failure.rule;
	}
	records = pfs_count_records(image);
	links = (struct pfs_scratch_u32) { room(records, sizeof(u32)), records };
	parents = (struct pfs_scratch_u53) { room(records, sizeof(u64)), records };
	queue = (struct pfs_scratch_u53) { room(records, sizeof(u64)), records };
	accepted = pfs_validate(image, links, parents, queue, &failure, &summary);
	if (accepted && summary.unsorted) {
		index = (struct pfs_scratch_u32) { room(summary.index, sizeof(u32)), summary.index };
		accepted = pfs_index_names(image, summary.unsorted, index, &failure);
	}
	costs->check = blocks;
	for (u64 i = 0; accepted && i < records && queue.data[i]; i++)
		list(image, index, queue.data[i], costs);
	pause_now();
	free(links.data);
	free(parents.data);
	free(queue.data);
	free(index.data);
	return accepted ? PFS_RULE_NONE : failure.rule;
}

int main(void)
{
	u8 length[4];

	while (fread(length, sizeof(length), 1, stdin) == 1) {
		struct pfs_bytes bytes = { NULL, pfs_load_u32((struct pfs_bytes) { length, 4 }, 0) };
		struct costs costs = { 0 };
		u32 rule;

		bytes.data = room(bytes.length, 1);
		if (bytes.length && fread((u8 *)bytes.data, bytes.length, 1, stdin) != 1)
			return 1;
		rule = measure(bytes, &costs);
		printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", pfs_rule_names[rule],
		       costs.check, costs.list, costs.look_up, costs.use, longest);
		fflush(stdout);
		free((u8 *)bytes.data);
	}
	return 0;
}
