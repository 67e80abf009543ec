/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_BOUNCE_H
#define _KERNEL_DMA_SWIOTLB_BOUNCE_H

#include "mem.h"

void swiotlb_copy_highmem(void *bounce, phys_addr_t orig, size_t bytes,
			  enum dma_data_direction dir);
size_t swiotlb_clamp_copy(struct device *dev, size_t mapped, phys_addr_t skip, size_t bytes);

/*
 * The caller owns the mapping. Data that is copied to the device may be uninitialized, since
 * drivers map buffers that only the device fills. KMSAN does not see the writes of the device, so
 * data from the device counts as initialized.
 */
static inline void
swiotlb_copy(struct device *dev, const struct io_tlb_pool *pool, phys_addr_t tlb_addr,
	     phys_addr_t orig_addr, size_t bytes, enum dma_data_direction dir)
{
	void *bounce = pool->vaddr + (tlb_addr - pool->start);

	swiotlb_mem_copied(pool->mem, bytes);
	if (dir == DMA_FROM_DEVICE) {
		if (!dev_is_dma_coherent(dev))
			arch_sync_dma_flush();
		kmsan_unpoison_memory(bounce, bytes);
	}

	/* Check the last byte: a buffer may begin in low memory and end in high memory. */
	if (PhysHighMem(orig_addr + bytes - 1))
		swiotlb_copy_highmem(bounce, orig_addr, bytes, dir);
	else if (dir == DMA_TO_DEVICE)
		memcpy(bounce, phys_to_virt(orig_addr), bytes);
	else
		memcpy(phys_to_virt(orig_addr), bounce, bytes);
}

/* Bytes from the start of the data of a mapping to @tlb_addr */
static inline phys_addr_t
swiotlb_bounce_skip(struct device *dev, const struct io_tlb_pool *pool,
		    const struct swiotlb_mapping *map, phys_addr_t tlb_addr)
{
	return tlb_addr - swiotlb_slot_addr(pool, map->head + map->pad_slots) -
	       swiotlb_align_offset(dev, 0, map->orig_addr);
}

static inline bool swiotlb_bounce_is_inside(const struct swiotlb_mapping *map,
					    phys_addr_t skip, size_t bytes)
{
	return skip <= map->bytes && bytes <= map->bytes - skip;
}

/*
 * Copy to or from a part of a mapping, which the caller owns. Report bytes outside of the mapping,
 * but do not copy them.
 */
static inline void swiotlb_bounce(struct device *dev, const struct io_tlb_pool *pool,
				  const struct swiotlb_mapping *map, phys_addr_t tlb_addr,
				  size_t bytes, enum dma_data_direction dir)
{
	phys_addr_t skip;

	if (map->orig_addr == SWIOTLB_NO_ORIG_ADDR)
		return;

	skip = swiotlb_bounce_skip(dev, pool, map, tlb_addr);
	if (unlikely(!swiotlb_bounce_is_inside(map, skip, bytes)))
		bytes = swiotlb_clamp_copy(dev, map->bytes, skip, bytes);
	if (likely(bytes))
		swiotlb_copy(dev, pool, tlb_addr, map->orig_addr + skip, bytes, dir);
}

#endif /* _KERNEL_DMA_SWIOTLB_BOUNCE_H */
