// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that bytes of blobs are read into before they are hashed, decompressed
 * or copied. Kernels clear pages when they are allocated, which costs as much
 * as copying, so that blocks are kept: few, for all mounts together.
 */
#include "blob.h"

#include <linux/bvec.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

#define BLOCK_ORDER get_order(SZ_64K)
/* Blocks of the pool, in use or idle: 4 MiB. No cgroup is charged for them. */
#define MAX_BLOCKS 64

static DEFINE_SPINLOCK(blocks_lock);
static struct page *idle_blocks[MAX_BLOCKS];
static unsigned int idle_count;
static unsigned int block_count;

/*
 * Large pieces are cheaper, and not worth any effort. They are compound: some
 * lower filesystems take references to single pages of what they read into,
 * and would free tail pages, which otherwise have no reference.
 */
static struct page *alloc_large(gfp_t flags, unsigned int order)
{
	if (!order)
		return NULL;
	return alloc_pages(flags | __GFP_COMP | __GFP_NORETRY | __GFP_NOWARN,
			   order);
}

/* Takes a block of the pool. Returns NULL if there is none. */
static struct page *get_block(void)
{
	struct page *block = NULL;
	bool is_new = false;

	spin_lock(&blocks_lock);
	if (idle_count) {
		block = idle_blocks[--idle_count];
	} else if (block_count < MAX_BLOCKS) {
		block_count++;
		is_new = true;
	}
	spin_unlock(&blocks_lock);
	if (!is_new)
		return block;
	block = alloc_large(GFP_KERNEL, BLOCK_ORDER);
	if (block)
		return block;
	spin_lock(&blocks_lock);
	block_count--;
	spin_unlock(&blocks_lock);
	return NULL;
}

static void put_block(struct page *block)
{
	spin_lock(&blocks_lock);
	idle_blocks[idle_count++] = block;
	spin_unlock(&blocks_lock);
}

/* Adds memory for the next bytes. Returns how many, 0 if there is none. */
static size_t add_piece(struct puzzlefs_buffer *buffer, size_t wanted)
{
	unsigned int order = BLOCK_ORDER;
	struct page *page;

	if (buffer->count == PUZZLEFS_MAX_PIECES)
		return 0;
	page = buffer->keep ? NULL : get_block();
	if (page) {
		__set_bit(buffer->count, &buffer->pooled);
	} else {
		order = min_t(unsigned int, get_order(wanted), BLOCK_ORDER);
		page = alloc_large(GFP_KERNEL_ACCOUNT, order);
	}
	if (!page) {
		order = 0;
		page = alloc_page(GFP_KERNEL_ACCOUNT);
	}
	if (!page)
		return 0;
	bvec_set_page(&buffer->pieces[buffer->count++], page,
		      PAGE_SIZE << order, 0);
	return PAGE_SIZE << order;
}

static unsigned int pages_of(const struct bio_vec *piece)
{
	return DIV_ROUND_UP(piece->bv_len, PAGE_SIZE);
}

static unsigned int count_pages(const struct puzzlefs_buffer *buffer)
{
	unsigned int count = 0;
	unsigned int i;

	for (i = 0; i < buffer->count; i++)
		count += pages_of(&buffer->pieces[i]);
	return count;
}

void puzzlefs_free_buffer(struct puzzlefs_buffer *buffer)
{
	unsigned int i;

	if (!buffer)
		return;
	if (buffer->map && buffer->keep)
		vunmap(buffer->map);
	else if (buffer->map)
		vm_unmap_ram(buffer->map, count_pages(buffer));
	for (i = 0; i < buffer->count; i++) {
		struct bio_vec *piece = &buffer->pieces[i];

		if (test_bit(i, &buffer->pooled))
			put_block(piece->bv_page);
		else
			__free_pages(piece->bv_page,
				     get_order(piece->bv_len));
	}
	kfree(buffer);
}

/**
 * puzzlefs_alloc_buffer - allocate memory to read into
 * @length: bytes, at most PUZZLEFS_MAX_DIRECT and two pages
 * @keep: it is kept after the read, and so charged to the reader
 *
 * Return: the memory, to be released by puzzlefs_free_buffer(), or NULL.
 */
