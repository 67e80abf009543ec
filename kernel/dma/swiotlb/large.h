/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_LARGE_H
#define _KERNEL_DMA_SWIOTLB_LARGE_H

#include "mem.h"

/* Slots of the largest mapping, whose size in bytes must fit in 32 bits */
#define SWIOTLB_LARGEST_SLOTS	(SZ_1G >> IO_TLB_SHIFT)

phys_addr_t swiotlb_large_map(struct swiotlb_mem *mem, struct device *dev,
			      const struct swiotlb_request *req,
			      enum swiotlb_reach reach, struct io_tlb_pool **found);
void swiotlb_large_unmap(struct io_tlb_pool *pool, const struct swiotlb_mapping *map);

static inline unsigned int swiotlb_most_slots(struct device *dev, unsigned long attrs)
{
	return attrs & DMA_ATTR_MAY_SLEEP &&
	       swiotlb_growth_is_enabled(swiotlb_dev_shared(dev)) ?
	       SWIOTLB_LARGEST_SLOTS : SWIOTLB_MAX_SLOTS;
}

#endif /* _KERNEL_DMA_SWIOTLB_LARGE_H */
