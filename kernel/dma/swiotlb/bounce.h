/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The copy.
 */
#ifndef _KERNEL_DMA_SWIOTLB_BOUNCE_H
#define _KERNEL_DMA_SWIOTLB_BOUNCE_H

#include "pool.h"

void swiotlb_copy(struct device *dev, const struct io_tlb_pool *pool,
		  phys_addr_t tlb_addr, phys_addr_t orig_addr, size_t bytes,
		  enum dma_data_direction dir);
void swiotlb_bounce(struct device *dev, const struct io_tlb_pool *pool,
		    const struct swiotlb_mapping *map, phys_addr_t tlb_addr,
		    size_t bytes, enum dma_data_direction dir);

#endif /* _KERNEL_DMA_SWIOTLB_BOUNCE_H */
