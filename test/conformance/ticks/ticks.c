// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Validates metadata as the driver does when its task is killed after some
 * rounds of its loops, and lists all directories. stdin: the message.
 * stdout: the rounds that each step takes; the verdict; for each moment that
 * was tried, what it would have been wrong to return.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../../kernel/format.c"

static u64 rounds_done;
static u64 last_round = U64_MAX;

/* As if the task were killed after some rounds. */
bool pfs_tick(void)
{
	return ++rounds_done <= last_round;
}

bool pfs_stopped(void)
{
	return rounds_done > last_round;
}

/* Loops around the one in which a task is killed, each of which ends too. */
#define ROUNDS_AFTER 64

struct checked {
	struct pfs_message message;
	struct pfs_rootfs image;
	struct pfs_summary summary;
	u32 starts[PFS_MAX_SEGMENTS + 1];
	struct pfs_scratch_u32 links, index;
	struct pfs_scratch_u53 parents, queue;
};

static void *room(u64 count, size_t size)
{
	void *memory = calloc(count + 1, size);

	if (!memory)
		abort();
	return memory;
}

static bool validate(struct checked *to, struct pfs_failure *failure)
{
	u64 records = pfs_count_records(to->image);

	to->links = (struct pfs_scratch_u32) { room(records, sizeof(u32)), records };
	to->parents = (struct pfs_scratch_u53) { room(records, sizeof(u64)), records };
	to->queue = (struct pfs_scratch_u53) { room(records, sizeof(u64)), records };
	return pfs_validate(to->image, to->links, to->parents, to->queue, failure, &to->summary);
}

static bool check(struct pfs_bytes bytes, struct checked *to, struct pfs_failure *failure)
{
	struct pfs_scratch_u32 starts = { to->starts, PFS_MAX_SEGMENTS + 1 };
	u64 words;
	struct pfs_scratch_u53 work = { &words, 1 };

	if (!pfs_open_message(bytes, starts, failure, &to->message) ||
	    !pfs_check_encoding(&to->message, work, failure, &to->image) ||
	    !validate(to, failure))
		return false;
	if (!to->summary.unsorted)
		return true;
	to->index = (struct pfs_scratch_u32) { room(to->summary.index, sizeof(u32)), to->summary.index };
	return pfs_index_names(to->image, to->summary.unsorted, to->index, failure);
}

static void release(struct checked *checked)
{
	free(checked->links.data);
	free(checked->parents.data);
	free(checked->queue.data);
	free(checked->index.data);
}

/* What is wrong with a check that is cut short after `last` rounds; NULL: nothing. */
static const char *cut(struct pfs_bytes bytes, u64 last, u32 verdict)
{
	struct pfs_failure failure = { .rule = PFS_RULE_COUNT };
	struct checked checked = { };
	const char *wrong = NULL;
	bool accepted;

	rounds_done = 0;
	last_round = last;
	accepted = check(bytes, &checked, &failure);
	if (rounds_done <= last) {
		if (accepted != !verdict || (!accepted && failure.rule != verdict))
			wrong = "another verdict";
	} else if (accepted) {
		wrong = "accepted";
	} else if (failure.rule != PFS_RULE_NONE) {
		wrong = pfs_rule_names[failure.rule];
	} else if (rounds_done > last + ROUNDS_AFTER) {
		wrong = "went on";
	}
	release(&checked);
	return wrong;
}

/* The rounds of the longest listing of one directory. */
static u64 list(const struct checked *checked)
{
	u64 longest = 0;

	for (u32 i = 0; i < checked->links.length; i++) {
		u64 before = rounds_done;
		struct pfs_visible_entry entry = { .cookie = 0 };

		if (!checked->queue.data[i])
			break;
		while (pfs_next_name(checked->image, checked->queue.data[i], entry.cookie, &entry))
			;
		if (rounds_done - before > longest)
			longest = rounds_done - before;
	}
	return longest;
}

int main(int argc, char **argv)
{
	size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	u64 moments = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	struct pfs_bytes bytes = { room(size, 1), size };
	struct pfs_failure failure = { .rule = PFS_RULE_NONE };
	struct checked checked = { };
	u64 rounds, listed;
	u32 verdict;

	if (size && fread((u8 *)bytes.data, size, 1, stdin) != 1)
		return 1;
	verdict = check(bytes, &checked, &failure) ? PFS_RULE_NONE : failure.rule;
	rounds = rounds_done;
	listed = verdict ? 0 : list(&checked);
	release(&checked);
	printf("%" PRIu64 " %" PRIu64 " %s\n", rounds, listed, pfs_rule_names[verdict]);
	/* Those of the beginning, then evenly. */
	for (u64 i = 0; i < moments && i < rounds; i++) {
		u64 last = i < moments / 2 ? i : rounds * i / moments;
		const char *wrong = cut(bytes, last, verdict);

		if (wrong)
			printf("after %" PRIu64 " rounds: %s\n", last, wrong);
	}
	free((u8 *)bytes.data);
	return 0;
}
