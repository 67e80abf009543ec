/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much memory an allocator may have.
 */
#ifndef _KERNEL_DMA_SWIOTLB_LIMIT_H
#define _KERNEL_DMA_SWIOTLB_LIMIT_H

#include "mem.h"

#ifdef CONFIG_SWIOTLB_DYNAMIC

unsigned long swiotlb_limit_nslots(const struct swiotlb_mem *mem);
long swiotlb_limit_room(const struct swiotlb_mem *mem);
bool swiotlb_limit_is_reached(const struct swiotlb_mem *mem);
unsigned long swiotlb_transient_nslots(struct swiotlb_mem *mem);

#else /* !CONFIG_SWIOTLB_DYNAMIC */

static inline bool swiotlb_limit_is_reached(const struct swiotlb_mem *mem)
{
	return true;
}

static inline unsigned long swiotlb_transient_nslots(struct swiotlb_mem *mem)
{
	return 0;
}

#endif /* CONFIG_SWIOTLB_DYNAMIC */

#endif /* _KERNEL_DMA_SWIOTLB_LIMIT_H */
