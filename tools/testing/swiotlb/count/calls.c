// SPDX-License-Identifier: GPL-2.0-only
/* The calls of a driver, compiled like the engine, because they are partly inline. */
#include "count.h"

phys_addr_t counted_map(struct device *dev, phys_addr_t orig, size_t size)
{
	unsigned long attrs = DMA_ATTR_NO_WARN;

	return swiotlb_tbl_map_single(dev, orig, size, 0, DMA_BIDIRECTIONAL,
				      &attrs);
}

void counted_unmap(struct device *dev, phys_addr_t tlb, size_t size)
{
	swiotlb_tbl_unmap_single(dev, tlb, size, DMA_BIDIRECTIONAL, 0);
}
