/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One area: its lock, and the slots behind it.
 */
#ifndef _KERNEL_DMA_SWIOTLB_AREA_H
#define _KERNEL_DMA_SWIOTLB_AREA_H

#include "slots.h"

/* Returned, instead of a slot, when the lock of an area was taken. */
#define SWIOTLB_BUSY		(UINT_MAX - 1)

/**
 * struct io_tlb_area - a run of slots behind one lock
 * @lock:	See "Lock order".
 * @slots:	Protected by @lock.
 *
 * Padded to a cache line, so that CPUs that use different areas do not take each
 * other's lock out of their caches.
 */
struct io_tlb_area {
	/* protects @slots */
	spinlock_t lock;
	struct swiotlb_slots slots;
} ____cacheline_aligned_in_smp;

/**
 * enum swiotlb_wait - what to do when the lock of an area is taken
 * @SWIOTLB_TRY:	Leave the area, another one may be free.
 * @SWIOTLB_SPIN:	Wait for the lock.
 */
enum swiotlb_wait {
	SWIOTLB_TRY,
	SWIOTLB_SPIN,
};

/**
 * swiotlb_area_may_fit() - is it useful to lock an area?
 * @area:	The area.
 * @nslots:	Length of the run that is wanted.
 *
 * Context: Any.
 * Return: %false if too few slots are free, or no run is long enough; an estimate.
 */
static inline bool swiotlb_area_may_fit(const struct io_tlb_area *area,
					unsigned int nslots)
{
	return swiotlb_slots_may_fit(&area->slots, nslots);
}

/**
 * swiotlb_area_used() - number of slots in use in an area
 * @area:	An area.
 *
 * Context: Any.
 * Return: An estimate unless nothing is mapped or unmapped meanwhile.
 */
static inline unsigned int swiotlb_area_used(const struct io_tlb_area *area)
{
	return READ_ONCE(area->slots.nused);
}

size_t swiotlb_area_bytes(unsigned int nslots);
void swiotlb_area_init(struct io_tlb_area *area, unsigned int nslots);
unsigned int swiotlb_area_alloc(struct io_tlb_area *area,
				const struct swiotlb_fit *fit,
				enum swiotlb_wait wait);
void swiotlb_area_free(struct io_tlb_area *area, unsigned int index,
		       unsigned int nslots, atomic_t *cell, int value);
bool swiotlb_area_is_empty(struct io_tlb_area *area);

#endif /* _KERNEL_DMA_SWIOTLB_AREA_H */
