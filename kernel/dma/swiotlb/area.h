/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One area: its lock, and the slots that the lock protects.
 */
#ifndef _KERNEL_DMA_SWIOTLB_AREA_H
#define _KERNEL_DMA_SWIOTLB_AREA_H

#include "slots.h"

/**
 * struct io_tlb_area - a run of slots behind one lock
 * @lock:	See "Lock order".
 * @slots:	Protected by @lock.
 *
 * Padded to a cache line, so that CPUs using different areas do not bounce each other's lock.
 */
struct io_tlb_area {
	/* protects @slots */
	spinlock_t lock;
	struct swiotlb_slots slots;
} ____cacheline_aligned_in_smp;

/* Size in bytes of an area of @nslots slots with its bitmaps, rounded up to whole cache lines. */
static inline size_t swiotlb_area_bytes(unsigned int nslots)
{
	return ALIGN(sizeof(struct io_tlb_area) + 2 * bitmap_size(nslots), SMP_CACHE_BYTES);
}

/* Initialize an area. All slots are free. The caller has zeroed swiotlb_area_bytes() bytes. */
static inline void swiotlb_area_init(struct io_tlb_area *area, unsigned int nslots)
{
	void *maps = area + 1;

	spin_lock_init(&area->lock);
	swiotlb_slots_init(&area->slots, maps, maps + bitmap_size(nslots), nslots);
}

/*
 * Allocate a run of slots. Returns its first slot, or %SWIOTLB_NO_SLOT if nothing fits. To avoid
 * locking a full area, check swiotlb_slots_may_fit() first.
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
 * Free a run of slots that the caller owns; or, if @cell is not %NULL, that this cell of a
 * magazine holds as @value. The cell is emptied under the lock: a search of the area waits for
 * the lock, and then finds the run. If another CPU has emptied the cell, nothing changes.
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
