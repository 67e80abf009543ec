/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The numbers of an allocator that can be read.
 */
#ifndef _KERNEL_DMA_SWIOTLB_STATS_H
#define _KERNEL_DMA_SWIOTLB_STATS_H

#include "mem.h"

/**
 * enum swiotlb_stat - a number of an allocator
 * @SWIOTLB_STAT_TOTAL:	Slots of open pools.
 * @SWIOTLB_STAT_USED:	Slots in use: a sum over CPUs, which map and unmap meanwhile.
 * @SWIOTLB_STAT_EXACT:	The exact number, including slots of transient pools and of the
 *		wider allocator. Only with track_hiwater.
 * @SWIOTLB_STAT_PEAK:	Highest value of the exact number. Only with track_hiwater.
 * @SWIOTLB_STAT_TRANSIENT: Slots of transient pools.
 * @SWIOTLB_STAT_BOUNCED: Bytes that were copied.
 */
enum swiotlb_stat {
	SWIOTLB_STAT_TOTAL,
	SWIOTLB_STAT_USED,
	SWIOTLB_STAT_EXACT,
	SWIOTLB_STAT_PEAK,
	SWIOTLB_STAT_TRANSIENT,
	SWIOTLB_STAT_BOUNCED,
};

/**
 * struct swiotlb_event_info - how an event is shown
 * @name:	Of the counter.
 * @mode:	Of its file in sysfs.
 */
struct swiotlb_event_info {
	const char *name;
	umode_t mode;
};

extern const struct swiotlb_event_info swiotlb_event_infos[];

unsigned long swiotlb_stat(struct swiotlb_mem *mem, enum swiotlb_stat stat);
int swiotlb_stat_reset_peak(struct swiotlb_mem *mem, u64 val);

/* Node that a pool is on; %NUMA_NO_NODE for a restricted pool where there are no pages. */
static inline int swiotlb_pool_nid(const struct io_tlb_pool *pool)
{
	unsigned long pfn = PHYS_PFN(pool->start);

	return pfn_valid(pfn) ? pfn_to_nid(pfn) : NUMA_NO_NODE;
}

#endif /* _KERNEL_DMA_SWIOTLB_STATS_H */
