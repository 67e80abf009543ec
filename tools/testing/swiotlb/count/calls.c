// SPDX-License-Identifier: GPL-2.0-only
/* Map and unmap as a driver does; compiled like the engine, for its inline functions. */
#include "count.h"

#define CALLS(name)							\
	noinline phys_addr_t name##_map(struct device *dev, phys_addr_t orig, \
					size_t size)			\
	{								\
		unsigned long attrs = DMA_ATTR_NO_WARN;			\
									\
		return swiotlb_tbl_map_single(dev, orig, size, 0,	\
					      DMA_BIDIRECTIONAL, &attrs); \
	}								\
	noinline void name##_unmap(struct device *dev, phys_addr_t tlb,	\
				   size_t size)				\
	{								\
		swiotlb_tbl_unmap_single(dev, tlb, size, DMA_BIDIRECTIONAL, 0); \
	}
CALLS(warm)
CALLS(counted)
