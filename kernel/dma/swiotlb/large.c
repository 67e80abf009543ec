// SPDX-License-Identifier: GPL-2.0-only
/* Mappings of more than 256 KiB, for callers that can sleep. */

#define pr_fmt(fmt) "software IO TLB: " fmt

#include "large.h"
#include "pages.h"

/**
 * DOC: Large mappings
 *
 * A frame buffer of many MiB must be contiguous for a device without an IOMMU, but a mapping in
 * other pools has at most 256 KiB. So a large mapping gets a pool with one area. The size of the
 * pool is a multiple of 2 MiB, so two mappings of 1 MiB can share a pool.
 *
 * When the mapping ends, the pool is kept for a while: the next frame has the same size, and
 * contiguous memory of that size is hard to find. The worker frees the pool after the quiet time.
 * A large map that does not fit within the limit frees idle large pools at once.
 *
 * A large pool counts towards the limit, and is in the list and in the index like other pools. But
 * searches for smaller mappings skip it, and its slots do not count as in use: otherwise the
 * worker would add pools. It lies within the reach of the device that it was made for, but all
 * devices that reach it can use it. Callers can sleep, so swiotlb_pools_lock protects the search.
 */

static phys_addr_t swiotlb_large_map_in(struct swiotlb_mem *mem, struct device *dev,
					const struct swiotlb_request *req, struct io_tlb_pool *pool)
{
	phys_addr_t tlb_addr;

	if (!swiotlb_dev_reaches(mem, dev, pool->start, pool->end - 1))
		return SWIOTLB_MAP_FULL;
	tlb_addr = swiotlb_pool_map(pool, 0, req, swiotlb_dma_addr(mem, dev, pool->start));
	if (tlb_addr != SWIOTLB_MAP_FULL)
		swiotlb_record_write_large(&pool->records[swiotlb_pool_index(pool, tlb_addr) -
							  req->pad_slots], req);
	return tlb_addr;
}

/* Do not use a pool that is more than twice as large as needed. */
static phys_addr_t swiotlb_large_reuse(struct swiotlb_mem *mem, struct device *dev,
				       const struct swiotlb_request *req,
				       struct io_tlb_pool **found)
{
	struct io_tlb_pool *pool;
	phys_addr_t tlb_addr;

	guard(mutex)(&swiotlb_pools_lock);
	swiotlb_for_each_pool_locked(pool, mem) {
		if (!swiotlb_pool_is_large(pool) ||
		    pool->nslots / 2 > swiotlb_large_nslots(dev, req))
			continue;
		tlb_addr = swiotlb_large_map_in(mem, dev, req, pool);
		if (tlb_addr == SWIOTLB_MAP_FULL)
			continue;
		*found = pool;
		return tlb_addr;
	}
	return SWIOTLB_MAP_FULL;
}

/*
 * Returns 0; -ENOSPC if the limit does not allow the pool now; -E2BIG if it never does; -EBUSY if
 * the allocator may no longer grow; or -ENOMEM if swiotlb_pools_prepare() fails.
 */
static int swiotlb_large_reserve(struct swiotlb_mem *mem, unsigned long nslots)
{
	unsigned long boot_nslots = swiotlb_mem_low(mem)->boot_pool.nslots;

	guard(mutex)(&swiotlb_pools_lock);
	if (!mem->growth.enabled)
		return -EBUSY;
	if (nslots + boot_nslots > swiotlb_limit_nslots(mem))
		return -E2BIG;
	if (swiotlb_limit_room(mem) < (long)nslots)
		return -ENOSPC;
	if (swiotlb_pools_prepare())
		return -ENOMEM;
	swiotlb_mem_hold(mem, nslots);
	return 0;
}

