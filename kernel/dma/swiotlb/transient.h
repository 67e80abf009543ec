/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Transient pools. Without SWIOTLB_DYNAMIC, the compiler drops all calls.
 */
#ifndef _KERNEL_DMA_SWIOTLB_TRANSIENT_H
#define _KERNEL_DMA_SWIOTLB_TRANSIENT_H

#include "mem.h"

phys_addr_t swiotlb_transient_map(struct swiotlb_mem *mem, struct device *dev,
				  const struct swiotlb_request *req, gfp_t gfp,
				  struct io_tlb_pool **pool);
void swiotlb_transient_unmap(struct device *dev, struct io_tlb_pool *pool,
			     unsigned int nslots);

/* Does the device reach any memory in which a transient pool may be made? */
static inline bool swiotlb_transient_is_reached(const struct swiotlb_mem *mem,
						struct device *dev)
{
	return swiotlb_growth_is_enabled(mem) &&
	       swiotlb_dev_last(dev) >= PFN_PHYS(min_low_pfn) + PAGE_SIZE - 1;
}

#endif /* _KERNEL_DMA_SWIOTLB_TRANSIENT_H */
