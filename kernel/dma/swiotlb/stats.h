/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_STATS_H
#define _KERNEL_DMA_SWIOTLB_STATS_H

#include "mem.h"

/* Name of the counter of an event, and mode of its file in sysfs */
struct swiotlb_event_info {
	const char *name;
	umode_t mode;
};

extern const struct swiotlb_event_info swiotlb_event_infos[];

int swiotlb_stat_reset_peak(void *data, u64 val);

/* A restricted pool may have no &struct page, and so no node. */
static inline int swiotlb_pool_nid(const struct io_tlb_pool *pool)
{
	unsigned long pfn = PHYS_PFN(pool->start);

	return pfn_valid(pfn) ? pfn_to_nid(pfn) : NUMA_NO_NODE;
}

#endif /* _KERNEL_DMA_SWIOTLB_STATS_H */
