// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows of readahead that workers fill while the reader goes on, so that
 * several processors decompress or verify.
 */
#include "internal.h"

#include <linux/cpumask.h>
#include <linux/memcontrol.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

/* Windows are not expanded to more bytes. */
#define MOST_EXPANDED SZ_512K
/* Fewer bytes are not worth a worker. */
#define LEAST_BYTES SZ_128K
/*
 * Bytes that workers have to fill, in all, for each processor: a window that is
 * being filled, and the next one. A store may have half of them.
 */
#define BYTES_PER_CPU SZ_2M
#define LEAST_LIMIT SZ_8M
#define MOST_LIMIT SZ_32M

/* Folios that a worker fills. They are locked, and so keep the inode. */
struct puzzlefs_window {
	struct work_struct work;
	struct puzzlefs_fill fill;
	struct puzzlefs_store *store;
	struct mem_cgroup *memcg;	/* of the reader */
	size_t length;
};

static struct workqueue_struct *workers;
static atomic_long_t bytes_under_way;

static void uncharge(struct puzzlefs_store *store, size_t length)
{
	atomic_long_sub(length, &store->under_way);
	atomic_long_sub(length, &bytes_under_way);
}

/* Returns whether the bytes are within the limits. If so, they are counted. */
static bool charge(struct puzzlefs_store *store, size_t length)
{
	long limit = clamp(num_online_cpus() * (long)BYTES_PER_CPU,
			   (long)LEAST_LIMIT, (long)MOST_LIMIT);
	long all = atomic_long_add_return(length, &bytes_under_way);

	if (atomic_long_add_return(length, &store->under_way) <= limit / 2 &&
	    all <= limit)
		return true;
	uncharge(store, length);
	return false;
}

/* The end of the part of a window that its reader waits for. */
static u64 find_middle(struct readahead_control *rac)
{
	const struct file_ra_state *ra = rac->ra;
	pgoff_t index = readahead_index(rac);
	unsigned int ahead = min(ra->async_size, ra->size);

	/* By readahead(2) and its like, or in no sequence. */
	if (index - ra->start >= ra->size)
		return readahead_pos(rac);
	/* All of a small file. */
	if (!index && ahead == ra->size)
		return U64_MAX;
	return (u64)(ra->start + ra->size - ahead) << PAGE_SHIFT;
}

/* Whether the bytes of a run take more work than to be copied. */
static bool takes_work(const struct puzzlefs_content *content, u64 pos)
{
	const struct puzzlefs_run *run =
		&content->runs[puzzlefs_find_run(content, pos)];

	return run->blob && (run->blob->id.compressed ||
			     content->store->kind.verify);
}

/**
 * puzzlefs_expand_window - read the rest of the chunks that a small window needs
 * @rac: the window
 *
 * A frame is decompressed, or a blob verified, as a whole: random reads of a
 * few bytes would have that done for each of them. Pages that need another
 * chunk too are left out.
 */
void puzzlefs_expand_window(struct readahead_control *rac)
{
	struct inode *host = rac->mapping->host;
	u64 start = readahead_pos(rac), end = start + readahead_length(rac);
	const struct puzzlefs_run *first, *last;
	struct puzzlefs_content *content;
	u64 size = i_size_read(host);

	/* Pairs with cmpxchg() in puzzlefs_open_content(). */
	content = smp_load_acquire(&PUZZLEFS_I(host)->content);
	if (!content || start >= size || !takes_work(content, start))
		return;
	first = &content->runs[puzzlefs_find_run(content, start)];
	last = &content->runs[puzzlefs_find_run(content, min(end, size) - 1)];
	if (end - start >= first[1].start - first->start ||
	    last[1].start - first->start > MOST_EXPANDED)
		return;
	start = min(start, round_up(first->start, PAGE_SIZE));
	end = max(end, last[1].start < size ?
		  round_down(last[1].start, PAGE_SIZE) :
		  round_up(size, PAGE_SIZE));
	readahead_expand(rac, start, end - start);
}

