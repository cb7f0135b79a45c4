// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decompression. A context has about 160 KiB. Idle contexts are kept, at most
 * one per CPU.
 */
#include "blob.h"

#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/zstd.h>

struct context {
	struct list_head idle;
	zstd_dctx *dctx;
	u8 workspace[] __aligned(8);
};

static LIST_HEAD(idle_contexts);
static DEFINE_SPINLOCK(contexts_lock);
static unsigned int idle_count;

static struct context *get_context(void)
{
	struct context *context;
	size_t size;

	spin_lock(&contexts_lock);
	context = list_first_entry_or_null(&idle_contexts, struct context,
					   idle);
	if (context) {
		list_del(&context->idle);
		idle_count--;
	}
	spin_unlock(&contexts_lock);
	if (context)
		return context;

	size = zstd_dctx_workspace_bound();
	context = kvmalloc(sizeof(*context) + size, GFP_KERNEL);
	if (!context)
		return NULL;
	context->dctx = zstd_init_dctx(context->workspace, size);
	if (!context->dctx) {
		kvfree(context);
		return NULL;
	}
	return context;
}

static void put_context(struct context *context)
{
	spin_lock(&contexts_lock);
	if (idle_count < num_online_cpus()) {
		list_add(&context->idle, &idle_contexts);
		idle_count++;
		context = NULL;
	}
	spin_unlock(&contexts_lock);
	kvfree(context);
}

/**
 * puzzlefs_decompress - decompress one or more whole frames
 * @content: destination
 * @length: exact number of bytes after decompression
 * @stored: the frames
 * @stored_length: bytes of the frames
 *
 * Return: 0, -EUCLEAN if they are invalid or have another length, -ENOMEM.
 */
int puzzlefs_decompress(void *content, size_t length, const void *stored,
			size_t stored_length)
{
	struct context *context = get_context();
	size_t done;

	if (!context)
		return -ENOMEM;
	done = zstd_decompress_dctx(context->dctx, content, length, stored,
				    stored_length);
	put_context(context);
	return zstd_is_error(done) || done != length ? -EUCLEAN : 0;
}

/* Pages that puzzlefs_free_contexts() would free, about. */
unsigned long puzzlefs_count_contexts(void)
{
	return READ_ONCE(idle_count) *
	       DIV_ROUND_UP(zstd_dctx_workspace_bound(), PAGE_SIZE);
}

/* Frees the idle contexts. Returns how many pages that were, about. */
unsigned long puzzlefs_free_contexts(void)
{
	unsigned long pages = puzzlefs_count_contexts();
	struct context *context, *next;
	LIST_HEAD(freed);

	spin_lock(&contexts_lock);
	list_splice_init(&idle_contexts, &freed);
	idle_count = 0;
	spin_unlock(&contexts_lock);
	list_for_each_entry_safe(context, next, &freed, idle)
		kvfree(context);
	return pages;
}
