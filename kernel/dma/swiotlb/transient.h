/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Transient pools.
 */
#ifndef _KERNEL_DMA_SWIOTLB_TRANSIENT_H
#define _KERNEL_DMA_SWIOTLB_TRANSIENT_H

#include "mem.h"

#ifdef CONFIG_SWIOTLB_DYNAMIC

bool swiotlb_transient_is_reached(const struct swiotlb_mem *mem,
				  struct device *dev);
phys_addr_t swiotlb_transient_map(struct swiotlb_mem *mem, struct device *dev,
				  const struct swiotlb_request *req,
				  struct io_tlb_pool **pool);
void swiotlb_transient_unmap(struct io_tlb_pool *pool, unsigned int index,
			     unsigned int nslots);

#else /* !CONFIG_SWIOTLB_DYNAMIC */

static inline bool swiotlb_transient_is_reached(const struct swiotlb_mem *mem,
						struct device *dev)
{
	return false;
}

static inline phys_addr_t swiotlb_transient_map(struct swiotlb_mem *mem,
						struct device *dev,
						const struct swiotlb_request *req,
						struct io_tlb_pool **pool)
{
	return SWIOTLB_MAP_FULL;
}

static inline void swiotlb_transient_unmap(struct io_tlb_pool *pool,
					   unsigned int index, unsigned int nslots)
{
}

#endif /* CONFIG_SWIOTLB_DYNAMIC */

#endif /* _KERNEL_DMA_SWIOTLB_TRANSIENT_H */
