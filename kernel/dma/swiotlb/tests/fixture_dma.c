// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings as drivers make them; see fixture.h.
 */

#include "../pool.h"
#include "fixture.h"

/**
 * swiotlb_test_map() - map a buffer without an alignment mask, and log no failure
 * @dev:	Device.
 * @buffer:	The buffer, in low memory.
 * @bytes:	Its size.
 * @dir:	Direction.
 *
 * Return: As for swiotlb_tbl_map_single().
 */
phys_addr_t swiotlb_test_map(struct device *dev, void *buffer, size_t bytes,
			     enum dma_data_direction dir)
{
	unsigned long attrs = DMA_ATTR_NO_WARN;

	return swiotlb_tbl_map_single(dev, virt_to_phys(buffer), bytes, 0, dir,
				      &attrs);
}

/**
 * swiotlb_test_bounce() - get the virtual address of a bounce buffer
 * @dev:	Device of the mapping.
 * @tlb_addr:	Physical address of the bounce buffer.
 *
 * Return: The virtual address, %NULL if there is no bounce buffer.
 */
void *swiotlb_test_bounce(struct device *dev, phys_addr_t tlb_addr)
{
	struct io_tlb_pool *pool = swiotlb_find_pool(dev, tlb_addr);

	return pool ? pool->vaddr + (tlb_addr - pool->start) : NULL;
}
