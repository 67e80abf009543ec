// SPDX-License-Identifier: GPL-2.0-only
/*
 * One area: its lock, and the bitmaps that the lock protects.
 */

#include "area.h"

/**
 * swiotlb_area_bytes() - memory that an area takes
 * @nslots:	Number of slots.
 *
 * Context: Any.
 * Return: Bytes for the area and its bitmaps, in whole cache lines.
 */
size_t swiotlb_area_bytes(unsigned int nslots)
{
	return ALIGN(sizeof(struct io_tlb_area) + 2 * bitmap_size(nslots),
		     SMP_CACHE_BYTES);
}

/**
 * swiotlb_area_init() - initialize an area whose slots are all free
 * @area:	The area; its bitmaps follow it. All swiotlb_area_bytes() are zero.
 * @nslots:	Number of slots.
 *
 * Context: @area is not shared yet.
 */
void swiotlb_area_init(struct io_tlb_area *area, unsigned int nslots)
{
	void *maps = area + 1;

	spin_lock_init(&area->lock);
	swiotlb_slots_init(&area->slots, maps, maps + bitmap_size(nslots), nslots);
}

/**
 * swiotlb_area_alloc() - allocate a run of slots
 * @area:	The area.
 * @fit:	Constraints on the run.
 *
 * Ask swiotlb_slots_may_fit() first: a full area need not be locked.
 *
 * Context: Any, takes the area's lock.
 * Return: Index of the first slot, or %SWIOTLB_NO_SLOT if nothing fits.
 */
unsigned int swiotlb_area_alloc(struct io_tlb_area *area,
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

/**
 * swiotlb_area_free() - free a run of slots
 * @area:	The area.
 * @index:	First slot of the run.
 * @nslots:	Length of the run.
 * @cell:	Cell of a magazine that holds the run; %NULL if the caller owns the run.
 * @value:	Value that @cell has while it holds the run.
 *
 * @cell is emptied in the critical section that frees the run: a search of the area either
 * finds the run or waits for the lock. If another CPU has already taken the run out of
 * @cell, nothing is changed.
 *
 * Context: Any, takes the area's lock.
 */
void swiotlb_area_free(struct io_tlb_area *area, unsigned int index,
		       unsigned int nslots, atomic_t *cell, int value)
{
	unsigned long flags;

	spin_lock_irqsave(&area->lock, flags);
	if (!cell || atomic_try_cmpxchg(cell, &value, 0))
		WARN_ON_ONCE(!swiotlb_slots_release(&area->slots, index, nslots));
	spin_unlock_irqrestore(&area->lock, flags);
}
