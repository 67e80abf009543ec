/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_AREA_H
#define _KERNEL_DMA_SWIOTLB_AREA_H

#include "slots.h"

/* Padded to a cache line, so that CPUs using different areas do not bounce each other's lock. */
struct io_tlb_area {
	/* protects @slots */
	spinlock_t lock;
	struct swiotlb_slots slots;
} ____cacheline_aligned_in_smp;

/* Bytes of an area and its bitmaps, rounded up so that the next area begins on a cache line */
static inline size_t swiotlb_area_bytes(unsigned int nslots)
{
	return ALIGN(sizeof(struct io_tlb_area) + 2 * bitmap_size(nslots), SMP_CACHE_BYTES);
}

/* @area is swiotlb_area_bytes() zeroed bytes. */
static inline void swiotlb_area_init(struct io_tlb_area *area, unsigned int nslots)
{
	void *maps = area + 1;

	spin_lock_init(&area->lock);
	swiotlb_slots_init(&area->slots, maps, maps + bitmap_size(nslots), nslots);
}

/*
 * Allocate a run of slots. Returns its first slot, or %SWIOTLB_NO_SLOT if nothing fits. Check
 * swiotlb_slots_may_fit() first to avoid locking a full area.
 */
static inline unsigned int swiotlb_area_alloc(struct io_tlb_area *area,
					      const struct swiotlb_fit *fit)
{
	unsigned long flags;
	unsigned int index;

	spin_lock_irqsave(&area->lock, flags);
	index = swiotlb_slots_find(&area->slots, fit);
	if (index != SWIOTLB_NO_SLOT)
		swiotlb_slots_claim(&area->slots, index, fit->nslots);
	spin_unlock_irqrestore(&area->lock, flags);
	return index;
}

/*
 * Free a run of slots. If @cell is %NULL, the caller owns the run. Otherwise, free the run only if
 * this cell of a magazine still holds it as @value. The cell is emptied under the lock: a search
 * of the area that finds the cell empty waits for the lock, and then finds the run.
 */
static inline void swiotlb_area_free(struct io_tlb_area *area, unsigned int index,
				     unsigned int nslots, atomic_t *cell, int value)
{
	unsigned long flags;

	spin_lock_irqsave(&area->lock, flags);
	if (!cell || atomic_try_cmpxchg(cell, &value, 0))
		WARN_ON_ONCE(!swiotlb_slots_release(&area->slots, index, nslots));
	spin_unlock_irqrestore(&area->lock, flags);
}

#endif /* _KERNEL_DMA_SWIOTLB_AREA_H */
