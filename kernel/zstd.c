// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decompression. A context takes about 160 KiB: they are kept, as many as
 * were ever busy at once, but no more than there are processors.
 */
#include "internal.h"

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
 * @content: where to
 * @length: bytes that they must give, exactly
 * @stored: the frames
 * @stored_length: their bytes
 *
 * Return: 0, -EUCLEAN for frames that are not such, -ENOMEM.
 */
int puzzlefs_decompress(void *content, size_t length, const void *stored,
			size_t stored_length)
{
	struct context *context = get_context();
	size_t got;

	if (!context)
		return -ENOMEM;
	got = zstd_decompress_dctx(context->dctx, content, length, stored,
				   stored_length);
	put_context(context);
	return zstd_is_error(got) || got != length ? -EUCLEAN : 0;
}

void puzzlefs_exit_zstd(void)
{
	struct context *context, *next;

	list_for_each_entry_safe(context, next, &idle_contexts, idle)
		kvfree(context);
}
