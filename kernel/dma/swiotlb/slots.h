/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_SLOTS_H
#define _KERNEL_DMA_SWIOTLB_SLOTS_H

#include "internal.h"

/* Slots of the largest mapping outside large pools. Only the last area may be smaller. */
#define SWIOTLB_MAX_SLOTS	IO_TLB_SEGSIZE
#define SWIOTLB_NO_SLOT		UINT_MAX
/* Hints are kept for blocks of 1, 2, 4 and 8 slots (16 KiB). */
#define SWIOTLB_MAX_HINT_ORDER	3
#define SWIOTLB_NO_BOUNDARY	ULONG_MAX
/* The segment boundary of the device, and @segment_mask of the pool */
#define SWIOTLB_NR_BOUNDARIES	2

/**
 * struct swiotlb_slots - which slots of an area are in use
 * @used:	Bitmap of slots in use.
 * @head:	Bitmap of slots that are the first of a run. Also read without the lock.
 * @nslots:	Number of slots, constant.
 * @nused:	Number of slots in use. Read without the lock as an estimate.
 * @longest:	No free run is longer than this. Read without the lock as an estimate.
 * @hint:	For each order o, no free aligned block of 2^o slots begins below @hint[o].
 *
 * Protected by the area's lock.
 */
struct swiotlb_slots {
	unsigned long *used;
	unsigned long *head;
	unsigned int nslots;
	unsigned int nused;
	unsigned int longest;
	unsigned int hint[SWIOTLB_MAX_HINT_ORDER + 1];
};

/*
 * A run crosses a boundary unless (@off + i) & ~@mask is the same for all its slots i. @mask
 * is 2^n - 1, or %SWIOTLB_NO_BOUNDARY.
 */
struct swiotlb_boundary {
	unsigned long mask;
	unsigned long off;
};

/**
 * struct swiotlb_fit - constraints on a run; slots count from the start of the area
 * @nslots:	Length of the run, not 0.
 * @align_mask:	2^n - 1. For the first slot i, (@align_off + i) & @align_mask is 0.
 * @align_off:	See @align_mask.
 * @boundary:	Boundaries that the run must not cross.
 */
struct swiotlb_fit {
	unsigned int nslots;
	unsigned int align_mask;
	unsigned int align_off;
	struct swiotlb_boundary boundary[SWIOTLB_NR_BOUNDARIES];
};

/* An estimate unless the area's lock is held */
static inline bool swiotlb_slots_may_fit(const struct swiotlb_slots *slots, unsigned int nslots)
{
	return nslots <= slots->nslots - READ_ONCE(slots->nused) &&
	       nslots <= READ_ONCE(slots->longest);
}

void swiotlb_slots_init(struct swiotlb_slots *slots, unsigned long *used,
			unsigned long *head, unsigned int nslots);
unsigned int swiotlb_slots_find(struct swiotlb_slots *slots, const struct swiotlb_fit *fit);
void swiotlb_slots_claim(struct swiotlb_slots *slots, unsigned int index, unsigned int nslots);
bool swiotlb_slots_release(struct swiotlb_slots *slots, unsigned int index, unsigned int nslots);
unsigned int swiotlb_slots_head(const struct swiotlb_slots *slots, unsigned int index);

#endif /* _KERNEL_DMA_SWIOTLB_SLOTS_H */
