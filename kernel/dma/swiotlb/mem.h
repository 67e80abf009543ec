/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an allocator does for nearly all mappings: from a magazine, and back.
 */
#ifndef _KERNEL_DMA_SWIOTLB_MEM_H
#define _KERNEL_DMA_SWIOTLB_MEM_H

#include "internal.h"
#include "magazine.h"
#include "record.h"

static inline phys_addr_t
swiotlb_mem_map_cached(struct swiotlb_mem *mem, struct device *dev,
		       const struct swiotlb_request *req,
		       struct io_tlb_pool **found)
{
	void __percpu *magazines = swiotlb_mem_magazines(mem);
	unsigned int index, class = swiotlb_class(req->nslots);
	struct swiotlb_magazine *mag;
	struct io_tlb_pool *pool;
	dma_addr_t dma_start;
	u32 cell;

	if (!magazines || class == SWIOTLB_NR_CLASSES)
		return SWIOTLB_MAP_FULL;

	mag = swiotlb_this_magazine(magazines, class);
	cell = swiotlb_magazine_take(mag);
	if (!cell && swiotlb_magazine_refill(mem, mag, class))
		cell = swiotlb_magazine_take(mag);
	if (!cell)
		return SWIOTLB_MAP_FULL;

	/* Not before the buffer is ours: only that keeps its pool. */
	pool = swiotlb_cell_pool(mem, cell);
	index = swiotlb_cell_index(cell);
	dma_start = swiotlb_dma_start(mem, dev, pool);
	if (unlikely(!swiotlb_request_fits(req, (dma_start >> IO_TLB_SHIFT) +
						index) ||
		     !swiotlb_pool_reached(pool, dev, dma_start))) {
		swiotlb_magazine_return(mem, mag, class, cell);
		return SWIOTLB_MAP_FULL;
	}

	swiotlb_record_write(&pool->records[index], req);
	*found = pool;
	return swiotlb_slot_addr(pool, index + req->pad_slots) + req->offset;
}

/**
 * swiotlb_mem_map() - allocate and record a mapping
 * @mem:	Allocator.
 * @dev:	Device that will use it.
 * @req:	What to map, swiotlb_request_possible().
 * @pool:	Filled in on success.
 *
 * From the CPU's own magazine, or from an area.
 *
 * Context: Any, takes locks of areas or of a depot, one after the other.
 * Return: Physical address of the bounce buffer, or %SWIOTLB_MAP_FULL.
 */
static inline phys_addr_t swiotlb_mem_map(struct swiotlb_mem *mem,
					  struct device *dev,
					  const struct swiotlb_request *req,
					  struct io_tlb_pool **pool)
{
	phys_addr_t tlb_addr;

	tlb_addr = swiotlb_mem_map_cached(mem, dev, req, pool);
	if (unlikely(tlb_addr == SWIOTLB_MAP_FULL)) {
		tlb_addr = swiotlb_mem_map_slow(mem, dev, req, pool);
		if (tlb_addr == SWIOTLB_MAP_FULL)
			return tlb_addr;
	}
	swiotlb_account(mem, req->nslots);
	return tlb_addr;
}

/*
 * Only naturally aligned buffers are kept: they serve whatever comes next. (Where
 * a device sees memory shifted by less, that is for its alignment to decide: such
 * devices get few from magazines.)
 */
static inline bool swiotlb_mem_keep(struct swiotlb_mem *mem,
				    struct io_tlb_pool *pool,
				    const struct swiotlb_mapping *map,
				    enum dma_data_direction dir)
{
	void __percpu *magazines = swiotlb_mem_magazines(mem);
	unsigned int class = swiotlb_class(map->nslots);
	unsigned long slot = (pool->start >> IO_TLB_SHIFT) + map->head;
	struct swiotlb_magazine *mag;
	u32 cell;

	if (!magazines || class == SWIOTLB_NR_CLASSES ||
	    (slot & (map->nslots - 1)) || map->head > SWIOTLB_CELL_INDEX_MASK ||
	    !swiotlb_pool_is_open(pool))
		return false;
	if (class > SWIOTLB_MAX_HINT_ORDER && dir == DMA_TO_DEVICE)
		return false;

	mag = swiotlb_this_magazine(magazines, class);
	cell = swiotlb_cell(pool, map->head);
	/* From here on, the pool may go. */
	if (!swiotlb_magazine_push(mag, cell))
		swiotlb_magazine_overflow(mem, mag, class, cell);
	if (unlikely(!READ_ONCE(mag->armed)))
		swiotlb_trim_arm(mem, mag);
	return true;
}

/**
 * swiotlb_mem_unmap() - free the slots of a mapping
 * @mem:	Allocator.
 * @pool:	A pool of it.
 * @map:	What swiotlb_pool_lookup() has found there, and the caller has ended by
 *		swiotlb_record_take().
 * @dir:	Direction that it was mapped for. A large buffer is kept if this CPU
 *		has read it: "First fit, with hints" in slots.c says why.
 *
 * Context: Any, takes the lock of an area or of a depot if the CPU's own magazine
 * is full.
 */
static inline void swiotlb_mem_unmap(struct swiotlb_mem *mem,
				     struct io_tlb_pool *pool,
				     const struct swiotlb_mapping *map,
				     enum dma_data_direction dir)
{
	swiotlb_account(mem, -(long)map->nslots);
	if (!swiotlb_mem_keep(mem, pool, map, dir))
		swiotlb_pool_release(pool, map->head, map->nslots, NULL, 0);
}

#endif /* _KERNEL_DMA_SWIOTLB_MEM_H */