/* Returns the pool; -ERANGE if the request does not fit in the pool; or another error. */
static struct io_tlb_pool *swiotlb_large_create(struct swiotlb_mem *mem, struct device *dev,
						const struct swiotlb_request *req,
						unsigned long nslots, phys_addr_t *tlb_addr)
{
	struct swiotlb_pages pages = {
		.bytes = nslots << IO_TLB_SHIFT,
		.shared = mem->pub.cc_shared,
		.last = min(swiotlb_dev_last(dev), mem->last),
		.nid = swiotlb_dev_node(dev),
		.gfp = GFP_KERNEL | __GFP_NOWARN,
	};
	struct io_tlb_pool *pool = swiotlb_pool_create(mem, &pages, 1);
	int ret = 0;

	if (IS_ERR(pool)) {
		swiotlb_growth_unhold(mem, nslots);
		swiotlb_mem_made_room(mem);
		return pool;
	}

	pool->state = SWIOTLB_POOL_LARGE;
	*tlb_addr = swiotlb_large_map_in(mem, dev, req, pool);
	if (*tlb_addr == SWIOTLB_MAP_FULL)
		ret = -ERANGE;
	else if (swiotlb_growth_add(mem, pool))
		ret = -EBUSY;
	if (ret) {
		swiotlb_growth_destroy(mem, pool);
		return ERR_PTR(ret);
	}
	/* The rest of the pool may be enough for another waiter. */
	swiotlb_mem_made_room(mem);
	return pool;
}

/* At the limit, free idle large pools even if the device does not reach them: all of them count. */
static struct io_tlb_pool *swiotlb_large_add(struct swiotlb_mem *mem, struct device *dev,
					     const struct swiotlb_request *req,
					     unsigned long nslots, phys_addr_t *tlb_addr)
{
	int ret = swiotlb_large_reserve(mem, nslots);
	struct swiotlb_mem *from;

	if (ret == -ENOSPC) {
		for (from = mem->wider ?: mem; from; from = from->narrower)
			swiotlb_growth_trim(from);
		ret = swiotlb_large_reserve(mem, nslots);
	}
	return ret ? ERR_PTR(ret) : swiotlb_large_create(mem, dev, req, nslots, tlb_addr);
}

/**
 * swiotlb_large_map() - map in a pool of large mappings
 * @mem:	Allocator of the device, which may grow.
 * @dev:	Device that will use the mapping.
 * @req:	The request, of more than %SWIOTLB_MAX_SLOTS slots; swiotlb_request_possible() is
 *		%true for it.
 * @reach:	Pools that the device can use.
 * @found:	Receives the pool, or the reason for a failure: -ENOSPC if the limit does not
 *		allow the pool now, but may allow it later.
 *
 * Context: Process context, takes swiotlb_pools_lock. This may take seconds.
 * Return: Physical address of the bounce buffer, or %SWIOTLB_MAP_FULL.
 */
phys_addr_t swiotlb_large_map(struct swiotlb_mem *mem, struct device *dev,
			      const struct swiotlb_request *req,
			      enum swiotlb_reach reach, struct io_tlb_pool **found)
{
	struct swiotlb_mem *from, *widest = swiotlb_mem_widest(mem, reach);
	unsigned long nslots = swiotlb_large_nslots(dev, req);
	phys_addr_t tlb_addr = SWIOTLB_MAP_FULL;

	for (from = widest; from && tlb_addr == SWIOTLB_MAP_FULL; from = from->narrower)
		tlb_addr = swiotlb_large_reuse(from, dev, req, found);
	if (tlb_addr == SWIOTLB_MAP_FULL)
		*found = swiotlb_large_add(widest, dev, req, nslots, &tlb_addr);
	/*
	 * The pool may cross the segment boundary of the device. Try the next power of two:
	 * memory of 2^n pages is aligned to its size unless it is from CMA, so it crosses no
	 * boundary of that size or more.
	 */
	if (*found == ERR_PTR(-ERANGE) && !is_power_of_2(nslots)) {
		*found = swiotlb_large_add(widest, dev, req, roundup_pow_of_two(nslots), &tlb_addr);
		/* Do not wait: each try would make and free the smaller pool again. */
		if (*found == ERR_PTR(-ENOSPC))
			*found = ERR_PTR(-ERANGE);
	}
	if (IS_ERR(*found))
		return SWIOTLB_MAP_FULL;
	swiotlb_count(mem, SWIOTLB_LARGE, 1);
	return tlb_addr;
}

/**
 * swiotlb_large_unmap() - end a large mapping
 * @pool:	Its pool.
 * @map:	The mapping, whose record the caller has taken.
 *
 * Context: Any, takes the lock of an area.
 */
void swiotlb_large_unmap(struct io_tlb_pool *pool, const struct swiotlb_mapping *map)
{
	struct swiotlb_mem *mem = pool->mem;

	WRITE_ONCE(pool->idle, jiffies);
	swiotlb_pool_release(pool, map->head, map->nslots, NULL, 0);
	swiotlb_mem_made_room(mem);
}