/*
 * Returns where a worker is to begin, which is where a folio begins. After an
 * error the reader itself reads, until all names have been looked up: it
 * removes the large folios that cannot be read, and expects that they do not
 * come again. Workers do not wait for other ones, as when stores are stacked.
 */
static u64 find_start(struct readahead_control *rac,
		      const struct puzzlefs_content *content)
{
	u64 end = readahead_pos(rac) + readahead_length(rac);
	u64 start = max_t(u64, find_middle(rac), readahead_pos(rac));
	struct folio *folio;

	if (!content || !puzzlefs_is_complete(content) ||
	    (current->flags & PF_WQ_WORKER) || start >= end)
		return end;
	folio = xa_load(&rac->mapping->i_pages, start >> PAGE_SHIFT);
	if (folio_pos(folio) < start)
		start = folio_pos(folio) + folio_size(folio);
	if (start + LEAST_BYTES > end || start >= i_size_read(rac->mapping->host) ||
	    !takes_work(content, start))
		return end;
	return start;
}

static void fill_window(struct work_struct *work)
{
	struct puzzlefs_window *window =
		container_of(work, struct puzzlefs_window, work);
	struct mem_cgroup *old = set_active_memcg(window->memcg);
	struct puzzlefs_fill *fill = &window->fill;
	/* As the VFS does around ->readahead. */
	unsigned int flags = memalloc_nofs_save();
	u64 filled;
	int err;

	filled = fill->pos + puzzlefs_end_fill(fill, &err);
	memalloc_nofs_restore(flags);
	set_active_memcg(old);
	uncharge(window->store, window->length);
	/* After this, neither inode nor store may exist. */
	puzzlefs_unlock_folios(fill->mapping, fill->pos,
			       fill->pos + fill->length, filled, false);
	mem_cgroup_put(window->memcg);
	kfree(window);
}

/**
 * puzzlefs_get_window - get a worker for the part of a window that is ahead
 * @rac: the window
 * @end: where that part begins, or the end of the window
 *
 * Return: for puzzlefs_start_window(), or NULL if the reader has to fill all.
 */
struct puzzlefs_window *puzzlefs_get_window(struct readahead_control *rac,
					    u64 *end)
{
	u64 last = readahead_pos(rac) + readahead_length(rac);
	struct puzzlefs_content *content;
	struct puzzlefs_window *window;
	u64 start;

	/* Pairs with cmpxchg() in puzzlefs_open_content(). */
	content = smp_load_acquire(&PUZZLEFS_I(rac->mapping->host)->content);
	start = find_start(rac, content);
	*end = last;
	if (start >= last || !charge(content->store, last - start))
		return NULL;
	window = kmalloc(sizeof(*window), GFP_KERNEL_ACCOUNT);
	if (!window) {
		uncharge(content->store, last - start);
		return NULL;
	}
	window->store = content->store;
	window->length = last - start;
	*end = start;
	return window;
}

/**
 * puzzlefs_start_window - have a worker fill its part of a window
 * @window: the window
 * @mapping: of the folios, which the worker unlocks
 * @pos: start of the part
 *
 * The reads begin here: they are those of the reader's cgroup.
 */
void puzzlefs_start_window(struct puzzlefs_window *window,
			   struct address_space *mapping, u64 pos)
{
	window->memcg = get_mem_cgroup_from_mm(current->mm);
	puzzlefs_begin_fill(&window->fill, mapping, pos, window->length);
	INIT_WORK(&window->work, fill_window);
	queue_work(workers, &window->work);
}

int __init puzzlefs_init_windows(void)
{
	/* More than limits allow, so that none waits for another one. */
	workers = alloc_workqueue("puzzlefs", WQ_UNBOUND | WQ_HIGHPRI,
				  WQ_MAX_ACTIVE);
	return workers ? 0 : -ENOMEM;
}

/* Waits until the last ones, whose inodes do not exist any more, have ended. */
void puzzlefs_exit_windows(void)
{
	destroy_workqueue(workers);
}
