// SPDX-License-Identifier: GPL-2.0-only
/*
 * One area: its lock, and the bitmaps behind it.
 */

#include "area.h"

static size_t swiotlb_area_map_bytes(unsigned int nslots)
{
	return BITS_TO_LONGS(nslots) * sizeof(unsigned long);
}

/**
 * swiotlb_area_bytes() - memory that an area takes
 * @nslots:	Number of slots.
 *
 * Context: Any.
 * Return: Bytes for the area and its bitmaps, in whole cache lines.
 */
size_t swiotlb_area_bytes(unsigned int nslots)
{
	return ALIGN(sizeof(struct io_tlb_area) +
		     2 * swiotlb_area_map_bytes(nslots), SMP_CACHE_BYTES);
}

/**
 * swiotlb_area_init() - initialize an area whose slots are all free
 * @area:	At the start of swiotlb_area_bytes() zeroed bytes.
 * @nslots:	Number of slots.
 *
 * Context: @area is not shared yet.
 */
void swiotlb_area_init(struct io_tlb_area *area, unsigned int nslots)
{
	void *maps = area + 1;

	spin_lock_init(&area->lock);
	swiotlb_slots_init(&area->slots, maps,
			   maps + swiotlb_area_map_bytes(nslots), nslots);
}

/**
 * swiotlb_area_alloc() - allocate a run of slots
 * @area:	The area.
 * @fit:	What the run must satisfy.
 * @wait:	What to do when the lock is taken.
 *
 * Ask swiotlb_area_may_fit() first: a full area need not be locked.
 *
 * Context: Any, takes the area's lock.
 * Return: Index of the first slot, %SWIOTLB_NO_SLOT if nothing fits, or %SWIOTLB_BUSY if
 * the lock was taken and @wait says not to wait for it.
 */
unsigned int swiotlb_area_alloc(struct io_tlb_area *area,
				const struct swiotlb_fit *fit,
				enum swiotlb_wait wait)
{
	unsigned long flags;
	unsigned int index;

	if (wait == SWIOTLB_SPIN)
		spin_lock_irqsave(&area->lock, flags);
	else if (!spin_trylock_irqsave(&area->lock, flags))
		return SWIOTLB_BUSY;

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
 * @cell:	Cell of a magazine that holds the run, %NULL if the caller owns it.
 * @value:	Value of @cell that stands for the run.
 *
 * The run leaves @cell in the critical section that frees it: a search of the area
 * either finds the run or waits for the lock. If another CPU has taken the run out of
 * @cell meanwhile, nothing is changed.
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

/**
 * swiotlb_area_is_empty() - is no slot in use?
 * @area:	The area.
 *
 * Context: Any, takes the area's lock.
 * Return: %true if there is none; then all that other CPUs did before they freed the
 * last one is visible to the caller.
 */
bool swiotlb_area_is_empty(struct io_tlb_area *area)
{
	unsigned long flags;
	bool empty;

	spin_lock_irqsave(&area->lock, flags);
	empty = !swiotlb_area_used(area);
	spin_unlock_irqrestore(&area->lock, flags);
	return empty;
}
