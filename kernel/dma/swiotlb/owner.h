/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocators of single devices.
 */
#ifndef _KERNEL_DMA_SWIOTLB_OWNER_H
#define _KERNEL_DMA_SWIOTLB_OWNER_H

#include "mem.h"

phys_addr_t swiotlb_own_map(struct swiotlb_mem *own, struct device *dev,
			    const struct swiotlb_request *req,
			    struct io_tlb_pool **pool);

#endif /* _KERNEL_DMA_SWIOTLB_OWNER_H */
