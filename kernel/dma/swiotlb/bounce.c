// SPDX-License-Identifier: GPL-2.0-only
/*
 * The copy between a bounce buffer and the original.
 */

#include "bounce.h"

static void swiotlb_copy_lowmem(void *bounce, phys_addr_t orig, size_t bytes,
				enum dma_data_direction dir)
{
	if (dir == DMA_TO_DEVICE)
		memcpy(bounce, phys_to_virt(orig), bytes);
	else
		memcpy(phys_to_virt(orig), bounce, bytes);
}

static void swiotlb_copy_highmem(void *bounce, phys_addr_t orig, size_t bytes,
				 enum dma_data_direction dir)
{
	while (bytes) {
		struct page *page = pfn_to_page(PFN_DOWN(orig));
		size_t offset = offset_in_page(orig);
		size_t chunk = min_t(size_t, bytes, PAGE_SIZE - offset);

		if (dir == DMA_TO_DEVICE)
			memcpy_from_page(bounce, page, offset, chunk);
		else
			memcpy_to_page(page, offset, bounce, chunk);

		bytes -= chunk;
		bounce += chunk;
		orig += chunk;
	}
}

/* How much of @bytes at @skip lies in the mapping. */
static size_t swiotlb_clamp_copy(struct device *dev,
				 const struct swiotlb_mapping *map,
				 phys_addr_t skip, size_t bytes)
{
	size_t room = skip < map->bytes ? map->bytes - skip : 0;

	dev_WARN_ONCE(dev, bytes > room,
		      "Buffer overflow detected. Allocation size: %zu. Mapping size: %zu.\n",
		      map->bytes, bytes + (size_t)skip);
	return min(bytes, room);
}

/**
 * swiotlb_copy() - copy to or from a bounce buffer
 * @dev:	Device that it is mapped for.
 * @pool:	Pool that holds it.
 * @tlb_addr:	Physical address in the bounce buffer.
 * @orig_addr:	Physical address in the original.
 * @bytes:	Size.
 * @dir:	%DMA_TO_DEVICE or %DMA_FROM_DEVICE.
 *
 * What is copied to the device may never have been written: drivers map buffers
 * that only the device fills. So KMSAN does not check it.
 *
 * Context: Any, by the owner of the mapping.
 */
void swiotlb_copy(struct device *dev, const struct io_tlb_pool *pool,
		  phys_addr_t tlb_addr, phys_addr_t orig_addr, size_t bytes,
		  enum dma_data_direction dir)
{
	void *bounce = pool->vaddr + (tlb_addr - pool->start);

	if (dir == DMA_FROM_DEVICE) {
		if (!dev_is_dma_coherent(dev))
			arch_sync_dma_flush();
		kmsan_unpoison_memory(bounce, bytes);
	}

	if (PhysHighMem(orig_addr))
		swiotlb_copy_highmem(bounce, orig_addr, bytes, dir);
	else
		swiotlb_copy_lowmem(bounce, orig_addr, bytes, dir);
}

/**
 * swiotlb_bounce() - copy to or from a part of a mapping
 * @dev:	Device that it is mapped for.
 * @pool:	Pool that holds it.
 * @map:	The mapping.
 * @tlb_addr:	Physical address of the part.
 * @bytes:	Its size. What lies outside of the mapping is left alone, and
 *		reported once.
 * @dir:	%DMA_TO_DEVICE or %DMA_FROM_DEVICE.
 *
 * Context: Any, by the owner of the mapping.
 */
void swiotlb_bounce(struct device *dev, const struct io_tlb_pool *pool,
		    const struct swiotlb_mapping *map, phys_addr_t tlb_addr,
		    size_t bytes, enum dma_data_direction dir)
{
	phys_addr_t first, skip;

	if (map->orig_addr == SWIOTLB_NO_ORIG_ADDR)
		return;

	first = swiotlb_slot_addr(pool, map->head + map->pad_slots) +
		swiotlb_align_offset(dev, 0, map->orig_addr);
	skip = tlb_addr - first;
	bytes = swiotlb_clamp_copy(dev, map, skip, bytes);
	if (bytes)
		swiotlb_copy(dev, pool, tlb_addr, map->orig_addr + skip, bytes,
			     dir);
}
