/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _KERNEL_DMA_SWIOTLB_WAIT_H
#define _KERNEL_DMA_SWIOTLB_WAIT_H

#include "mem.h"

phys_addr_t swiotlb_map_atomic(struct swiotlb_mem *mem, struct device *dev,
			       const struct swiotlb_request *req,
			       enum swiotlb_reach reach, struct io_tlb_pool **pool);
phys_addr_t swiotlb_map_sleeping(struct swiotlb_mem *mem, struct device *dev,
				 const struct swiotlb_request *req,
				 enum swiotlb_reach reach, struct io_tlb_pool **pool);

#endif /* _KERNEL_DMA_SWIOTLB_WAIT_H */
