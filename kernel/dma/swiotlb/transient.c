// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transient pools: made on the spot, for one mapping, when nothing else is left.
 */

#include "internal.h"

static void swiotlb_transient_free_work(struct work_struct *work)
{
	swiotlb_pool_destroy(container_of(to_rcu_work(work), struct io_tlb_pool,
					  free_work));
}

/* Others may still look at the pool while they walk through its bucket. */
static void swiotlb_transient_queue_free(struct io_tlb_pool *pool)
{
	INIT_RCU_WORK(&pool->free_work, swiotlb_transient_free_work);
	queue_rcu_work(system_dfl_wq, &pool->free_work);
}

/*
 * A pool begins on a multiple of its size. Once that is not less than the
 * alignment, the slot to begin with is number req->align, and there must be
 * slots from there on. Where the device sees memory at another address, its
 * alignment may begin anywhere.
 */
static unsigned long swiotlb_transient_nslots(struct device *dev,
					      const struct swiotlb_request *req)
{
	if (IS_ENABLED(CONFIG_ARCH_HAS_PHYS_TO_DMA) || dev->dma_range_map)
		return req->nslots + req->align_mask;
	return max(req->nslots + req->align, req->align_mask + 1);
}

/**
 * swiotlb_transient_map() - map in a pool of its own
 * @mem:	Allocator that is full.
 * @dev:	Device that will use the mapping.
 * @req:	What to map, swiotlb_request_possible().
 * @pool:	Filled in on success.
 *
 * Context: Any. The pool is freed in process context, after the unmap.
 * Return: Physical address of the bounce buffer, or %SWIOTLB_MAP_FULL.
 */
phys_addr_t swiotlb_transient_map(struct swiotlb_mem *mem, struct device *dev,
				  const struct swiotlb_request *req,
				  struct io_tlb_pool **pool)
{
	unsigned long nslots = swiotlb_transient_nslots(dev, req);
	phys_addr_t tlb_addr = SWIOTLB_MAP_FULL;
	struct io_tlb_pool *new;
	dma_addr_t dma_start;

	if (!swiotlb_mem_can_grow(mem))
		return SWIOTLB_MAP_FULL;

	new = swiotlb_pool_create(dev, mem, nslots, 1,
				  swiotlb_dev_phys_limit(dev), swiotlb_dev_node(dev),
				  GFP_NOWAIT | __GFP_NOWARN);
	if (!new)
		return SWIOTLB_MAP_FULL;
	new->state = SWIOTLB_POOL_TRANSIENT;

	dma_start = swiotlb_dma_start(mem, dev, new);
	if (swiotlb_pool_reached(new, dev, dma_start))
		tlb_addr = swiotlb_pool_map(new, 0, req, dma_start, SWIOTLB_SPIN);
	if (swiotlb_map_failed(tlb_addr)) {
		swiotlb_transient_queue_free(new);
		return SWIOTLB_MAP_FULL;
	}

	swiotlb_index_add_transient(mem, new);
	atomic_long_add(nslots, &mem->transient_nslots);
	swiotlb_count(mem, SWIOTLB_TRANSIENT, 1);
	trace_swiotlb_transient(dev, req->bytes, tlb_addr);
	swiotlb_account(mem, req->nslots);
	*pool = new;
	return tlb_addr;
}

/**
 * swiotlb_transient_free() - free a transient pool
 * @mem:	Allocator that it stood in for.
 * @pool:	The pool, after the mapping in it was freed.
 *
 * Context: Any. The memory is freed in process context.
 */
void swiotlb_transient_free(struct swiotlb_mem *mem, struct io_tlb_pool *pool)
{
	atomic_long_sub(pool->nslots, &mem->transient_nslots);
	swiotlb_index_del_transient(mem, pool);
	swiotlb_transient_queue_free(pool);
}