struct puzzlefs_buffer *puzzlefs_alloc_buffer(size_t length, bool keep)
{
	struct puzzlefs_buffer *buffer;

	buffer = kzalloc(sizeof(*buffer), GFP_KERNEL_ACCOUNT);
	if (!buffer)
		return NULL;
	buffer->keep = keep;
	while (length) {
		size_t got = add_piece(buffer, length);

		if (!got) {
			puzzlefs_free_buffer(buffer);
			return NULL;
		}
		length -= min(got, length);
	}
	return buffer;
}

/* Maps all pieces, one after the other. */
static u8 *map_buffer(struct puzzlefs_buffer *buffer)
{
	unsigned int count = count_pages(buffer);
	unsigned int done = 0;
	struct page **pages;
	unsigned int i, j;

	if (buffer->map)
		return buffer->map;
	pages = kmalloc_array(count, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;
	for (i = 0; i < buffer->count; i++)
		for (j = 0; j < pages_of(&buffer->pieces[i]); j++)
			pages[done++] = buffer->pieces[i].bv_page + j;
	/* vm_map_ram() is cheaper, and not for what lives long. */
	buffer->map = buffer->keep ?
		vmap(pages, count, VM_MAP, PAGE_KERNEL) :
		vm_map_ram(pages, count, NUMA_NO_NODE);
	kfree(pages);
	if (buffer->map)
		invalidate_kernel_vmap_range(buffer->map, count << PAGE_SHIFT);
	return buffer->map;
}

/**
 * puzzlefs_buffer_bytes - get the address of a range of a buffer
 * @buffer: the buffer, which has been read into
 * @skip: start of the range
 * @length: bytes of the range, above 0
 *
 * Return: the address of @length contiguous bytes, or NULL if they could not be
 * mapped.
 */
const u8 *puzzlefs_buffer_bytes(struct puzzlefs_buffer *buffer, size_t skip,
				size_t length)
{
	size_t start = 0;
	unsigned int i;
	u8 *map;

	for (i = 0; i < buffer->count; i++) {
		const struct bio_vec *piece = &buffer->pieces[i];

		if (skip >= start && skip + length <= start + piece->bv_len)
			return page_address(piece->bv_page) + skip - start;
		start += piece->bv_len;
	}
	map = skip + length <= start ? map_buffer(buffer) : NULL;
	return map ? map + skip : NULL;
}

/* Copies a range of a buffer. Returns whether all of it was copied. */
bool puzzlefs_copy_buffer(const struct puzzlefs_buffer *buffer, size_t skip,
			  size_t length, struct iov_iter *to)
{
	unsigned int i;

	for (i = 0; i < buffer->count && length; i++) {
		const struct bio_vec *piece = &buffer->pieces[i];
		size_t part;

		if (skip >= piece->bv_len) {
			skip -= piece->bv_len;
			continue;
		}
		part = min_t(size_t, length, piece->bv_len - skip);
		if (copy_to_iter(page_address(piece->bv_page) + skip, part,
				 to) != part)
			return false;
		length -= part;
		skip = 0;
	}
	return !length;
}

/* Bytes of memory that a buffer takes. */
size_t puzzlefs_buffer_size(const struct puzzlefs_buffer *buffer)
{
	return sizeof(*buffer) + ((size_t)count_pages(buffer) << PAGE_SHIFT);
}

/* Pages that puzzlefs_free_blocks() would free, about. */
unsigned long puzzlefs_count_blocks(void)
{
	return (unsigned long)READ_ONCE(idle_count) << BLOCK_ORDER;
}

/* Frees the idle blocks. Returns how many pages that were. */
unsigned long puzzlefs_free_blocks(void)
{
	unsigned long pages = 0;
	struct page *block;

	do {
		block = NULL;
		spin_lock(&blocks_lock);
		if (idle_count) {
			block = idle_blocks[--idle_count];
			block_count--;
		}
		spin_unlock(&blocks_lock);
		if (block) {
			__free_pages(block, BLOCK_ORDER);
			pages += 1UL << BLOCK_ORDER;
		}
	} while (block);
	return pages;
}
