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
 * Padded to a cache line, so that CPUs using different areas do not bounce each other's
 * lock.
 */
struct io_tlb_area {
	/* protects @slots */
	spinlock_t lock;
	struct swiotlb_slots slots;
} ____cacheline_aligned_in_smp;

size_t swiotlb_area_bytes(unsigned int nslots);
void swiotlb_area_init(struct io_tlb_area *area, unsigned int nslots);
unsigned int swiotlb_area_alloc(struct io_tlb_area *area,
				const struct swiotlb_fit *fit);
void swiotlb_area_free(struct io_tlb_area *area, unsigned int index,
		       unsigned int nslots, atomic_t *cell, int value);

#endif /* _KERNEL_DMA_SWIOTLB_AREA_H */
