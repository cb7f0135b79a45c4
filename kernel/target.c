// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locked folios of the page cache as a destination. Bytes are copied into them
 * by an iterator, or decompressed into them where they are mapped.
 */
#include "internal.h"

#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

/* Where caches have aliases, a page is not to be written at two addresses. */
#ifdef ARCH_IMPLEMENTS_FLUSH_KERNEL_VMAP_RANGE
#define CAN_BE_MAPPED false
#else
#define CAN_BE_MAPPED true
#endif
/* Fewer bytes are not mapped: parts of a frame are what they need. */
#define LEAST_MAPPED SZ_64K
#define MOST_MAPPED SZ_16M

/**
 * puzzlefs_init_target - make a destination of locked folios
 * @target: to be released by puzzlefs_end_target()
 * @mapping: of the folios
 * @pos: start of the first one in the file
 * @length: bytes of all of them
 */
void puzzlefs_init_target(struct puzzlefs_target *target,
			  struct address_space *mapping, u64 pos, size_t length)
{
	*target = (struct puzzlefs_target) {
		.mapping = mapping,
		.pos = pos,
		.length = length,
	};
	iov_iter_xarray(&target->iter, ITER_DEST, &mapping->i_pages, pos,
			length);
}

/* Returns the offset in the file of the next byte to be filled. */
u64 puzzlefs_target_pos(const struct puzzlefs_target *target)
{
	return target->pos + target->length - iov_iter_count(&target->iter);
}

static struct folio *folio_at(const struct puzzlefs_target *target, u64 pos)
{
	struct folio *folio = xa_load(&target->mapping->i_pages,
				      pos >> PAGE_SHIFT);

	return xa_is_value(folio) ? NULL : folio;
}

/* Maps all folios, one after the other. Returns NULL if that is impossible. */
static u8 *map_folios(const struct puzzlefs_target *target)
{
	unsigned int count = target->length >> PAGE_SHIFT;
	struct page **pages;
	unsigned int i;
	u8 *map = NULL;

	pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;
	for (i = 0; i < count; i++) {
		u64 pos = target->pos + ((u64)i << PAGE_SHIFT);
		struct folio *folio = folio_at(target, pos);

		if (!folio)
			goto out;
		pages[i] = folio_file_page(folio, pos >> PAGE_SHIFT);
	}
	map = vm_map_ram(pages, count, NUMA_NO_NODE);
out:
	kvfree(pages);
	return map;
}

/**
 * puzzlefs_target_bytes - get the address of the next bytes of a destination
 * @target: the destination
 * @length: bytes
 *
 * Return: their address, or NULL if they are to be copied by the iterator.
 */
u8 *puzzlefs_target_bytes(struct puzzlefs_target *target, size_t length)
{
	u64 pos = puzzlefs_target_pos(target);
	size_t skip = pos - target->pos;
	struct folio *folio;

	if (target->length < LEAST_MAPPED || target->length > MOST_MAPPED)
		return NULL;
	if (target->map)
		return target->map + skip;
	folio = folio_at(target, pos);
	if (folio && !folio_test_highmem(folio) &&
	    pos + length <= folio_pos(folio) + folio_size(folio))
		return (u8 *)folio_address(folio) +
		       offset_in_folio(folio, pos);
	if (CAN_BE_MAPPED)
		target->map = map_folios(target);
	return target->map ? target->map + skip : NULL;
}

void puzzlefs_end_target(struct puzzlefs_target *target)
{
	if (target->map)
		vm_unmap_ram(target->map, target->length >> PAGE_SHIFT);
}
