/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Statistics of allocators.
 */
#ifndef _KERNEL_DMA_SWIOTLB_STATS_H
#define _KERNEL_DMA_SWIOTLB_STATS_H

#include "mem.h"

#ifdef CONFIG_DEBUG_FS
void swiotlb_debugfs_add(struct swiotlb_mem *mem, const char *name);
#else
static inline void swiotlb_debugfs_add(struct swiotlb_mem *mem,
				       const char *name)
{
}
#endif

#endif /* _KERNEL_DMA_SWIOTLB_STATS_H */
